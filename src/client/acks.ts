/**
 * Gathers the acks of one connection: at once where little happens, so that a waiting sender has its answer, and together
 * where much does, so that the server's limit of 100 frames a second is never near.
 */

/** Acks that follow one another so closely go together. */
const GATHER_MS = 20;
/** A bucket of acks: so many at once, and so many a second from then on; what a second can see is below the limit. */
const BURST = 45;
const PER_SECOND = 45;

interface AcksPlan {
  readonly send: (seq: number) => void;
  /** Entries that the server lets be un-acked: at half of them an ack is urgent (C7). */
  readonly window: number;
}

export class Acks {
  readonly #plan: AcksPlan;
  #due: number | undefined;
  #gathered = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #allowance = BURST;
  #countedAt = Date.now();

  constructor(plan: AcksPlan) {
    this.#plan = plan;
  }

  /** Everything up to `seq` may be acked; `isIdle`: nothing else will follow at once. */
  add(seq: number, isIdle: boolean): void {
    this.#due = seq;
    this.#gathered += 1;
    if (isIdle || this.#gathered * 2 >= this.#plan.window) this.#sendIfAllowed();
    else this.#later();
  }

  /** Sends what is due without waiting: the connection may end in a moment. */
  flush(): void {
    const seq = this.#due;
    this.stop();
    if (seq !== undefined) this.#plan.send(seq);
  }

  /** Forgets what is due. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = undefined;
    this.#gathered = 0;
  }

  #sendIfAllowed(): void {
    const now = Date.now();
    this.#allowance = Math.min(BURST, this.#allowance + (Math.max(0, now - this.#countedAt) * PER_SECOND) / 1_000);
    this.#countedAt = now;
    if (this.#allowance < 1) return this.#later();
    this.#allowance -= 1;
    this.flush();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#sendIfAllowed();
    }, GATHER_MS);
  }
}
