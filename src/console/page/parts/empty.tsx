/** What stands where there is nothing: what would be here, a wait, or a failure with what to do. */
import type { ComponentChildren } from "preact";
import type { Failure } from "../api.ts";
import { Button } from "./button.tsx";
import type { Loaded } from "./loading.ts";

export const Empty = ({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children === undefined ? null : <div class="soft">{children}</div>}
  </div>
);

export const Loading = ({ what }: { readonly what: string }) => (
  <p class="empty soft" aria-busy="true">
    Loading {what} …
  </p>
);

export const Failed = ({ failure, again }: { readonly failure: Failure; readonly again: () => void }) => (
  <div class="empty failure" role="alert">
    <p>{failure.detail}</p>
    <Button onPress={again}>Try again</Button>
  </div>
);

/** What stands above something that is read again and again: a wait for the first time, or why it could not be read now. */
export const Reading = ({
  of: { value, failure, reload },
  what,
}: {
  readonly of: Loaded<unknown>;
  readonly what: string;
}) => {
  if (failure !== undefined) return <Failed failure={failure} again={reload} />;
  return value === undefined ? <Loading what={what} /> : null;
};
