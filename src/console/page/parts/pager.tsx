/** From one page of a list to the next, and back. */
import { useState } from "preact/hooks";
import { Button } from "./button.tsx";

interface Pages<Cursor> {
  /** The `after` of the page that is shown; undefined is the first. */
  readonly after: Cursor | undefined;
  readonly number: number;
  readonly forth: (next: Cursor) => void;
  readonly back: () => void;
  readonly toFirst: () => void;
}

export const usePages = <Cursor,>(): Pages<Cursor> => {
  // The service knows the way forth alone.
  const [before, setBefore] = useState<readonly Cursor[]>([]);
  return {
    after: before.at(-1),
    number: before.length + 1,
    forth: (next) => setBefore((cursors) => [...cursors, next]),
    back: () => setBefore((cursors) => cursors.slice(0, -1)),
    toFirst: () => setBefore([]),
  };
};

interface PagerProps<Cursor> {
  readonly pages: Pages<Cursor>;
  readonly next: Cursor | undefined;
  readonly what: string;
}

export const Pager = <Cursor,>({ pages, next, what }: PagerProps<Cursor>) => {
  if (next === undefined && pages.number === 1) return null;
  return (
    <nav class="pager" aria-label={`Pages of ${what}`}>
      <Button onPress={pages.back} why={pages.number === 1 ? "This is the first page." : undefined}>
        Back
      </Button>
      <span class="soft" aria-live="polite">
        Page {pages.number}
      </span>
      <Button
        onPress={() => next !== undefined && pages.forth(next)}
        why={next === undefined ? "This is the last page." : undefined}
      >
        Next
      </Button>
    </nav>
  );
};
