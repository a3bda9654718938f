/** What the running turn does to a user's messages and connections, noted for operators who look on (N6). */
import type { Happening } from "../protocol/live-frames.ts";

const NOTHING: readonly Happening[] = [];

export class Witness {
  /** In order; undefined where nobody looks on, so that nothing is made to be noted: `witness.seen?.push(…)`. */
  seen: Happening[] | undefined;

  /** Gives back what was seen in the turn; `isWatched`: whether to look on. */
  take(isWatched: boolean): readonly Happening[] {
    const seen = this.seen ?? NOTHING;
    this.seen = isWatched ? [] : undefined;
    return seen;
  }
}
