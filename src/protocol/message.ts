/** What a message is, and how it can end (the contract's vocabulary). */

/** A message that is held and that nobody has acked is `queued`; the others are ends, and final. */
export type MessageStatus = "queued" | MessageEnd;

export type MessageEnd =
  | "delivered"
  | "expired"
  | "rejected"
  | "undeliverable"
  | "replaced"
  | "recalled"
  | "dropped"
  | "erased";

/** The ends that make a dead letter (D6). */
export const DEAD_LETTER_REASONS = ["expired", "rejected", "undeliverable"] as const;
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number];

/** A message as its sender hands it over, checked already. */
export interface NewMessage {
  readonly type: string;
  /** JSON text, compact; absent where the sender gave none. */
  readonly data?: string;
  /** UTF-8 size of `{"type":…,"data":…}`. */
  readonly bytes: number;
  /** The sender's own id, with a digest of `type` and `data` that tells a twin from other content (S4). */
  readonly id?: string;
  readonly digest?: string;
  /** 0 = never stored (S5). Absent = the deployment's default; above the longest, it is granted the longest. */
  readonly ttlMs?: number;
  readonly topic?: string;
  /** One of a stream's deltas: it replaces nothing of its topic, and is joined with its neighbours on its way out (C3). */
  readonly append?: true;
  /** How long it may go un-acked before it goes to the webhook; null = it does not. Absent = the deployment's default. */
  readonly fallbackMs?: number | null;
  /** W3C Trace Context of the send, carried to the clients. */
  readonly traceparent?: string;
}

/** The state of one message (S7), in milliseconds since the Unix epoch. */
export interface MessageState {
  readonly id: string;
  readonly seq: number;
  readonly status: MessageStatus;
  /** Devices that this user has; 0 = never connected. */
  readonly devices: number;
  /** Open connections that it was sent to. */
  readonly sentTo: number;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  /** When the first ack was recorded; at most 10 s after it came (D9). */
  readonly deliveredAt?: number;
  /** When it went to the webhook as a fallback (N1); known while the message is held. */
  readonly escalatedAt?: number;
  /** The seq of the dead letter that this message was made from (D7). */
  readonly requeuedFrom?: number;
}

/** An id made by the server: it starts with `~`, as no sender's may, and contains the seq. */
export const serverId = (seq: number): string => `~${seq}`;

/** The seq inside an id made by the server; undefined where it is not one. */
export const seqOfServerId = (id: string): number | undefined => {
  if (!/^~[1-9][0-9]{0,15}$/.test(id)) return undefined;
  const seq = Number(id.slice(1));
  return Number.isSafeInteger(seq) ? seq : undefined;
};
