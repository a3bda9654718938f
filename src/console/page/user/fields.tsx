/** What is known of a message beside its data. */
import type { ComponentChildren } from "preact";
import { Ago } from "../parts/ago.tsx";
import { Shown } from "../parts/shown.tsx";

export type Field = readonly [name: string, value: ComponentChildren];

/** Those that have a value. */
export const Fields = ({ fields }: { readonly fields: readonly Field[] }) => (
  <dl class="fields">
    {fields
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
  </dl>
);

export const textOf = (text: string | undefined): ComponentChildren =>
  text === undefined ? undefined : <Shown text={text} />;

export const timeOf = (at: string | undefined): ComponentChildren =>
  at === undefined ? undefined : (
    <>
      <Ago at={at} /> <span class="soft">{at}</span>
    </>
  );
