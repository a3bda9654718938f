/**
 * Everything that a deployment may set, in one place (M5): read once from the environment, checked, with its default.
 *
 * A setting that is not well formed throws at the first request, naming itself: better a deployment that does not start
 * than one that runs with a limit nobody chose.
 */
import { LIMITS } from "./protocol/limits.ts";

/** How the Mailbox delivers. Times in milliseconds. */
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
  // D9 allows 10 s; the alarm that does it may itself be a little late.
  ackFlushMs: 8_000,
};

/** The environment as the runtime gives it: text by name, beside bindings. */
export type Environment = Readonly<Record<string, unknown>>;

const integer = (env: Environment, name: string, fallback: number, min: number, max: number): number => {
  const raw = env[name];
  if (raw === undefined || raw === "") return fallback;
  const value = Number(raw);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new Error(`Setting ${name} is a whole number from ${min} to ${max}; it is ${JSON.stringify(raw)}.`);
  }
  return value;
};

export const deliverySettings = (env: Environment): DeliverySettings => {
  const d = DELIVERY_DEFAULTS;
  return {
    ackTimeoutMs: integer(env, "ACK_TIMEOUT_MS", d.ackTimeoutMs, 100, 600_000),
    heartbeatMs: integer(env, "HEARTBEAT_MS", d.heartbeatMs, 100, 600_000),
    ttlDefaultMs: 1_000 * integer(env, "TTL_DEFAULT_SECONDS", d.ttlDefaultMs / 1_000, 1, LIMITS.ttlMaxMs / 1_000),
    ttlMaxMs: 1_000 * integer(env, "TTL_MAX_SECONDS", d.ttlMaxMs / 1_000, 1, LIMITS.ttlMaxMs / 1_000),
    outboxMaxMessages: integer(env, "OUTBOX_MAX_MESSAGES", d.outboxMaxMessages, 1, LIMITS.outboxMaxMessages),
    outboxMaxBytes: integer(env, "OUTBOX_MAX_BYTES", d.outboxMaxBytes, LIMITS.messageMaxBytes, LIMITS.outboxMaxBytes),
    deadLettersMax: integer(env, "DEAD_LETTERS_MAX", d.deadLettersMax, 1, LIMITS.deadLettersMax),
    deadLetterTtlMs:
      1_000 * integer(env, "DEAD_LETTER_TTL_SECONDS", d.deadLetterTtlMs / 1_000, 1, LIMITS.deadLetterTtlMs / 1_000),
    ackFlushMs: integer(env, "ACK_FLUSH_MS", d.ackFlushMs, 0, 10_000),
  };
};
