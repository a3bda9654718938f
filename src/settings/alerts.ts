/** When an alert fires, and who is told (M3). */
import { type Environment, type Read, readWholeNumbers, textOf } from "./environment.ts";
import { targetFault, type WebhookTarget, webhookSecretFault } from "./webhooks.ts";

const ALERT_FORMATS = ["standard", "slack", "pagerduty"] as const;
type AlertFormat = (typeof ALERT_FORMATS)[number];

export interface AlertSettings {
  /** How far back the rules of a share look. */
  readonly windowMs: number;
  /** Of connections, or ends of messages, in the window: below, a share says nothing. */
  readonly leastCount: number;
  /** Shares from 0 to 1. */
  readonly connectionFailureRate: number;
  readonly deliveryFailureRate: number;
  /** Failed calls in the window, from so many on. */
  readonly mailboxFailures: number;
  /** How long the recovery queue must have grown, by how many messages at least, and by which share of it. */
  readonly growingMs: number;
  readonly growthLeast: number;
  readonly growthShare: number;
}

export interface AlertTelling {
  readonly format: AlertFormat;
  /** Absent where nobody is told. */
  readonly target?: WebhookTarget;
  /** PagerDuty's key of an integration; empty for the others. */
  readonly routingKey: string;
  /** Called after every good check. */
  readonly heartbeat?: URL;
}

const TIMEOUT_MS = 15_000;
/** PagerDuty's Events API v2: the same for everybody. */
const PAGERDUTY = "https://events.pagerduty.com/v2/enqueue";
const SECOND_MS = 1_000;
const PER_MILLE = 1_000;

export const alertSettings = (env: Environment): Read<AlertSettings> =>
  readWholeNumbers(env, (whole) => ({
    // As short as tells bursts from noise: an alert comes within two minutes.
    windowMs: SECOND_MS * whole("ALERT_WINDOW_SECONDS", 300, 60, 840),
    leastCount: whole("ALERT_LEAST_COUNT", 20, 1, 1_000_000),
    connectionFailureRate: whole("ALERT_CONNECTION_FAILURES_PER_MILLE", 10, 0, 1_000) / PER_MILLE,
    deliveryFailureRate: whole("ALERT_DELIVERY_FAILURES_PER_MILLE", 5, 0, 1_000) / PER_MILLE,
    mailboxFailures: whole("ALERT_MAILBOX_FAILURES", 3, 1, 1_000_000),
    growingMs: SECOND_MS * whole("ALERT_QUEUE_GROWING_SECONDS", 900, 60, 86_400),
    growthLeast: whole("ALERT_QUEUE_GROWTH_LEAST", 100, 1, 1_000_000_000),
    growthShare: 0.1,
  }));

const isFormat = (text: string): text is AlertFormat => (ALERT_FORMATS as readonly string[]).includes(text);

export const alertTelling = (env: Environment): Read<AlertTelling> => {
  const faults: string[] = [];
  const isDevelopment = env.ENVIRONMENT === "development";
  const urlOf = (name: string, text: string | undefined): URL | undefined => {
    if (text === undefined) return undefined;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const fault = url === undefined ? "it is no URL" : targetFault(url, isDevelopment);
    if (fault !== undefined) faults.push(`${name} cannot be called: ${fault}.`);
    return fault === undefined ? url : undefined;
  };
  const text = textOf(env, "ALERT_FORMAT") ?? "standard";
  const format = isFormat(text) ? text : "standard";
  if (!isFormat(text))
    faults.push(`ALERT_FORMAT is one of ${ALERT_FORMATS.join(", ")}; it is ${JSON.stringify(text)}.`);
  const routingKey = textOf(env, "ALERT_ROUTING_KEY") ?? "";
  const asked = textOf(env, "ALERT_URL");
  const url = urlOf("ALERT_URL", asked ?? (format === "pagerduty" && routingKey !== "" ? PAGERDUTY : undefined));
  const secret = textOf(env, "ALERT_SECRET");
  if (format === "standard" && url !== undefined) {
    const fault = webhookSecretFault("ALERT_SECRET", secret);
    if (fault !== undefined) faults.push(fault);
  }
  if (format === "pagerduty" && url !== undefined && routingKey === "") {
    faults.push("ALERT_ROUTING_KEY is not set: it is the integration key of an Events API v2 integration.");
  }
  const heartbeat = urlOf("HEARTBEAT_URL", textOf(env, "HEARTBEAT_URL"));
  const secrets = format === "standard" && secret !== undefined ? [secret] : [];
  return {
    settings: {
      format,
      routingKey,
      ...(url === undefined || faults.length > 0 ? {} : { target: { url, secrets, timeoutMs: TIMEOUT_MS } }),
      ...(heartbeat === undefined ? {} : { heartbeat }),
    },
    faults,
  };
};
