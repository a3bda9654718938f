/** A message in a table of five columns: its line, and below it, opened, all of it. */
import type { ComponentChildren } from "preact";
import { Shown } from "./shown.tsx";

interface OpeningRowProps {
  readonly message: { readonly type?: string | undefined; readonly id: string };
  readonly isOpen: boolean;
  readonly onOpen: () => void;
  /** What stands before its name. */
  readonly before?: ComponentChildren;
  /** The cells after it. */
  readonly children: ComponentChildren;
  readonly detail: ComponentChildren;
}

export const OpeningRow = ({ message, isOpen, onOpen, before, children, detail }: OpeningRowProps) => (
  <>
    <tr class={isOpen ? "is-open" : ""}>
      {before}
      <th scope="row" class="name">
        <button type="button" class="open" aria-expanded={isOpen} onClick={onOpen}>
          <Shown text={message.type ?? ""} />
        </button>
        <span class="soft id">
          <Shown text={message.id} />
        </span>
      </th>
      {children}
    </tr>
    {isOpen ? (
      <tr class="detail">
        <td colSpan={5}>{detail}</td>
      </tr>
    ) : null}
  </>
);
