/** Reading what the Monitors have gathered: `GET /metrics`, `GET /v1/monitor` and `GET /v1/alerts` (M1–M3). */
import { parseAccept } from "hono/utils/accept";
import { log, thrown } from "../log.ts";
import { type Deployment, merged } from "../measures/deployment.ts";
import { CONTENT_TYPES, exposition, type Format } from "../measures/exposition.ts";
import { monitorReply } from "../measures/monitor-reply.ts";
import type { Alert } from "../protocol/alert.ts";
import { ALERT_RULES } from "../protocol/alert.ts";
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { monitorQuery, noQuery } from "../protocol/http.ts";
import { type MonitorApi, type Range, START_UP_MONITOR, shardName } from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import type { MonitorReply } from "../protocol/replies.ts";
import { inJurisdiction } from "../settings/jurisdiction.ts";
import { monitoringSettings } from "../settings/monitoring.ts";
import { needingAttention } from "./attention.ts";
import type { KeyHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import type { Bindings, Caller, Exchange } from "./exchange.ts";
import { json } from "./problem.ts";
import { lastReadiness } from "./ready.ts";

/** Asks every Monitor, and rejects where one cannot be reached: a part of the numbers would look like all of them. */
export const readDeployment = async (env: Bindings, range: Range): Promise<Deployment> => {
  const { shards } = monitoringSettings(env).settings;
  const readings = await Promise.all(
    Array.from({ length: shards }, (_, shard) => monitorNamed(env, shardName(shard)).measured(range)),
  );
  return merged(readings, range, Date.now());
};

const monitorNamed = (env: Bindings, name: string): MonitorApi =>
  inJurisdiction(env, env.MONITOR).getByName(name) as unknown as MonitorApi;

interface Known {
  readonly deployment: Deployment;
  readonly alerts: readonly Alert[];
  readonly startUpCheck: Readiness | undefined;
}

const known = async (call: Caller, range: Range): Promise<Checked<Known>> => {
  try {
    const [deployment, alerts, check] = await Promise.all([
      readDeployment(call.env, range),
      monitorNamed(call.env, START_UP_MONITOR).alerts(),
      lastReadiness(call),
    ]);
    return granted({ deployment, alerts, startUpCheck: check.ok ? check.value : undefined });
  } catch (error) {
    log("error", "monitor_call_failed", thrown(error));
    return refuse("unavailable", "One of the Monitors, which gather what is measured, cannot be reached: try again.");
  }
};

export const getMetrics: KeyHandler = async (call) => {
  const none = checkQuery(noQuery, call.query);
  if (!none.ok) return none;
  const [found, attention] = await Promise.all([known(call, "15m"), needingAttention(call)]);
  if (!found.ok) return found;
  const { deployment, alerts, startUpCheck } = found.value;
  const firing = (rule: string) => alerts.some((alert) => alert.rule === rule && alert.status === "firing");
  const aside = {
    now: Date.now(),
    startUpCheck,
    alerts: Object.fromEntries(ALERT_RULES.map((rule) => [rule, firing(rule)])),
    attention: attention.ok ? attention.value : undefined,
  };
  const format = formatOf(call.request.headers.get("accept") ?? "");
  return new Response(exposition(deployment, aside, format), {
    headers: { ...NOT_KEPT, vary: "Accept", "content-type": CONTENT_TYPES[format] },
  });
};

const NOT_KEPT = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** OpenMetrics for who prefers it (RFC 9110, section 12.5.1); the older format for everybody else. */
const formatOf = (accept: string): Format => {
  const weightOf = (...types: readonly string[]) =>
    Math.max(0, ...parseAccept(accept).flatMap(({ type, q }) => (types.includes(type.toLowerCase()) ? q : [])));
  const openMetrics = weightOf("application/openmetrics-text");
  return openMetrics > 0 && openMetrics >= weightOf("text/plain") ? "openmetrics" : "prometheus";
};

/** As JSON; and to who asks for `text/event-stream` as events, one every few seconds. */
export const getMonitor: KeyHandler = async (call) => {
  const query = checkQuery(monitorQuery, call.query);
  if (!query.ok) return query;
  const { range } = query.value;
  const first = await measured(call, range);
  if (!first.ok) return first;
  const isLive = parseAccept(call.request.headers.get("accept") ?? "").some(({ type }) => type === "text/event-stream");
  if (!isLive) return json(first.value);
  return new Response(eventsOf(call, range, first.value), {
    headers: { ...NOT_KEPT, "content-type": "text/event-stream" },
  });
};

export const measured = async (call: Caller, range: Range): Promise<Checked<MonitorReply>> => {
  const found = await known(call, range);
  if (!found.ok) return found;
  const { deployment, alerts, startUpCheck } = found.value;
  const monitoring = monitoringSettings(call.env).settings.isOn ? "on" : "off";
  const aside = {
    monitoring,
    alerts,
    ...(startUpCheck === undefined ? {} : { start_up_check: startUpCheck }),
  } as const;
  return granted(monitorReply(deployment, range, Date.now(), aside));
};

const EVERY_MS = 5_000;
/** A request may make 1,000 calls, and each event makes one to each Monitor: then whoever listens comes again. */
const CALLS_MAX = 900;

const eventsOf = (call: Exchange, range: Range, first: unknown): ReadableStream => {
  const { shards } = monitoringSettings(call.env).settings;
  const encoder = new TextEncoder();
  let left = Math.floor(CALLS_MAX / (shards + 2));
  let next: unknown = first;
  return new ReadableStream({
    async pull(controller) {
      if (next === undefined) {
        await new Promise((over) => setTimeout(over, EVERY_MS));
        const reply = await measured(call, range);
        next = reply.ok ? reply.value : undefined;
      }
      left -= 1;
      if (next === undefined || left < 0 || call.request.signal.aborted) return controller.close();
      controller.enqueue(encoder.encode(`event: monitor\nretry: 1000\ndata: ${JSON.stringify(next)}\n\n`));
      next = undefined;
    },
  });
};

export const getAlerts: KeyHandler = async (call) => {
  const none = checkQuery(noQuery, call.query);
  if (!none.ok) return none;
  const found = await alerts(call);
  return found.ok ? json(found.value) : found;
};

export const alerts = async ({ env }: Caller): Promise<Checked<{ readonly alerts: readonly Alert[] }>> => {
  try {
    return granted({ alerts: await monitorNamed(env, START_UP_MONITOR).alerts() });
  } catch (error) {
    log("error", "monitor_call_failed", thrown(error));
    return refuse("unavailable", "The Monitor, which keeps the alerts, cannot be reached: try again.");
  }
};
