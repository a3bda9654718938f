/** How messages end, and what is released once nobody needs it any more (C5, C6, D5, D6). */
import { type MessageEnd, serverId } from "../protocol/message.ts";
import type { Ended } from "./journal.ts";
import { held } from "./knowing.ts";
import type { LossReason } from "./losses.ts";
import type { Head } from "./messages.ts";
import type { Tables } from "./tables.ts";
import { tellFallback, telling } from "./telling.ts";

/** What one device's connections have acked, and where its cursor may go (C5). */
export interface Progress {
  readonly device: string;
  readonly acked: number;
  readonly cursor: number;
  /** Its connections go on, and have acked all that they were sent: it has no 4408s in a row any more (N4). */
  readonly isDone: boolean;
}

/** How many messages are ended in one go: a step takes a few milliseconds, which is what a send may have to wait for it. */
const SWEEP = 100;

/** Ends one step of what has expired, acks recorded before; true where it ended something and there may be more. */
export const sweep = (tables: Tables, now: number): boolean => {
  const heads = tables.messages.expired(now, SWEEP);
  expire(tables, heads, now);
  return heads.length > 0;
};

/** Ends what has expired in `(after, through]`: an ack that comes after the instant comes too late. */
export const sweepRange = (tables: Tables, after: number, through: number, now: number): void => {
  if (tables.messages.nextExpiry > now) return;
  expire(
    tables,
    tables.messages.heads(after, through).filter((head) => head.expiresAt <= now),
    now,
  );
};

const expire = (tables: Tables, heads: readonly Head[], now: number): void => {
  const lost = { reason: "expired" as const, lostAt: (head: Head) => head.expiresAt };
  const acked = heads.filter((head) => tables.isAcked(head));
  const rest = heads.filter((head) => !tables.isAcked(head));
  finish(tables, acked, "delivered", now, lost);
  finish(
    tables,
    rest.filter((head) => head.rejectReason !== null),
    "rejected",
    now,
    lost,
  );
  finish(
    tables,
    rest.filter((head) => head.rejectReason === null),
    "expired",
    now,
    lost,
  );
};

/**
 * Sends one step of what nobody has acked by its time to the webhook; true where there may be more. Acks are recorded before: one
 * that comes first calls it off, in its own transaction, and one that comes later finds it told.
 */
export const escalate = (tables: Tables, now: number): boolean => {
  const heads = tables.messages.escalating(now, SWEEP);
  for (const held of tables.messages.wholes(heads)) tellFallback(tables, held, now);
  tables.messages.markEscalated(heads, now);
  return heads.length > 0;
};

/** Ends a message by its sender's wish; false where somebody has acked it, or it is not held (S10). */
export const recall = (tables: Tables, seq: number, now: number): boolean => {
  const message = held(tables, seq, now);
  if (message === undefined || tables.isAcked(message)) return false;
  finish(tables, [message], "recalled", now);
  return true;
};

/** Ends what a device failed on again and again; nothing happens to what somebody has acked (D6). */
export const giveUp = (tables: Tables, first: number, seq: number, now: number): void => {
  const heads = tables.messages.heads(first - 1, seq).filter((head) => head.expiresAt > now && !tables.isAcked(head));
  finish(tables, heads, "undeliverable", now, { reason: "undeliverable", lostAt: () => now + 1 });
};

/** Notes that a connection could not process these messages; nothing happens to those that somebody has acked (C6). */
export const reject = (tables: Tables, first: number, seq: number, reason: string, now: number): void => {
  for (const head of tables.messages.heads(first - 1, seq)) {
    if (head.expiresAt > now && !tables.isAcked(head)) tables.messages.markRejected(head.seq, reason);
  }
};

/** Records acks and cursors, and releases what nobody needs any more (C5, D9). */
export const record = (tables: Tables, progress: readonly Progress[], now: number): void => {
  const before = tables.acked;
  tables.journal.enter([], now);
  for (const p of progress) {
    const device = tables.devices.get(p.device);
    if (device === undefined) continue;
    tables.devices.save({
      ...device,
      cursor: Math.max(device.cursor, p.cursor),
      acked: Math.max(device.acked, p.acked),
      lastSeenAt: now,
      timeouts: p.isDone ? 0 : device.timeouts,
    });
    tables.acked = Math.max(tables.acked, p.acked);
  }
  release(tables, now);
  if (tables.acked > before && tables.messages.count > 0) {
    noteDelivered(tables, tables.messages.markDelivered(before, tables.acked, now));
  }
};

/** Releases what every device has passed. */
export const release = (tables: Tables, now: number): void => {
  const lowest = tables.devices.lowestCursor;
  const through = Math.min(lowest ?? tables.acked, tables.acked);
  const heads = tables.messages.count === 0 ? [] : tables.messages.heads(0, through);
  finish(
    tables,
    heads.filter((head) => head.rejectReason === null),
    "delivered",
    now,
  );
  finish(
    tables,
    heads.filter((head) => head.rejectReason !== null),
    "rejected",
    now,
  );
  if (lowest !== undefined) tables.losses.forgetThrough(lowest);
};

/** These have been acked for the first time (M1). */
export const noteDelivered = ({ measured, witness }: Tables, heads: readonly Head[]): void => {
  if (heads.length === 0) return;
  witness.seen?.push(...heads.map((head) => endOf(head, "delivered")));
  measured.count("messages_delivered", heads.length);
  measured.count("messages_rescued", heads.filter((head) => head.away).length);
};

/** All that is held ends, with its user (U4). */
export const noteErased = (tables: Tables, now: number): void => {
  const heads = tables.messages.heads(0, Number.MAX_SAFE_INTEGER);
  const which = (isAcked: boolean) => heads.filter((head) => tables.isAcked(head) === isAcked);
  noteEnded(tables, which(true), "delivered", now);
  noteEnded(tables, which(false), "erased", now);
};

/** These are held no more, and ended so (M1). Who was away all the time was not failed: there was nobody to deliver to. */
const noteEnded = (tables: Tables, heads: readonly Head[], end: MessageEnd, now: number): void => {
  const { measured, witness } = tables;
  for (const head of heads) measured.ended("held", head.acceptedAt, head.expiresAt, now);
  switch (end) {
    case "delivered":
      return noteDelivered(
        tables,
        heads.filter((head) => head.deliveredAt === null),
      );
    case "expired":
    case "rejected":
    case "undeliverable": {
      const failed = heads.filter((head) => tables.wasConnectedSince(head.acceptedAt));
      measured.count(`failed_${end}`, failed.length);
      break;
    }
    case "replaced":
    case "recalled":
    case "erased":
      break;
    case "dropped":
      return;
  }
  witness.seen?.push(...heads.map((head) => endOf(head, end)));
  measured.count(`ended_${end}`, heads.length);
  if (tables.facts.get("had_device") === undefined) measured.count("ended_never_connected", heads.length);
};

/** As operators are told of it (N6). */
const endOf = ({ seq, id }: Head, status: MessageEnd) =>
  ({ type: "ended", seq, id: id ?? serverId(seq), status }) as const;

/** The one way out of the table: enters the end in the journal, buries what is a dead letter, marks the place of a loss. */
export const finish = (
  tables: Tables,
  heads: readonly Head[],
  end: MessageEnd,
  now: number,
  loss?: { readonly reason: LossReason; readonly lostAt: (head: Head) => number },
): void => {
  if (heads.length === 0) return;
  const endedAt = (head: Head): number => {
    if (end === "delivered") return head.deliveredAt ?? now;
    return Math.min(now, head.expiresAt);
  };
  if (end === "expired" || end === "rejected" || end === "undeliverable") {
    const told = telling(tables, tables.messages.wholes(heads), end, now);
    const trailOf = tables.trails.teller();
    tables.deadLetters.bury(told, end, end === "expired" ? null : now, (head, at) => {
      // A fallback that was still to come has gone with its end.
      const escalatedAt = head.escalatedAt ?? (head.fallbackAt === null ? null : now);
      return trailOf({ ...head, escalatedAt }, { reason: end, at });
    });
  }
  tables.messages.remove(heads);
  tables.trails.forgetReleased();
  noteEnded(tables, heads, end, now);
  const ended = heads.map((head): Ended => {
    const { seq, id, digest, acceptedAt, expiresAt, requeuedFrom } = head;
    return { seq, id, digest, end, acceptedAt, expiresAt, endedAt: endedAt(head), requeuedFrom };
  });
  for (const e of ended) tables.finished.set(e.seq, e);
  tables.journal.enter(ended, now);
  if (loss === undefined) return;
  const passed = tables.devices.lowestCursor ?? -1;
  const lost = heads.filter((head) => head.seq > passed);
  tables.losses.add(
    lost.map((head) => ({ seq: head.seq, lostAt: loss.lostAt(head) })),
    loss.reason,
  );
  tables.losses.compactIfMany(tables.devices.all(), () => tables.trails.places);
};
