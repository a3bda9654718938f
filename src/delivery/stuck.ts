/** Whether a message is held, and not acked, for too long while somebody is connected (N4). */
import { LIMITS } from "../protocol/limits.ts";
import type { Desk } from "./desk.ts";

/**
 * Looked for where an alarm has come for it, and while it is so: a look may read a row, which no send and no ack is to pay for.
 * From one look follows how long the next has time, as what comes later is younger.
 */
export const isStuck = (desk: Desk, now: number): boolean => {
  const isLooking = desk.hasTicked && (stuckDueAt(desk) ?? Number.POSITIVE_INFINITY) <= now;
  desk.hasTicked = false;
  if (!isLooking && !desk.outbox.attention.isShownStuck) return false;
  const at = stuckAt(desk, now);
  desk.notStuckBefore = at ?? now + LIMITS.heldTooLongMs;
  return at !== undefined && at <= now;
};

/** When an alarm has to look; undefined where nothing can come of it, or it is known already. */
export const stuckDueAt = (desk: Desk): number | undefined => {
  const { attention } = desk.outbox;
  if (desk.sessions.size === 0 || !attention.mayHoldUnacked || attention.isShownStuck) return undefined;
  return Math.max(desk.notStuckBefore, firstOpenedAt(desk) + LIMITS.heldTooLongMs);
};

const firstOpenedAt = (desk: Desk): number => {
  let openedAt = Number.POSITIVE_INFINITY;
  for (const session of desk.sessions.values()) openedAt = Math.min(openedAt, session.openedAt);
  return openedAt;
};

/** Since when it is so, or from when on it will be; undefined where nobody is connected, or all is acked. */
const stuckAt = (desk: Desk, now: number): number | undefined => {
  if (desk.sessions.size === 0) return undefined;
  let acked = 0;
  for (const session of desk.sessions.values()) acked = Math.max(acked, session.acked);
  const oldestAt = desk.outbox.attention.oldestUnackedAt(acked, now);
  return oldestAt === undefined ? undefined : Math.max(oldestAt, firstOpenedAt(desk)) + LIMITS.heldTooLongMs;
};
