/**
 * Stores what is on its way once its grace is over. A timer, as nothing is stored that an alarm could find; it keeps the object
 * awake no longer than the sender's wait does anyway.
 */
export class GraceTimer {
  readonly #end: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(end: () => void) {
    this.#end = end;
  }

  /** `endsAt`: of the oldest that is on its way. A timer that runs already comes first, and `end` is to arm it again. */
  arm(endsAt: number | undefined, now: number): void {
    if (endsAt === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#end();
      },
      Math.max(0, endsAt - now),
    );
  }
}
