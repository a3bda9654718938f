/** Where webhooks go, what they tell of, and how they are signed. */
import { type Environment, type Read, textOf } from "./environment.ts";
import { isPublicHost } from "./public-host.ts";

/** What is told of where it is switched on; a fallback is always told of. */
export const END_EVENTS = ["message.expired", "message.rejected", "message.undeliverable"] as const;
export type EndEvent = (typeof END_EVENTS)[number];
export const NO_EVENTS: readonly EndEvent[] = [];

/** The receiver. */
export interface WebhookTarget {
  readonly url: URL;
  /** `whsec_…`: what each attempt is signed with, all of them. */
  readonly secrets: readonly string[];
  /** One attempt, in milliseconds. */
  readonly timeoutMs: number;
}

interface WebhookSettings {
  /** Absent where no receiver is set. */
  readonly target?: WebhookTarget;
  readonly events: readonly EndEvent[];
}

/** The specification asks a sender to wait 15 to 30 seconds. */
const TIMEOUT_MS = 15_000;
/** `whsec_` and 24 to 64 bytes in base64, as the specification has it. */
const SECRET = /^whsec_([A-Za-z0-9+/]{32,88}={0,2})$/;

const isEvent = (text: string): text is EndEvent => (END_EVENTS as readonly string[]).includes(text);

/** Why a URL may not be sent to; undefined where it may. In development it may be anything on this machine. */
export const targetFault = (url: URL, isDevelopment: boolean): string | undefined => {
  if (url.protocol !== "https:" && !(isDevelopment && url.protocol === "http:")) return "it must be an https URL";
  if (url.username !== "" || url.password !== "") return "it must have no user and password in it";
  if (!isDevelopment && !isPublicHost(url)) return "its host must be a public one";
  return undefined;
};

/** What is wrong with what webhooks are signed with; undefined where nothing is. */
export const webhookSecretFault = (name: string, secret: string | undefined): string | undefined => {
  if (secret === undefined) {
    return `${name} is not set: \`echo "whsec_$(openssl rand -base64 32)" | wrangler secret put ${name}\` makes and stores one.`;
  }
  return SECRET.test(secret) ? undefined : `${name} must be whsec_ and 24 to 64 random bytes in base64.`;
};

export const webhookSettings = (env: Environment): Read<WebhookSettings> => {
  const faults: string[] = [];
  const [text, secret, old] = ["WEBHOOK_URL", "WEBHOOK_SECRET", "WEBHOOK_SECRET_OLD"].map((name) => textOf(env, name));
  const named = (textOf(env, "WEBHOOK_EVENTS") ?? "").split(",").flatMap((part) => part.trim() || []);
  const events = named.filter(isEvent);
  if (events.length < named.length) faults.push(`WEBHOOK_EVENTS is a list of ${END_EVENTS.join(", ")}.`);
  if (text === undefined) {
    for (const name of ["WEBHOOK_EVENTS", "FALLBACK_AFTER_SECONDS"]) {
      if (textOf(env, name) !== undefined && env[name] !== "0")
        faults.push(`${name} is set, and WEBHOOK_URL, where it goes, is not.`);
    }
    return { settings: { events: NO_EVENTS }, faults };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const fault = url === undefined ? "it is no URL" : targetFault(url, env.ENVIRONMENT === "development");
  if (fault !== undefined) faults.push(`WEBHOOK_URL cannot be sent to: ${fault}.`);
  const secrets = [secret, old].filter((one) => one !== undefined);
  const ofSecrets = [
    webhookSecretFault("WEBHOOK_SECRET", secret),
    old === undefined ? undefined : webhookSecretFault("WEBHOOK_SECRET_OLD", old),
  ];
  faults.push(...ofSecrets.flatMap((fault) => fault ?? []));
  if (url === undefined || faults.length > 0) return { settings: { events: NO_EVENTS }, faults };
  return { settings: { target: { url, secrets, timeoutMs: TIMEOUT_MS }, events }, faults };
};
