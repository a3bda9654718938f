/** A list's reasons, one of which may be chosen. */
import type { ComponentChildren } from "preact";

interface ChipsProps<Reason> {
  readonly reasons: readonly Reason[];
  /** Undefined is all of them. */
  readonly chosen: Reason | undefined;
  readonly onChoose: (reason: Reason | undefined) => void;
  readonly children: (reason: Reason) => ComponentChildren;
}

export const Chips = <Reason extends string>({ reasons, chosen, onChoose, children }: ChipsProps<Reason>) => (
  <fieldset class="chips">
    <legend class="sr-only">Show those of one reason</legend>
    {[undefined, ...reasons].map((reason) => (
      <button key={reason ?? "all"} type="button" aria-pressed={reason === chosen} onClick={() => onChoose(reason)}>
        {reason === undefined ? "All" : children(reason)}
      </button>
    ))}
  </fieldset>
);
