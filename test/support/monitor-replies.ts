/** Replies of `GET /v1/monitor` as the Worker makes them, out of what a test has measured: the real merging, without Monitors. */
import { merged } from "../../src/measures/deployment.ts";
import { Measured } from "../../src/measures/measured.ts";
import { monitorReply } from "../../src/measures/monitor-reply.ts";
import type { Alert } from "../../src/protocol/alert.ts";
import { rfc3339 } from "../../src/protocol/instant.ts";
import { type Level, RANGES, type Range } from "../../src/protocol/monitor-api.ts";
import type { Readiness } from "../../src/protocol/readiness.ts";
import type { MonitorReply } from "../../src/protocol/replies.ts";

export const NOW = Date.UTC(2026, 10, 27, 12);

export const checkOf = (status: Readiness["status"], at: number): Readiness => ({
  ...{ status, version: "v1", checked_at: rfc3339(at), duration_ms: 30 },
  steps: [
    { name: "send", ok: true, duration_ms: 4 },
    { name: "connect", ok: status === "ready", duration_ms: 5 },
  ],
});

type Measure = (measured: Measured) => void;

interface ReplyOf {
  readonly range?: Range;
  readonly now?: number;
  readonly held?: Level;
  readonly open?: Level;
  readonly monitoring?: MonitorReply["monitoring"];
  readonly alerts?: readonly Alert[];
  readonly check?: Readiness | undefined;
  /** What was measured in other slots, by how many slots ago. */
  readonly before?: Readonly<Record<number, Measure>>;
}

/** `measure`: in the slot that is running. */
export const replyOf = (measure: Measure = () => {}, of: ReplyOf = {}): MonitorReply => {
  const {
    range = "15m",
    now = NOW,
    held = { count: 0 },
    open = { count: 0 },
    alerts = [],
    before = {},
    monitoring = "on",
  } = of;
  const { slotMs } = RANGES[range];
  const slots = Object.entries({ 0: measure, ...before }).map(([ago, measure]) => {
    const measured = new Measured();
    measure(measured);
    const at = Math.floor(now / slotMs) * slotMs - Number(ago) * slotMs;
    return { at, pairs: measured.take(), held, open };
  });
  slots.sort((a, b) => a.at - b.at);
  const deployment = merged([{ pairs: [], held, open, waiting: 0, slots }], range, now);
  const check = "check" in of ? of.check : checkOf("ready", now);
  return monitorReply(deployment, range, now, {
    monitoring,
    alerts,
    ...(check === undefined ? {} : { start_up_check: check }),
  });
};
