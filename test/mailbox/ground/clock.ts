/**
 * The clock that the Worker and its Mailboxes read. Tests run in their isolate, so that replacing `Date.now` moves it for all of
 * them, and for the tokens that a test mints; timers and the platform's alarms keep real time.
 */
import { afterEach } from "vitest";

const realNow = Date.now;
let offsetMs = 0;
let frozenAt: number | undefined;

Date.now = () => (frozenAt ?? realNow()) + offsetMs;

export const clock = {
  now: (): number => Date.now(),
  /** Forwards, or with a negative number backwards. */
  advance(ms: number): void {
    offsetMs += ms;
  },
  /** Stands still from here on, but for `advance`. */
  freeze(): void {
    frozenAt ??= realNow();
  },
  reset(): void {
    offsetMs = 0;
    frozenAt = undefined;
  },
  /** Real time, whatever the clock says. */
  realNow: (): number => realNow(),
};

export const SECOND_MS = 1_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

afterEach(() => clock.reset());
