/** The numbers that its users ask for, out of what was counted (M1). */
import type { Tally } from "./tally.ts";

const ENDS = ["expired", "rejected", "undeliverable", "replaced", "recalled", "erased"] as const;

/** Messages that have ended; those of users who have never connected apart. */
export const ended = (tally: Tally): number =>
  ENDS.reduce((sum, end) => sum + tally.count(`ended_${end}`), tally.count("messages_delivered")) -
  tally.count("ended_never_connected");

/** Of those, the ones that were to reach somebody who had been there, and did not. */
export const failed = (tally: Tally): number =>
  tally.count("failed_expired") + tally.count("failed_rejected") + tally.count("failed_undeliverable");

/** A share from 0 to 1; undefined where nothing was counted. */
const share = (part: number, whole: number): number | undefined => (whole <= 0 ? undefined : part / whole);

export const deliveryFailureRate = (tally: Tally): number | undefined => share(failed(tally), ended(tally));

export const deliverySuccessRate = (tally: Tally): number | undefined => {
  const rate = deliveryFailureRate(tally);
  return rate === undefined ? undefined : 1 - rate;
};

export const connectionFailureRate = (tally: Tally): number | undefined =>
  share(tally.count("connection_failures"), tally.count("connection_attempts"));
