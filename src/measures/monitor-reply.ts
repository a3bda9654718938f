/** What `GET /v1/monitor` answers: the numbers over a range, and slot by slot, as a dashboard draws them. */
import { rfc3339 } from "../protocol/instant.ts";
import { type Level, RANGES, type Range } from "../protocol/monitor-api.ts";
import type { GaugeReply, MonitorReply, NumbersReply, TimesReply } from "../protocol/replies.ts";
import type { TimingName } from "./catalogue.ts";
import { type Deployment, over } from "./deployment.ts";
import { connectionFailureRate, deliverySuccessRate, failed } from "./rates.ts";
import type { Tally } from "./tally.ts";

export const monitorReply = (
  deployment: Deployment,
  range: Range,
  now: number,
  aside: Pick<MonitorReply, "monitoring" | "alerts" | "start_up_check">,
): MonitorReply => {
  const { moments, held, open, waiting } = deployment;
  return {
    range,
    slot_ms: RANGES[range].slotMs,
    at: rfc3339(now),
    now: { held: gauge(held, now), open_connections: open.count, open_waits: waiting },
    total: numbers(over(moments, 0)),
    slots: moments.map(({ at, tally, held, open }) => ({
      at: rfc3339(at),
      held: held.count,
      open_connections: open.count,
      ...numbers(tally),
    })),
    ...aside,
  };
};

const gauge = ({ count, oldestAt }: Level, now: number): GaugeReply => ({
  count,
  ...(oldestAt === undefined ? {} : { oldest_at: rfc3339(oldestAt), oldest_age_ms: Math.max(0, now - oldestAt) }),
});

const numbers = (tally: Tally): NumbersReply => ({
  connections: {
    attempts: tally.count("connection_attempts"),
    failures: tally.count("connection_failures"),
    retries: tally.count("connection_retries"),
    refusals: tally.count("connection_refusals"),
    failure_rate: connectionFailureRate(tally) ?? null,
    established: tally.count("connections_established"),
    ended: tally.count("connections_ended"),
    time: times("connection", tally),
    client_time: times("connection_client", tally),
  },
  messages: {
    accepted: tally.count("messages_accepted"),
    accepted_away: tally.count("messages_accepted_away"),
    delivered: tally.count("messages_delivered"),
    rescued: tally.count("messages_rescued"),
    waited_for: tally.count("waits_started"),
    expired: tally.count("ended_expired"),
    rejected: tally.count("ended_rejected"),
    undeliverable: tally.count("ended_undeliverable"),
    replaced: tally.count("ended_replaced"),
    recalled: tally.count("ended_recalled"),
    erased: tally.count("ended_erased"),
    failures: failed(tally),
    never_connected: tally.count("ended_never_connected"),
    success_rate: deliverySuccessRate(tally) ?? null,
    ephemeral_delivered: tally.count("ephemeral_delivered"),
    ephemeral_dropped: tally.count("ephemeral_dropped"),
    time: times("delivery", tally),
    waiting_time: times("delivery_waiting", tally),
    wire_time: times("delivery_wire", tally),
  },
  mailbox_failures: tally.count("mailbox_failures"),
});

const times = (name: TimingName, tally: Tally): TimesReply | null => {
  const count = [...tally.buckets(name).values()].reduce((sum, here) => sum + here, 0);
  if (count === 0) return null;
  const ms = (q: number) => round(tally.quantileMs(name, q) ?? 0);
  return { count, mean_ms: round(tally.sumMs(name) / count), p50_ms: ms(0.5), p95_ms: ms(0.95), p99_ms: ms(0.99) };
};

/** To a tenth: a percentile is true to 5 %. */
const round = (ms: number): number => Math.round(ms * 10) / 10;
