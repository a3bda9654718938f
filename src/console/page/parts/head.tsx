/** A table's columns by their names; the class of one is that of its cells. */
import type { ComponentChildren } from "preact";

interface HeadProps {
  readonly columns: readonly (string | readonly [name: string, kind: string])[];
  /** What stands before them. */
  readonly children?: ComponentChildren;
}

export const Head = ({ columns, children }: HeadProps) => (
  <thead>
    <tr>
      {children}
      {columns.map((column) => {
        const [name, kind] = typeof column === "string" ? [column] : column;
        return (
          <th key={name} scope="col" class={kind}>
            {name}
          </th>
        );
      })}
    </tr>
  </thead>
);
