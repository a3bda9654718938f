/**
 * What the dashboard draws, out of one reply: each figure with its number over the range and its lines slot by slot.
 *
 * Where nothing was timed or nothing ended there is no value, and the line has a gap: it is not 0 ms, and not 100 %. A count of nothing
 * is 0.
 */
import type { MonitorReply, NumbersReply, TimesReply } from "../../../protocol/replies.ts";
import { count, counted } from "../parts/amount.ts";
import { DECIMAL, linear, logarithmic, type Scale, TIME, WHOLE } from "./scales.ts";
import { compact, duration, failure, percentile, rate, success } from "./units.ts";

export type Shade = 1 | 2 | 3;

export type Values = readonly (number | null)[];

export interface Line {
  readonly name: string;
  /** Of its figure's family, the strongest first; a line is also thinner, then dashed, so that nobody needs the colour. */
  readonly shade: Shade;
  /** One for each slot; null is a gap. */
  readonly values: Values;
  /** Over the whole range, in words, where the headlines do not say it. */
  readonly whole?: string;
  /** One value in words. */
  readonly words: (value: number) => string;
}

/** How it is drawn: lines of one family, the first the strongest; an area under the first line; bars, one upon the other. */
type Drawing = "percentiles" | "area" | "bars";

export interface Figure {
  readonly id: string;
  readonly title: string;
  /** Its numbers over the range, or now; several with their names. */
  readonly headlines: readonly Headline[];
  /** What the number is of. */
  readonly note: string;
  readonly drawing: Drawing;
  /** What its colours say: times, failures, or how much there is. */
  readonly family: "time" | "failure" | "amount";
  readonly axis: Axis;
  readonly lines: readonly Line[];
}

interface Headline {
  readonly name?: string;
  readonly value: string;
}

interface Axis {
  readonly words: (value: number) => string;
  /** Above the largest value; and at least so high that noise of the smallest things does not fill it. */
  readonly scale: (max: number) => Scale;
  readonly isLog?: true;
}

export interface Figures {
  /** The four that its users ask for (M1). */
  readonly asked: readonly Figure[];
  readonly ours: readonly Figure[];
}

type Slot = MonitorReply["slots"][number];

/** The running slot says nothing of a rate until it has run for half of its time. */
const RATE_FROM = 0.5;

/** Of a count in a slot; the running one has had less time. */
const perSecond = ({ at, slot_ms: slotMs }: MonitorReply, slot: Slot, counted: number): number | null => {
  const elapsedMs = Math.min(slotMs, Date.parse(at) - Date.parse(slot.at));
  return elapsedMs < slotMs * RATE_FROM ? null : counted / (elapsedMs / 1_000);
};

/** Messages that have ended, without those of users who have never connected: what the success rate is of. */
export const ended = ({ messages }: NumbersReply): number =>
  messages.delivered +
  messages.expired +
  messages.rejected +
  messages.undeliverable +
  messages.replaced +
  messages.recalled +
  messages.erased -
  messages.never_connected;

const PER_SLOT: Readonly<Record<MonitorReply["range"], string>> = {
  "15m": "per 10 s",
  "6h": "per minute",
  "7d": "per hour",
};

export const figuresOf = (reply: MonitorReply): Figures => ({
  asked: [establishment(reply), deliveries(reply), retries(reply), recoveryQueue(reply)],
  ours: [
    percentilesOf(reply, {
      id: "waiting",
      title: "Waiting for a socket",
      note: "from accepted until sent to the connection that acked it",
      times: ({ messages }) => messages.waiting_time,
      isLog: true,
    }),
    percentilesOf(reply, {
      id: "wire",
      title: "On the wire",
      note: "from there to the ack",
      times: ({ messages }) => messages.wire_time,
    }),
    sends(reply),
    rescued(reply),
    deadLetters(reply),
    openConnections(reply),
  ],
});

const establishment = (reply: MonitorReply): Figure => {
  const { attempts, failures, failure_rate: failed } = reply.total.connections;
  const note =
    attempts === 0
      ? "no attempts"
      : `of ${counted(attempts, "attempt")}, ${count(failures)} failed (${failure(failed ?? 0)})`;
  return percentilesOf(reply, {
    ...{ id: "establishment", title: "Connection establishment", note },
    times: ({ connections }) => connections.time,
  });
};

const PERCENTILES = [
  ["p50", "p50_ms", 1],
  ["p95", "p95_ms", 2],
  ["p99", "p99_ms", 3],
] as const satisfies readonly (readonly [string, keyof TimesReply, Shade])[];

const NOTHING = "–";

const percentilesOf = (
  reply: MonitorReply,
  what: {
    readonly id: string;
    readonly title: string;
    readonly note: string;
    readonly times: (numbers: NumbersReply) => TimesReply | null;
    readonly isLog?: true;
  },
): Figure => {
  const { id, title, note, times, isLog } = what;
  const whole = times(reply.total);
  return {
    ...{ id, title, note, drawing: "percentiles", family: "time" },
    headlines: PERCENTILES.map(([name, key]) => ({ name, value: whole === null ? NOTHING : percentile(whole[key]) })),
    axis:
      isLog === true ? { words: duration, scale: logarithmic, isLog } : { words: duration, scale: linear(TIME, 10) },
    lines: PERCENTILES.map(([name, key, shade]) => ({
      ...{ name, shade },
      values: reply.slots.map((slot) => times(slot)?.[key] ?? null),
      words: percentile,
    })),
  };
};

const deliveries = (reply: MonitorReply): Figure => {
  const { success_rate: rate, failures } = reply.total.messages;
  const all = ended(reply.total);
  return {
    id: "deliveries",
    title: "Delivery success rate",
    headlines: [{ value: rate === null ? NOTHING : success(rate) }],
    note: rate === null ? "nothing has ended" : `of ${counted(all, "message")} that ended`,
    drawing: "area",
    family: "failure",
    // A success rate drawn from zero shows nothing, and drawn from 99 % exaggerates: its complement can begin at zero.
    axis: { words: failure, scale: linear(DECIMAL, 0.01) },
    lines: [
      {
        ...{ name: "failed", shade: 2 },
        values: reply.slots.map(({ messages }) => (messages.success_rate === null ? null : 1 - messages.success_rate)),
        whole: rate === null ? NOTHING : `${count(failures)} (${failure(1 - rate)})`,
        words: failure,
      },
    ],
  };
};

/** A line of counts, slot by slot. */
const counts = (reply: MonitorReply, name: string, shade: Shade, of: (numbers: NumbersReply) => number): Line => ({
  ...{ name, shade, values: reply.slots.map(of), words: count },
});

const retries = (reply: MonitorReply): Figure => ({
  id: "retries",
  title: "Connection retry attempts",
  headlines: [{ value: count(reply.total.connections.retries) }],
  note:
    reply.total.connections.attempts === 0
      ? "no attempts"
      : `of ${counted(reply.total.connections.attempts, "attempt")}: not a client’s first`,
  drawing: "bars",
  family: "amount",
  axis: { words: compact, scale: linear(WHOLE, 5) },
  lines: [counts(reply, `retries ${PER_SLOT[reply.range]}`, 2, ({ connections }) => connections.retries)],
});

const recoveryQueue = (reply: MonitorReply): Figure => {
  const { count: held, oldest_age_ms: ageMs } = reply.now.held;
  return {
    id: "recovery-queue",
    title: "Recovery queue",
    headlines: [{ value: count(held) }],
    note:
      held === 0
        ? "no message waits"
        : `${held === 1 ? "message waits" : "messages wait"}, the oldest for ${duration(ageMs ?? 0)}`,
    drawing: "area",
    family: "amount",
    axis: { words: compact, scale: linear(WHOLE, 5) },
    lines: [{ name: "held", shade: 1, values: reply.slots.map(({ held }) => held), words: count }],
  };
};

const sends = (reply: MonitorReply): Figure => {
  const line = (name: string, shade: Shade, of: (numbers: NumbersReply) => number): Line => ({
    ...{ name, shade },
    values: reply.slots.map((slot) => perSecond(reply, slot, of(slot))),
    whole: count(of(reply.total)),
    words: rate,
  });
  const lines = [
    line("sent", 2, ({ messages }) => messages.accepted),
    line("delivered", 1, ({ messages }) => messages.delivered),
  ];
  return {
    id: "sends",
    title: "Sends per second",
    headlines: [{ value: rate(recent(reply, lines[0]?.values ?? [])) }],
    note: "now",
    drawing: "area",
    family: "amount",
    axis: { words: rate, scale: linear(DECIMAL, 1) },
    lines,
  };
};

const RECENT_MS = 60_000;

/** The mean of the last minute, or of the last slot where that is longer. */
const recent = ({ slot_ms: slotMs }: MonitorReply, values: Values): number => {
  const last = values.filter((value) => value !== null).slice(-Math.max(1, Math.round(RECENT_MS / slotMs)));
  return last.length === 0 ? 0 : last.reduce((sum, value) => sum + value, 0) / last.length;
};

const rescued = (reply: MonitorReply): Figure => ({
  id: "rescued",
  title: "Rescued messages",
  headlines: [{ value: count(reply.total.messages.rescued) }],
  note: "sent while nobody was connected, delivered once somebody was",
  drawing: "bars",
  family: "time",
  axis: { words: compact, scale: linear(WHOLE, 5) },
  lines: [counts(reply, `rescued ${PER_SLOT[reply.range]}`, 2, ({ messages }) => messages.rescued)],
});

const deadLetters = (reply: MonitorReply): Figure => {
  const { expired, rejected, undeliverable } = reply.total.messages;
  return {
    id: "dead-letters",
    title: "Dead letters",
    headlines: [{ value: count(expired + rejected + undeliverable) }],
    note: "kept with their reason, and can be requeued",
    drawing: "bars",
    family: "failure",
    axis: { words: compact, scale: linear(WHOLE, 5) },
    lines: [
      { ...counts(reply, "expired", 1, ({ messages }) => messages.expired), whole: count(expired) },
      { ...counts(reply, "rejected", 2, ({ messages }) => messages.rejected), whole: count(rejected) },
      { ...counts(reply, "undeliverable", 3, ({ messages }) => messages.undeliverable), whole: count(undeliverable) },
    ],
  };
};

const openConnections = (reply: MonitorReply): Figure => {
  const { open_connections: open, open_waits: waits } = reply.now;
  return {
    id: "open",
    title: "Open connections",
    headlines: [{ value: count(open) }],
    note:
      waits === 0
        ? "no sender waits"
        : `${counted(waits, "sender waits", "senders wait")} for the end of their message`,
    drawing: "area",
    family: "amount",
    axis: { words: compact, scale: linear(WHOLE, 5) },
    lines: [
      {
        ...{ name: "open", shade: 1 },
        values: reply.slots.map(({ open_connections }) => open_connections),
        words: count,
      },
    ],
  };
};
