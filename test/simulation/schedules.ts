/**
 * Makes a schedule from a seed. Each takes its own mixture of operations (some are left out, some come often): a mixture
 * of everything all the time would never fill an outbox, nor let five connections in a row time out.
 */
import { LIMITS } from "../../src/protocol/limits.ts";
import { END_EVENTS } from "../../src/settings/webhooks.ts";
import { Random } from "../support/random.ts";
import type { CallPlan, Death, LetterChoice, MessagePlan, Op, Schedule } from "./operations.ts";

/** As much as one message may weigh: five are more than a window of 1 MiB takes. */
const HEAVY = LIMITS.messageMaxBytes;
const SECOND_MS = 1_000;
const DAY_MS = 86_400 * SECOND_MS;

export const TTL_DEFAULT_MS = 60 * SECOND_MS;
export const TTL_MAX_MS = 120 * SECOND_MS;
export const HEARTBEAT_MS = 4 * SECOND_MS;

const JUMPS_MS = [50, 700, 1_100, 2_600, 5_100, 5_100, 8_100, 12_000, 61_000];
const LONG_JUMPS_MS = [3_600 * SECOND_MS, 25 * 3_600 * SECOND_MS, 31 * DAY_MS];

const settingsOf = (random: Random): Schedule["settings"] => ({
  ackTimeoutMs: random.pick([5, 5, 40]) * SECOND_MS,
  outboxMaxMessages: random.pick([2, 3, 5, 8, 50]),
  outboxMaxBytes: random.pick([3 * HEAVY, 6 * HEAVY, 100 * HEAVY]),
  deadLettersMax: random.pick([1, 3, 100, 100]),
  deadLetterTtlMs: random.pick([90 * SECOND_MS, 30 * DAY_MS]),
  ackFlushMs: random.pick([0, 2_000, 10_000]),
  directGraceMs: random.pick([0, 250, 250, 4_000]),
  ...webhooksOf(random),
});

const webhooksOf = (random: Random) => {
  const hasReceiver = random.chance(0.5);
  const events = random.pick([[], END_EVENTS, END_EVENTS.slice(0, 1), END_EVENTS.slice(1)]);
  return {
    hasReceiver,
    fallbackMs: hasReceiver && random.chance(0.2) ? 4_000 : null,
    webhookEvents: hasReceiver ? events : [],
  };
};

/** What this schedule is about. */
class Mixture {
  readonly ackTimeoutMs: number;
  readonly #random: Random;
  readonly #devices: number;
  readonly #windows: readonly number[];
  readonly #ids: number;
  readonly #topics: number;
  readonly #topical: number;
  readonly #appends: number;
  readonly #heavy: number;
  readonly #ephemeral: number;
  readonly #shortTtl: number;
  readonly #groups: number;
  readonly #waits: number;
  readonly #deaths: number;
  readonly #shortTokens: number;
  readonly #longJumps: number;
  readonly #fallbacks: number;

  constructor(random: Random, { ackTimeoutMs, hasReceiver }: Schedule["settings"]) {
    const some = (likely: number, share: number) => (random.chance(likely) ? share : 0);
    this.#random = random;
    this.ackTimeoutMs = ackTimeoutMs;
    this.#devices = random.pick([1, 2, 2, 3]);
    this.#windows = random.pick([[1], [2], [1, 2, 3, 4], [4], [256]]);
    this.#ids = random.pick([0, 3, 8]);
    this.#topics = random.pick([0, 0, 1, 1, 2]);
    this.#topical = random.pick([0.5, 0.95]);
    this.#appends = random.pick([0, 0.5, 0.95]);
    this.#heavy = some(0.3, random.pick([0.3, 0.9]));
    this.#ephemeral = some(0.4, 0.25);
    this.#shortTtl = some(0.5, random.pick([0.3, 0.9]));
    this.#groups = some(0.5, 0.4);
    this.#waits = some(0.4, random.pick([0.4, 0.95]));
    this.#deaths = some(0.4, 0.08);
    this.#shortTokens = some(0.3, 0.5);
    this.#longJumps = some(0.15, 0.2);
    this.#fallbacks = hasReceiver ? some(0.7, random.pick([0.3, 0.9])) : some(0.1, 0.1);
  }

  message(): MessagePlan {
    const r = this.#random;
    const ttlMs = r.chance(this.#ephemeral)
      ? 0
      : r.chance(this.#shortTtl)
        ? r.pick([SECOND_MS, 3 * SECOND_MS, 10 * SECOND_MS])
        : r.chance(0.1)
          ? 2 * TTL_MAX_MS
          : undefined;
    return {
      content: r.chance(0.15) ? 1 : 0,
      bytes: r.chance(this.#heavy) ? HEAVY : 30,
      ...(this.#ids > 0 && r.chance(0.5) ? { id: r.below(this.#ids) } : {}),
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(this.#topics > 0 && r.chance(this.#topical)
        ? { topic: r.below(this.#topics), ...(r.chance(this.#appends) ? { append: true as const } : {}) }
        : {}),
      ...(ttlMs !== 0 && r.chance(this.#fallbacks) ? { fallbackMs: r.pick([200, 2_000, 9_000, 70_000]) } : {}),
    };
  }

  calls(): readonly CallPlan[] {
    const r = this.#random;
    const isGroup = r.chance(this.#groups);
    return Array.from({ length: isGroup ? 1 + r.below(3) : 1 }, () => {
      const count = isGroup ? 1 + r.below(3) : 1;
      const waitMs = count === 1 && r.chance(this.#waits) ? { waitMs: r.pick([0, 500, 6_000, 30_000]) } : {};
      return { messages: Array.from({ length: count }, () => this.message()), ...waitMs };
    });
  }

  attach(device = this.#random.below(this.#devices)): Op {
    const r = this.#random;
    return {
      do: "attach",
      device,
      window: r.pick(this.#windows),
      after: r.pick(["none", "none", "none", "acked", "processed", "processed", "low", "beyond"] as const),
      tokenMs: r.chance(this.#shortTokens) ? r.pick([1_000, 6_000, 30_000]) : DAY_MS,
      tokenAgeMs: r.chance(0.1) ? 5_000 : 0,
    };
  }

  jump(): number {
    return this.#random.pick(this.#random.chance(this.#longJumps) ? LONG_JUMPS_MS : JUMPS_MS);
  }

  death(): Death | undefined {
    if (!this.#random.chance(this.#deaths)) return undefined;
    return this.#random.pick(["before_commit", "after_commit", "fault"] as const);
  }
}

const letters = (r: Random): LetterChoice => r.pick(["all", "all", "expired", "rejected", "undeliverable", r.below(4)]);

type Make = (r: Random, mixture: Mixture) => readonly Op[];

/** How often a client has no socket to say it on. */
const POSTED = 0.15;

/** How often, and how likely to be in a schedule's mixture at all. */
const MAKERS: readonly (readonly [weight: number, likely: number, make: Make])[] = [
  [24, 1, (_, m) => [{ do: "send", calls: m.calls() }]],
  [14, 1, (_, m) => [m.attach()]],
  [3, 0.4, (r, m) => [{ ...(m.attach(3 + r.below(3)) as Extract<Op, { do: "attach" }>), tokenAgeMs: 0 }]],
  [
    18,
    1,
    (r) => [
      {
        ...{ do: "ack", conn: r.below(8), count: r.pick([1, 1, 2, 3, 99]), checkpoint: checkpoint(r) },
        posted: r.chance(POSTED),
      },
    ],
  ],
  [6, 0.8, (r) => [{ do: "detach", conn: r.below(8) }]],
  [8, 0.7, (r, m) => [{ do: "advance", ms: m.jump(), ...(r.chance(0.3) ? { late: true as const } : {}) }, ...late(r)]],
  [6, 0.8, () => [{ do: "alarm" }]],
  [
    4,
    0.5,
    (r) => [
      {
        ...{ do: "odd_ack", conn: r.below(8), kind: r.pick(["stale", "again", "beyond", "checkpoint_beyond"]) },
        posted: r.chance(POSTED),
      },
    ],
  ],
  [1, 0.3, (r) => [{ do: "bad_frame", conn: r.below(8), kind: r.pick(["binary", "no_json", "unknown", "huge"]) }]],
  [4, 0.4, (r) => [{ do: "reject", conn: r.below(8), count: r.pick([1, 1, 2, 99]), posted: r.chance(POSTED) }]],
  [3, 0.4, (r) => [{ do: "ping", conn: r.below(8), exact: r.chance(0.5) }]],
  [2, 0.3, (r) => [{ do: "prolong", conn: r.below(8), tokenMs: r.pick([1_000, 60_000]) }]],
  [5, 0.4, (r) => [{ do: "recall", message: r.below(8) }]],
  [4, 0.6, (r) => [{ do: "state", message: r.below(12) }]],
  [3, 0.6, (r) => [{ do: "held", skip: r.below(3), limit: r.pick([1, 2, 1_000]) }]],
  [3, 0.6, () => [{ do: "user" }]],
  [3, 0.5, (r) => [{ do: "dead_letters", of: letters(r) }]],
  [5, 0.4, (r) => [{ do: "requeue", of: letters(r), ...(r.chance(0.5) ? { ttlMs: 5_000 } : {}) }]],
  [2, 0.3, (r) => [{ do: "discard", of: letters(r) }]],
  [4, 0.4, bulk],
  [1, 0.2, () => [{ do: "revoke" }]],
  [1, 0.25, (r, m) => [{ do: "erase", calls: r.chance(0.3) ? m.calls() : [] }]],
  [2, 0.3, (r) => [{ do: "clock_back", ms: r.pick([10, 3_000, 7_200_000]) }]],
  [4, 0.5, () => [{ do: "tell" }]],
  [4, 0.5, () => [{ do: "hibernate" }]],
  [3, 0.4, () => [{ do: "crash" }]],
  [1, 0.2, () => [{ do: "deploy" }]],
  [4, 0.4, (r) => [{ do: "lose_frame", conn: r.below(8) }]],
  [2, 0.2, (r) => [{ do: "hang_up", call: r.below(4) }]],
  [2, 0.2, slowReader],
  [3, 0.3, stream],
  [0.1, 0.1, crowd],
];

function bulk(r: Random): readonly Op[] {
  const reason = r.pick([undefined, undefined, "expired", "rejected"] as const);
  const lastMs = r.pick([undefined, undefined, 1_000, 20_000]);
  const which = { ...(reason === undefined ? {} : { reason }), ...(lastMs === undefined ? {} : { lastMs }) };
  return [{ do: "bulk", action: r.pick(["requeue", "requeue", "discard"]), limit: r.pick([1, 2, 100]), ...which }];
}

const checkpoint = (r: Random) => r.pick(["none", "none", "none", "stay", "half"] as const);

/** Due work may run late: what is over is over before the alarm has run. */
const late = (r: Random): readonly Op[] => (r.chance(0.6) ? [{ do: "alarm" }] : []);

/** Deltas in one commit, which go as one entry, and what may become of it. */
function stream(r: Random): readonly Op[] {
  const delta = () => ({ content: r.chance(0.5) ? 1 : 0, bytes: 30, topic: 0, append: true }) as const;
  const messages = Array.from({ length: 2 + r.below(3) }, delta);
  const conn = r.below(8);
  return [
    { do: "send", calls: [{ messages }] },
    ...(r.chance(0.4) ? [{ do: "hibernate" } as const] : []),
    ...(r.chance(0.5) ? [{ do: "reject", conn, count: r.pick([1, 2, 99]), posted: false } as const] : []),
  ];
}

/** A device whose connections take something and never ack it. */
function slowReader(r: Random, m: Mixture): readonly Op[] {
  const device = r.below(2);
  const once = (): readonly Op[] => [
    { ...(m.attach(device) as Extract<Op, { do: "attach" }>), after: "none", tokenMs: DAY_MS, tokenAgeMs: 0 },
    { do: "advance", ms: m.ackTimeoutMs + 100 },
    { do: "alarm" },
  ];
  return Array.from({ length: r.pick([1, 4, 5, 6]) }, once).flat();
}

/** More devices or more tabs than a user may have. */
function crowd(r: Random, m: Mixture): readonly Op[] {
  const tabs = r.chance(0.5);
  return Array.from({ length: LIMITS.devicesMax + 2 }, (_, i) => {
    const attach = m.attach(tabs ? i % 3 : i) as Extract<Op, { do: "attach" }>;
    const op: Op = { ...attach, tokenMs: DAY_MS, tokenAgeMs: 0, after: "none" };
    return tabs || r.chance(0.2) ? [op] : [op, { do: "detach", conn: r.below(40) } as const];
  }).flat();
}

export const scheduleOf = (seed: number): Schedule => {
  const random = new Random(seed);
  const settings = settingsOf(random);
  const takesEach = random.pick([1, 1, 2, 3, 1_000]);
  const mixture = new Mixture(random, settings);
  const makers = MAKERS.flatMap(([weight, likely, make]) => {
    if (!random.chance(likely)) return [];
    return [{ weight: weight * random.pick([0.5, 1, 1, 3]), make }];
  });
  const all = makers.reduce((sum, { weight }) => sum + weight, 0);
  const length = 10 + random.below(30);
  const ops: Op[] = [];
  while (ops.length < length) {
    let at = random.next() * all;
    const maker = makers.find(({ weight }) => {
      at -= weight;
      return at < 0;
    });
    for (const op of maker?.make(random, mixture) ?? []) {
      const dies = mixture.death();
      ops.push(dies === undefined ? op : { ...op, dies });
    }
  }
  return { settings, takesEach, ops };
};
