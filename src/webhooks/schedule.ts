/** When a webhook is tried again: the schedule that the Standard Webhooks specification publishes ("Deliverability and reliability"). */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** What is waited before each attempt, from the one before on: ten attempts, over a little more than three days. */
export const ATTEMPT_DELAYS_MS: readonly number[] = [
  0,
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  14 * HOUR_MS,
  20 * HOUR_MS,
  24 * HOUR_MS,
];

/** Up to so much longer, at random: what failed for all at once must not come back at once. */
const JITTER = 0.1;

/**
 * The instant of the next attempt after `attempts` failed ones, or undefined where that was the last.
 *
 * `random` is from 0 up to 1. `notBeforeMs`: how long the receiver has asked to be left alone (`Retry-After`), granted up to
 * the longest delay of the schedule.
 */
export const nextAttemptAt = (attempts: number, now: number, random: number, notBeforeMs = 0): number | undefined => {
  const delayMs = ATTEMPT_DELAYS_MS[attempts];
  if (delayMs === undefined) return undefined;
  const askedMs = Math.min(notBeforeMs, Math.max(...ATTEMPT_DELAYS_MS));
  return now + Math.max(Math.round(delayMs * (1 + JITTER * random)), askedMs);
};
