/** What is known of a message, held or ended (S7, S10). */
import { type MessageStatus, seqOfServerId, serverId } from "../protocol/message.ts";
import type { Head } from "./messages.ts";
import type { Tables } from "./tables.ts";

/** What is known of a message, held or not. */
export interface Known {
  readonly seq: number;
  readonly id: string;
  readonly status: MessageStatus;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly deliveredAt?: number;
  readonly escalatedAt?: number;
  readonly requeuedFrom?: number;
}

export const held = (tables: Tables, seq: number, now: number): Head | undefined => {
  const head = tables.messages.head(seq);
  return head !== undefined && head.expiresAt > now ? head : undefined;
};

/** The seq that an id stands for, the sender's or the server's; undefined where it is not known. */
export const seqOf = (tables: Tables, id: string): number | undefined => {
  return seqOfServerId(id) ?? tables.receipts.find(id)?.seq;
};

/** What is known of a message (S10). */
export const state = (tables: Tables, seq: number, now: number): Known | undefined => {
  const head = tables.messages.head(seq);
  if (head !== undefined) return knownOf(tables, head, now);
  const ended = tables.finished.get(seq) ?? tables.journal.endOf(seq);
  if (ended === undefined) return undefined;
  return {
    seq,
    id: ended.id ?? serverId(seq),
    status: ended.end,
    acceptedAt: ended.acceptedAt,
    expiresAt: ended.expiresAt,
    ...(ended.end === "delivered" ? { deliveredAt: ended.endedAt } : {}),
    ...(ended.requeuedFrom === null ? {} : { requeuedFrom: ended.requeuedFrom }),
  };
};

export const knownOf = (tables: Tables, message: Head, now: number): Known => {
  const acked = tables.isAcked(message);
  const isOver = message.expiresAt <= now;
  const over = isOver ? (message.rejectReason === null ? "expired" : "rejected") : "queued";
  return {
    seq: message.seq,
    id: message.id ?? serverId(message.seq),
    status: acked ? "delivered" : over,
    acceptedAt: message.acceptedAt,
    expiresAt: message.expiresAt,
    ...(acked && message.deliveredAt !== null ? { deliveredAt: message.deliveredAt } : {}),
    ...(message.escalatedAt === null || isOver ? {} : { escalatedAt: message.escalatedAt }),
    ...(message.requeuedFrom === null ? {} : { requeuedFrom: message.requeuedFrom }),
  };
};
