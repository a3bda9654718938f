/**
 * What is measured in the text formats of Prometheus (0.0.4) and OpenMetrics (1.0.0), for `GET /metrics` (M2).
 *
 * No user stands in it: labels are reasons and quantiles, so that there are as many series on the first day as after a year.
 */
import type { Readiness } from "../protocol/readiness.ts";
import { COUNTERS, type CounterName, TIMING_NAMES, TIMINGS, type TimingName } from "./catalogue.ts";
import { type Deployment, over } from "./deployment.ts";
import { upperBoundMs } from "./histogram.ts";
import { connectionFailureRate, deliverySuccessRate } from "./rates.ts";
import type { Tally } from "./tally.ts";

export type Format = "prometheus" | "openmetrics";

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** Beside what the Monitors have gathered. */
interface Aside {
  readonly now: number;
  readonly startUpCheck: Readiness | undefined;
  /** By rule: whether it is firing. */
  readonly alerts: Readonly<Record<string, boolean>>;
  /** Undefined where a part of the index cannot be reached: that is no reason to tell nothing else. */
  readonly attention: NeedingAttention | undefined;
}

/** How many users need a person (N4), and how many of them for each reason: one may have several. */
export interface NeedingAttention {
  readonly total: number;
  readonly reasons: Readonly<Record<string, number>>;
}

/** Quantiles are of so long: 15 minutes. */
const RECENT_MS = 900_000;
const QUANTILES = [0.5, 0.95, 0.99] as const;
/** Buckets are given up to here. */
const LONGEST_BUCKET_MS = 60_000;

type Labels = Readonly<Record<string, string>>;
interface Sample {
  readonly suffix?: "_total" | "_bucket" | "_sum" | "_count";
  readonly labels?: Labels;
  readonly value: number;
}
interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly unit?: "seconds";
  readonly help: string;
  readonly samples: readonly Sample[];
}

export const exposition = (deployment: Deployment, aside: Aside, format: Format): string => {
  const text = familiesOf(deployment, aside).map((family) => written(family, format));
  return text.join("") + (format === "openmetrics" ? "# EOF\n" : "");
};

const written = ({ name, type, unit, help, samples }: Family, format: Format): string => {
  // In OpenMetrics a counter's family goes without the suffix of its sample.
  const family = `restante_${name}`;
  const titled = format === "prometheus" && type === "counter" ? `${family}_total` : family;
  const lines = [`# HELP ${titled} ${escaped(help)}`, `# TYPE ${titled} ${type}`];
  if (format === "openmetrics" && unit !== undefined) lines.push(`# UNIT ${family} ${unit}`);
  for (const { suffix = "", labels = {}, value } of samples) {
    const pairs = Object.entries(labels).map(([label, of]) => `${label}="${escaped(of)}"`);
    lines.push(`${family}${suffix}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${number(value)}`);
  }
  return `${lines.join("\n")}\n`;
};

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
const number = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";

const familiesOf = (deployment: Deployment, aside: Aside): readonly Family[] => {
  const { total, moments } = deployment;
  const recent = over(moments, aside.now - RECENT_MS);
  return [
    ...TIMING_NAMES.flatMap((name) => [histogram(name, total), summary(name, total, recent)]),
    share(
      "delivery_success",
      "Messages delivered or ended otherwise without a failure, of all that ended, over 15 minutes.",
      deliverySuccessRate(recent),
    ),
    share(
      "connection_failure",
      "Connections that failed, of all that were asked for with a valid token, over 15 minutes.",
      connectionFailureRate(recent),
    ),
    ...PLAIN.map((name) => plain(name, total)),
    labelled(
      "messages_ended",
      "Messages that ended, by how; those that were delivered with their first ack.",
      total,
      "outcome",
      {
        delivered: "messages_delivered",
        expired: "ended_expired",
        rejected: "ended_rejected",
        undeliverable: "ended_undeliverable",
        replaced: "ended_replaced",
        recalled: "ended_recalled",
        erased: "ended_erased",
      },
    ),
    labelled(
      "delivery_failures",
      "Messages that did not reach a user who was connected since they were accepted, by reason.",
      total,
      "reason",
      {
        expired: "failed_expired",
        rejected: "failed_rejected",
        undeliverable: "failed_undeliverable",
      },
    ),
    labelled("dead_letters", "Messages that became dead letters, by reason.", total, "reason", {
      expired: "ended_expired",
      rejected: "ended_rejected",
      undeliverable: "ended_undeliverable",
    }),
    labelled("ephemeral_messages", "Messages with ttl 0, by how they ended.", total, "outcome", {
      delivered: "ephemeral_delivered",
      dropped: "ephemeral_dropped",
    }),
    labelled("webhooks", "What webhooks are to tell of, by event.", total, "event", {
      "message.fallback": "webhooks_fallback",
      "message.expired": "webhooks_expired",
      "message.rejected": "webhooks_rejected",
      "message.undeliverable": "webhooks_undeliverable",
    }),
    labelled("webhook_attempts", "Attempts to deliver a webhook that have ended, by how.", total, "outcome", {
      taken: "webhooks_taken",
      failed: "webhooks_failed",
    }),
    ...gaugesOf(deployment, aside),
  ];
};

/** Counters with a family of their own. */
const PLAIN = [
  "connection_attempts",
  "connection_failures",
  "connection_retries",
  "connection_refusals",
  "connections_established",
  "connections_ended",
  "mailbox_failures",
  "messages_accepted",
  "messages_accepted_away",
  "messages_rescued",
  "ended_never_connected",
  "waits_started",
  "waits_ended",
  "webhooks_given_up",
] as const satisfies readonly CounterName[];

const plain = (name: CounterName, total: Tally): Family => ({
  name,
  type: "counter",
  help: COUNTERS[name].help,
  samples: [{ suffix: "_total", value: total.count(name) }],
});

const labelled = (
  name: string,
  help: string,
  total: Tally,
  label: string,
  counters: Readonly<Record<string, CounterName>>,
): Family => ({
  name,
  type: "counter",
  help,
  samples: Object.entries(counters).map(([value, counter]) => ({
    suffix: "_total",
    labels: { [label]: value },
    value: total.count(counter),
  })),
});

const histogram = (name: TimingName, total: Tally): Family => {
  const counts = [...total.buckets(name)].sort(([a], [b]) => a - b);
  const count = counts.reduce((sum, [, here]) => sum + here, 0);
  const samples: Sample[] = [];
  let below = 0;
  let next = 0;
  for (let bucket = 0; ; bucket += 1) {
    for (; next < counts.length && (counts[next]?.[0] ?? 0) <= bucket; next += 1) below += counts[next]?.[1] ?? 0;
    samples.push({ suffix: "_bucket", labels: { le: seconds(upperBoundMs(bucket)) }, value: below });
    if (upperBoundMs(bucket) >= LONGEST_BUCKET_MS) break;
  }
  samples.push({ suffix: "_bucket", labels: { le: "+Inf" }, value: count }, ...sums(name, total, count));
  return {
    name: `${name}_seconds`,
    type: "histogram",
    unit: "seconds",
    help: `${TIMINGS[name].help} In seconds.`,
    samples,
  };
};

const summary = (name: TimingName, total: Tally, recent: Tally): Family => {
  const count = [...total.buckets(name).values()].reduce((sum, here) => sum + here, 0);
  const quantiles = QUANTILES.map((q): Sample => {
    return { labels: { quantile: String(q) }, value: (recent.quantileMs(name, q) ?? Number.NaN) / 1_000 };
  });
  return {
    name: `${name}_recent_seconds`,
    type: "summary",
    unit: "seconds",
    help: `${TIMINGS[name].help} In seconds; its quantiles are of the last 15 minutes, true to 5 %.`,
    samples: [...quantiles, ...sums(name, total, count)],
  };
};

const sums = (name: TimingName, total: Tally, count: number): readonly Sample[] => [
  { suffix: "_sum", value: total.sumMs(name) / 1_000 },
  { suffix: "_count", value: count },
];

const seconds = (ms: number): string => String(Number((ms / 1_000).toPrecision(6)));

const gauge = (name: string, help: string, value: number | undefined, labels: Labels = {}): Family => ({
  name,
  type: "gauge",
  ...(name.endsWith("_seconds") ? { unit: "seconds" as const } : {}),
  help,
  samples: value === undefined ? [] : [{ labels, value }],
});

const share = (name: string, help: string, value: number | undefined): Family =>
  gauge(`${name}_ratio`, `${help} From 0 to 1.`, value ?? Number.NaN);

const gaugesOf = (
  { held, open, waiting }: Deployment,
  { now, startUpCheck, alerts, attention }: Aside,
): readonly Family[] => [
  gauge("held_messages", "The recovery queue: messages that are held.", held.count),
  gauge(
    "held_oldest_age_seconds",
    "How long ago the oldest of them was accepted, to within 10 seconds, a minute or an hour as it grows older; 0 where none is held. In seconds.",
    held.oldestAt === undefined ? 0 : Math.max(0, now - held.oldestAt) / 1_000,
  ),
  gauge("open_connections", "Connections that are open.", open.count),
  gauge("open_waits", "Senders who wait for the end of their message.", waiting),
  gauge("attention_users", "Users who need a person.", attention?.total),
  {
    name: "attention_reasons",
    type: "gauge",
    help: "Users who need a person, by reason: one who has several is counted for each.",
    samples: Object.entries(attention?.reasons ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
  },
  ...(startUpCheck === undefined ? [] : checkGauges(startUpCheck)),
  {
    name: "alert_firing",
    type: "gauge",
    help: "Whether an alert is firing: 1 or 0.",
    samples: Object.entries(alerts).map(([rule, isFiring]) => ({ labels: { rule }, value: isFiring ? 1 : 0 })),
  },
];

const checkGauges = ({ status, duration_ms, checked_at }: Readiness): readonly Family[] => [
  gauge("start_up_check_passed", "Whether the last start-up check passed: 1 or 0.", status === "ready" ? 1 : 0),
  gauge("start_up_check_duration_seconds", "How long the last start-up check took. In seconds.", duration_ms / 1_000),
  gauge(
    "start_up_check_time_seconds",
    "When the last start-up check began. In Unix seconds.",
    Date.parse(checked_at) / 1_000,
  ),
];
