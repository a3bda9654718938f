/** Whether a message is held, and not acked, for too long while somebody is connected (N4). */
import { LIMITS } from "../protocol/limits.ts";
import type { Desk } from "./desk.ts";

/**
 * Looked at only where it may be so: from one look follows how long it cannot, as what comes later is younger. So a busy
 * Mailbox pays a comparison a turn.
 */
export const isStuck = (desk: Desk, now: number): boolean => {
  if (now < desk.notStuckBefore && !desk.outbox.attention.isShownStuck) return false;
  const at = stuckAt(desk, now);
  desk.notStuckBefore = Math.max(at ?? now + LIMITS.heldTooLongMs, now + 1);
  return at !== undefined && at <= now;
};

/** When an alarm has to look; undefined where nothing can come of it. */
export const stuckDueAt = (desk: Desk): number | undefined =>
  desk.sessions.size > 0 && desk.outbox.attention.mayHoldUnacked && !desk.outbox.attention.isShownStuck
    ? desk.notStuckBefore
    : undefined;

const stuckAt = (desk: Desk, now: number): number | undefined => {
  let openedAt = Number.POSITIVE_INFINITY;
  for (const session of desk.sessions.values()) openedAt = Math.min(openedAt, session.openedAt);
  if (!Number.isFinite(openedAt)) return undefined;
  let acked = 0;
  for (const session of desk.sessions.values()) acked = Math.max(acked, session.acked);
  const oldestAt = desk.outbox.attention.oldestUnackedAt(acked, now);
  return oldestAt === undefined ? undefined : Math.max(oldestAt, openedAt) + LIMITS.heldTooLongMs;
};
