/** How long to wait before the next attempt: exponential, with full jitter, so that clients who fell together do not come back together. */

const FIRST_MS = 1_000;
const MOST_MS = 30_000;
/** Where the server asked to stay away for a while (1013). */
const FAR_MS = 8_000;
/** A connection that lived for so long was a good one: the next loss starts anew. */
const STABLE_MS = 10_000;

export class Backoff {
  #failures = 0;

  /** The wait before the next attempt, in milliseconds. */
  next(isFar: boolean): number {
    const bound = Math.min(MOST_MS, (isFar ? FAR_MS : FIRST_MS) * 2 ** this.#failures);
    this.#failures += 1;
    return Math.random() * bound;
  }

  /** A connection ended that was established for `ms`; 0 = never. */
  lived(ms: number): void {
    if (ms >= STABLE_MS) this.#failures = 0;
  }
}
