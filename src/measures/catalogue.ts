/**
 * Everything that is measured (M1), and the number that each thing goes by in reports, attachments and rows.
 *
 * A number is never given to anything else: reports of one release are added to those of the next (O2).
 */

interface Counter {
  readonly id: number;
  readonly help: string;
}

export const COUNTERS = {
  connection_attempts: { id: 1, help: "Connections asked for with a valid token." },
  connection_failures: { id: 2, help: "Of those, without a connection_established; refusals apart." },
  connection_retries: { id: 3, help: "Of those, not the client's first, as it says itself." },
  connection_refusals: { id: 4, help: "Connections that were refused: a bad token, a revoked one, too many devices." },
  mailbox_failures: { id: 5, help: "Calls that a Mailbox failed on, its own start among them." },

  messages_accepted: { id: 10, help: "Messages that were accepted, without replays and without ttl 0." },
  messages_accepted_away: { id: 11, help: "Of those, while none of the user's devices was connected." },
  waits_started: { id: 13, help: "Messages whose sender waits for their end." },
  waits_ended: { id: 14, help: "Of those, whose sender has its reply, or has gone." },
  messages_delivered: { id: 20, help: "Messages that a connection has acked, without ttl 0." },
  messages_rescued: { id: 21, help: "Of those, accepted while none of the user's devices was connected." },
  ended_expired: { id: 31, help: "Messages whose time was over before anybody acked them." },
  ended_rejected: { id: 32, help: "Messages that a client could not process." },
  ended_undeliverable: { id: 33, help: "Messages that a device failed on again and again." },
  ended_replaced: { id: 34, help: "Messages that a newer one of their topic replaced." },
  ended_recalled: { id: 35, help: "Messages that their sender took back." },
  ended_erased: { id: 36, help: "Messages that were erased with their user." },
  failed_expired: { id: 41, help: "Of those that expired, of a user who was connected since." },
  failed_rejected: { id: 42, help: "Of those that were rejected, of a user who was connected since." },
  failed_undeliverable: { id: 43, help: "Of those that proved undeliverable, of a user who was connected since." },
  ended_never_connected: { id: 50, help: "Messages that ended and whose user has never connected." },
  ephemeral_delivered: { id: 60, help: "Messages with ttl 0 that a connection has acked." },
  ephemeral_dropped: { id: 61, help: "Messages with ttl 0 that nobody has acked." },
  connections_established: { id: 70, help: "Connections that began." },
  connections_ended: { id: 71, help: "Connections that ended." },
  webhooks_fallback: { id: 80, help: "Messages that nobody acked by their time, and that a webhook is to tell of." },
  webhooks_expired: { id: 81, help: "Messages that expired, and that a webhook is to tell of." },
  webhooks_rejected: { id: 82, help: "Messages that were rejected, and that a webhook is to tell of." },
  webhooks_undeliverable: { id: 83, help: "Messages that proved undeliverable, and that a webhook is to tell of." },
  webhooks_taken: { id: 84, help: "Webhooks that their receiver has taken." },
  webhooks_failed: { id: 85, help: "Attempts to deliver a webhook that failed." },
  webhooks_given_up: {
    id: 86,
    help: "Webhooks that are tried no more: ten attempts failed, or their receiver wants none.",
  },
} as const satisfies Readonly<Record<string, Counter>>;
export type CounterName = keyof typeof COUNTERS;

interface Timing {
  /** That of its first bucket; its buckets follow, and `SUM` after it is the sum of all times in milliseconds. */
  readonly id: number;
  readonly help: string;
}

export const TIMINGS = {
  connection: { id: 1_000, help: "From a connection's request to its connection_established." },
  connection_client: {
    id: 2_000,
    help: "From a connection's beginning to its connection_established, as clients saw it.",
  },
  delivery: { id: 3_000, help: "From a message's acceptance to its first ack." },
  delivery_waiting: { id: 4_000, help: "Of that, until it was sent to the connection that acked it." },
  delivery_wire: { id: 5_000, help: "Of that, from then to the ack." },
} as const satisfies Readonly<Record<string, Timing>>;
export type TimingName = keyof typeof TIMINGS;

/** After a timing's first number. */
export const SUM = 999;

/** Below are counters and timings, above is what is held or open at a time (`leases.ts`). */
export const COUNTS_END = 1_000_000;

export const COUNTER_NAMES = Object.keys(COUNTERS) as CounterName[];
export const TIMING_NAMES = Object.keys(TIMINGS) as TimingName[];
