/** Why somebody should look at a user (N4): the words of the wire, and the bits in which they are stored and compared. */

/** In the order of how they read. Dead letters by how they ended; what is held and not acked while connected; 4408s in a row; webhooks that were given up. */
export const ATTENTION_REASONS = ["rejected", "expired", "undeliverable", "held", "timeouts", "webhooks"] as const;
export type AttentionReason = (typeof ATTENTION_REASONS)[number];

/** Stored: what stands for a reason never changes. */
const BITS: Readonly<Record<AttentionReason, number>> = {
  expired: 1,
  rejected: 2,
  undeliverable: 4,
  held: 8,
  timeouts: 16,
  webhooks: 32,
};

export const bitOf = (reason: AttentionReason): number => BITS[reason];

export const reasonsOf = (bits: number): readonly AttentionReason[] =>
  ATTENTION_REASONS.filter((reason) => (bits & BITS[reason]) !== 0);

/** One above all reasons: a version and the bits beside it are one number. */
export const BITS_END = 64;

/** A user who needs a person, as the index has them. */
export interface Attention {
  /** The Mailbox's name. */
  readonly mailbox: string;
  readonly user: string;
  readonly reasons: number;
  /** Since when there is any reason. */
  readonly since: number;
  /** When the reasons last changed. */
  readonly updatedAt: number;
}

/** What a Mailbox says of itself. A later version wins, whatever comes when; no reasons: it leaves. */
export interface AttentionReport {
  readonly mailbox: string;
  readonly user: string;
  /** The instant of the change, in Unix milliseconds; rising. */
  readonly version: number;
  readonly reasons: number;
}

/** The Monitors that keep the index, each a share of the Mailboxes. Their number is part of where an entry is. */
const SHARDS = 8;

export const attentionShards: readonly string[] = Array.from({ length: SHARDS }, (_, n) => `sys:attention:${n}`);

export const attentionShardOf = (mailbox: string): string =>
  attentionShards[Number.parseInt(mailbox.slice(0, 8), 16) % SHARDS] ?? "sys:attention:0";
