/** How the Mailbox delivers. */
import { LIMITS } from "../protocol/limits.ts";
import { type Environment, type Read, readWholeNumbers } from "./environment.ts";
import { type EndEvent, NO_EVENTS, webhookSettings } from "./webhooks.ts";

/** Times in milliseconds. */
export interface DeliverySettings {
  readonly ackTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly ttlDefaultMs: number;
  readonly ttlMaxMs: number;
  readonly outboxMaxMessages: number;
  readonly outboxMaxBytes: number;
  readonly deadLettersMax: number;
  readonly deadLetterTtlMs: number;
  /** At most how long an ack may stay unwritten while nobody waits on it (D9). */
  readonly ackFlushMs: number;
  /** How long a message that its sender waits for may be on its way before it is stored; 0 = it is always stored first. */
  readonly directGraceMs: number;
  /** From one connection. */
  readonly clientFramesPerSecond: number;
  /** How long a message may go un-acked before it goes to the webhook, unless its sender says; null = it does not. */
  readonly fallbackMs: number | null;
  /** Whether there is a receiver of webhooks: without one nobody may ask for a fallback. */
  readonly hasReceiver: boolean;
  /** Which ends the webhook is told of. */
  readonly webhookEvents: readonly EndEvent[];
}

export const DELIVERY_DEFAULTS: DeliverySettings = {
  ackTimeoutMs: LIMITS.ackTimeoutMs,
  heartbeatMs: LIMITS.heartbeatMs,
  ttlDefaultMs: LIMITS.ttlDefaultMs,
  ttlMaxMs: LIMITS.ttlMaxMs,
  outboxMaxMessages: LIMITS.outboxMaxMessages,
  outboxMaxBytes: LIMITS.outboxMaxBytes,
  deadLettersMax: LIMITS.deadLettersMax,
  deadLetterTtlMs: LIMITS.deadLetterTtlMs,
  // As long as D9 allows: the alarm that does it was set with the message, before its ack came.
  ackFlushMs: 10_000,
  directGraceMs: 250,
  clientFramesPerSecond: LIMITS.clientFramesPerSecond,
  fallbackMs: null,
  hasReceiver: false,
  webhookEvents: NO_EVENTS,
};

/** Where a setting has a fault, the Worker lets nobody in, while what is due in a Mailbox still gets done. */
export const deliverySettings = (env: Environment): Read<DeliverySettings> => {
  const d = DELIVERY_DEFAULTS;
  const webhooks = webhookSettings(env).settings;
  return readWholeNumbers(env, (whole) => ({
    ackTimeoutMs: whole("ACK_TIMEOUT_MS", d.ackTimeoutMs, 100, 600_000),
    heartbeatMs: whole("HEARTBEAT_MS", d.heartbeatMs, 100, 600_000),
    ttlDefaultMs: 1_000 * whole("TTL_DEFAULT_SECONDS", d.ttlDefaultMs / 1_000, 1, LIMITS.ttlMaxMs / 1_000),
    ttlMaxMs: 1_000 * whole("TTL_MAX_SECONDS", d.ttlMaxMs / 1_000, 1, LIMITS.ttlMaxMs / 1_000),
    outboxMaxMessages: whole("OUTBOX_MAX_MESSAGES", d.outboxMaxMessages, 1, LIMITS.outboxMaxMessages),
    outboxMaxBytes: whole("OUTBOX_MAX_BYTES", d.outboxMaxBytes, LIMITS.messageMaxBytes, LIMITS.outboxMaxBytes),
    deadLettersMax: whole("DEAD_LETTERS_MAX", d.deadLettersMax, 1, LIMITS.deadLettersMax),
    deadLetterTtlMs:
      1_000 * whole("DEAD_LETTER_TTL_SECONDS", d.deadLetterTtlMs / 1_000, 1, LIMITS.deadLetterTtlMs / 1_000),
    ackFlushMs: whole("ACK_FLUSH_MS", d.ackFlushMs, 0, 10_000),
    clientFramesPerSecond: whole("CLIENT_FRAMES_PER_SECOND", d.clientFramesPerSecond, 10, 10_000),
    directGraceMs: whole("DIRECT_GRACE_MS", d.directGraceMs, 0, 10_000),
    fallbackMs: 1_000 * whole("FALLBACK_AFTER_SECONDS", 0, 0, LIMITS.ttlMaxMs / 1_000) || null,
    hasReceiver: webhooks.target !== undefined,
    webhookEvents: webhooks.events,
  }));
};
