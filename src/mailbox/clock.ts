/** The Mailbox's clock: the machine's, but it never steps back (D10). It stands still until the machine has caught up. */
export class Clock {
  #last: number;

  /** `floor`: an instant, in Unix milliseconds, that an earlier run of the object has seen. */
  constructor(floor: number) {
    this.#last = floor;
  }

  now(): number {
    this.#last = Math.max(this.#last, Date.now());
    return this.#last;
  }
}

/** Of instants of which some may be none. */
export const earliest = (...instants: readonly (number | undefined)[]): number | undefined => {
  const first = Math.min(...instants.map((instant) => instant ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(first) ? first : undefined;
};
