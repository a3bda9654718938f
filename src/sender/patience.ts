/** How often, and for how long, one call is tried. */
import type { Failure } from "./send-error.ts";

/** The wait before the second attempt is up to twice this; it doubles from there. */
const BACKOFF_BASE_MS = 100;
const BACKOFF_MOST_MS = 5_000;

/** Exponential, with full jitter, so that senders who failed together do not come back together. */
export const backoffMs = (failures: number): number =>
  Math.random() * Math.min(BACKOFF_MOST_MS, BACKOFF_BASE_MS * 2 ** failures);

/** Whether the same again changes the same: a send with an id, a look. What is done `once` is tried again only where it was refused. */
export type Repeating = "repeatable" | "once";

export const mayRepeat = (failure: Failure | undefined, repeating: Repeating): boolean =>
  failure?.retry === "later" || (failure?.retry === "same_id" && repeating === "repeatable");

interface Bounds {
  /** All attempts and pauses together, in milliseconds. */
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly signal: AbortSignal | undefined;
}

export class Patience {
  #attempts = 0;
  readonly signal: AbortSignal | undefined;
  readonly #endsAt: number;
  readonly #maxAttempts: number;

  constructor({ timeoutMs, maxAttempts, signal }: Bounds) {
    this.#endsAt = performance.now() + timeoutMs;
    this.#maxAttempts = maxAttempts;
    this.signal = signal;
  }

  /** Attempts made. */
  get attempts(): number {
    return this.#attempts;
  }

  /** An attempt is made; none is where the signal came first. */
  begin(): void {
    if (!this.signal?.aborted) this.#attempts += 1;
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  /** Pauses before the next attempt; false, at once, where there is none to be made. */
  async again(failure: Failure, repeating: Repeating): Promise<boolean> {
    if (!mayRepeat(failure, repeating)) return false;
    if (this.attempts >= this.#maxAttempts || this.signal?.aborted) return false;
    // What the server asks for is the least, and not the moment at which everybody comes.
    const delayMs = (failure.retryAfterMs ?? 0) + backoffMs(this.attempts);
    if (delayMs >= this.leftMs) return false;
    await pause(delayMs, this.signal);
    return true;
  }
}

/** Ends early where the signal does. */
export const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((done) => {
    if (signal?.aborted) return done();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
