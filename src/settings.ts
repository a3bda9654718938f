/**
 * Everything that a deployment may set, in one place (M5): read once from the environment, checked, with its default.
 *
 * A setting that is not well formed, or a secret that is missing, lets nobody in, and is named to who asks (A5): better a
 * deployment that does not work than one that runs with a limit nobody chose.
 */
import { type Checked, granted, type Refusal, refuse } from "./protocol/errors.ts";
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

/**
 * How the Mailbox delivers. A setting that is not well formed has its default here, and a line in `faults`: the Worker then
 * lets nobody in (`deploymentFault`), while what is due in a Mailbox still gets done.
 */
export const deliverySettings = (
  env: Environment,
): { readonly settings: DeliverySettings; readonly faults: readonly string[] } => {
  const d = DELIVERY_DEFAULTS;
  const faults: string[] = [];
  const integer = (name: string, fallback: number, min: number, max: number): number => {
    const raw = env[name];
    if (raw === undefined || raw === "") return fallback;
    const value = Number(raw);
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
    faults.push(`${name} is a whole number from ${min} to ${max}; it is ${JSON.stringify(raw)}.`);
    return fallback;
  };
  const settings = {
    ackTimeoutMs: integer("ACK_TIMEOUT_MS", d.ackTimeoutMs, 100, 600_000),
    heartbeatMs: integer("HEARTBEAT_MS", d.heartbeatMs, 100, 600_000),
    ttlDefaultMs: 1_000 * integer("TTL_DEFAULT_SECONDS", d.ttlDefaultMs / 1_000, 1, LIMITS.ttlMaxMs / 1_000),
    ttlMaxMs: 1_000 * integer("TTL_MAX_SECONDS", d.ttlMaxMs / 1_000, 1, LIMITS.ttlMaxMs / 1_000),
    outboxMaxMessages: integer("OUTBOX_MAX_MESSAGES", d.outboxMaxMessages, 1, LIMITS.outboxMaxMessages),
    outboxMaxBytes: integer("OUTBOX_MAX_BYTES", d.outboxMaxBytes, LIMITS.messageMaxBytes, LIMITS.outboxMaxBytes),
    deadLettersMax: integer("DEAD_LETTERS_MAX", d.deadLettersMax, 1, LIMITS.deadLettersMax),
    deadLetterTtlMs:
      1_000 * integer("DEAD_LETTER_TTL_SECONDS", d.deadLetterTtlMs / 1_000, 1, LIMITS.deadLetterTtlMs / 1_000),
    ackFlushMs: integer("ACK_FLUSH_MS", d.ackFlushMs, 0, 10_000),
  };
  return { settings, faults };
};

/** What is wrong with the deployment's variables; nobody is let in until it is mended. */
const deploymentFault = (env: Environment): Refusal | undefined => {
  const { faults } = deliverySettings(env);
  const jurisdiction = set(env, "JURISDICTION");
  const isUnknown = jurisdiction !== undefined && jurisdictionOf(env) === undefined;
  const known = JURISDICTIONS.join(", ");
  const all = isUnknown
    ? [...faults, `JURISDICTION is one of ${known}; it is ${JSON.stringify(jurisdiction)}.`]
    : faults;
  return all.length === 0
    ? undefined
    : refuse(
        "not_configured",
        `A setting of this deployment is not well formed: ${all.join(" ")} Mend it in wrangler.toml.`,
      );
};

/** What an API key allows (A1). */
export const SCOPES = ["send", "manage", "monitor"] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  readonly scopes: readonly Scope[];
  /** SHA-256 of the whole key, in hex. */
  readonly digest: string;
}

export interface ApiKeys {
  readonly keys: readonly ApiKey[];
  /** Names of settings that are not well formed: they authenticate nobody. */
  readonly broken: readonly string[];
}

/** The customer's own source of user tokens (A2). */
export interface IdentityProvider {
  readonly jwksUrl: URL;
  readonly issuer: string;
  readonly audience: string;
  /** What a token's `typ` may be, in lower case. */
  readonly types: readonly string[];
}

export interface UserTokenSettings {
  /** `TOKEN_SECRET`, then `TOKEN_SECRET_OLD`: whichever is set. */
  readonly secrets: readonly Uint8Array[];
  readonly provider?: IdentityProvider;
}

export interface AccessSettings {
  readonly apiKeys: Checked<ApiKeys>;
  /** Whose user tokens are taken. */
  readonly userTokens: Checked<UserTokenSettings>;
  /** What this deployment mints user tokens with. */
  readonly mintSecret: Checked<Uint8Array>;
  /** `ALLOWED_ORIGINS` as it stands; absent where it is not set. */
  readonly allowedOrigins?: string;
  readonly isDevelopment: boolean;
}

/** Tokens of this service's own say this in `iss`. */
export const OWN_ISSUER = "restante";

const API_KEY = /^\s*([a-z]+(?:\s*,\s*[a-z]+)*)\s*:\s*([0-9a-fA-F]{64})\s*$/;
/** RFC 7518, section 3.2: a key for HS256 is at least as long as the hash. */
const SECRET_MIN_BYTES = 32;

const set = (env: Environment, name: string): string | undefined => {
  const raw = env[name];
  return typeof raw === "string" && raw.trim() !== "" ? raw : undefined;
};

const apiKeys = (env: Environment): Checked<ApiKeys> => {
  const keys: ApiKey[] = [];
  const broken: string[] = [];
  for (const name of Object.keys(env).filter((name) => name.startsWith("API_KEY_"))) {
    const [, list = "", digest = ""] = API_KEY.exec(set(env, name) ?? "") ?? [];
    const scopes = list.split(",").map((scope) => scope.trim());
    if (scopes.every(isScope)) keys.push({ scopes, digest: digest.toLowerCase() });
    else broken.push(name);
  }
  if (keys.length > 0) return granted({ keys, broken });
  return refuse(
    "not_configured",
    broken.length > 0
      ? `${brokenKeys(broken)} No other API key is set.`
      : "No API key is set. Make one with `npm run key -- NAME --scopes send`, then store what it prints with `wrangler secret put API_KEY_NAME`.",
  );
};

const isScope = (text: string): text is Scope => (SCOPES as readonly string[]).includes(text);

/** Names the settings of API keys that are not well formed, and says what they should be. */
export const brokenKeys = (names: readonly string[]): string =>
  `${names.join(", ")} must be \`scopes:sha256-hex\`, with scopes from ${SCOPES.join(", ")}; \`npm run key\` prints it.`;

const secret = (env: Environment, name: string): Checked<Uint8Array> => {
  const text = set(env, name);
  if (text === undefined) {
    return refuse(
      "not_configured",
      `${name} is not set: \`openssl rand -base64 48 | wrangler secret put ${name}\` makes and stores one.`,
    );
  }
  const bytes = new TextEncoder().encode(text);
  if (bytes.length >= SECRET_MIN_BYTES) return granted(bytes);
  return refuse("not_configured", `${name} is shorter than ${SECRET_MIN_BYTES} bytes: take a longer random one.`);
};

const identityProvider = (env: Environment): Checked<IdentityProvider | undefined> => {
  const names = ["JWKS_URL", "JWT_ISSUER", "JWT_AUDIENCE"];
  const missing = names.filter((name) => set(env, name) === undefined);
  if (missing.length === names.length) return granted(undefined);
  if (missing.length > 0) {
    return refuse("not_configured", `${names.join(", ")} go together; missing: ${missing.join(", ")}.`);
  }
  const [url = "", issuer = "", audience = ""] = names.map((name) => set(env, name));
  const jwksUrl = URL.canParse(url) ? new URL(url) : undefined;
  const isLoopback = jwksUrl !== undefined && ["localhost", "127.0.0.1", "[::1]"].includes(jwksUrl.hostname);
  // Keys that come unencrypted are whoever's is on the way.
  if (jwksUrl === undefined || !(jwksUrl.protocol === "https:" || (jwksUrl.protocol === "http:" && isLoopback))) {
    return refuse("not_configured", "JWKS_URL must be an https URL (http is taken for localhost only).");
  }
  if (issuer === OWN_ISSUER) {
    return refuse("not_configured", `JWT_ISSUER may not be ${OWN_ISSUER}: that is this service's own issuer.`);
  }
  const types = (set(env, "JWT_TYPES") ?? "JWT,at+jwt").split(",").map((type) => type.trim().toLowerCase());
  return granted({ jwksUrl, issuer, audience, types });
};

const userTokens = (env: Environment): Checked<UserTokenSettings> => {
  const provider = identityProvider(env);
  if (!provider.ok) return provider;
  const secrets: Uint8Array[] = [];
  for (const name of ["TOKEN_SECRET", "TOKEN_SECRET_OLD"].filter((name) => set(env, name) !== undefined)) {
    const found = secret(env, name);
    if (!found.ok) return found;
    secrets.push(found.value);
  }
  if (provider.value !== undefined) return granted({ secrets, provider: provider.value });
  // The old secret alone would be a deployment whose tokens nobody can mint any more.
  if (set(env, "TOKEN_SECRET") !== undefined) return granted({ secrets });
  return refuse(
    "not_configured",
    "Nothing verifies user tokens. Set TOKEN_SECRET (`openssl rand -base64 48 | wrangler secret put TOKEN_SECRET`), or JWKS_URL, JWT_ISSUER and JWT_AUDIENCE of your identity provider.",
  );
};

/** Who is let in (A). */
export const accessSettings = (env: Environment): AccessSettings => {
  const allowedOrigins = set(env, "ALLOWED_ORIGINS");
  const fault = deploymentFault(env);
  return {
    apiKeys: fault ?? apiKeys(env),
    userTokens: fault ?? userTokens(env),
    mintSecret: secret(env, "TOKEN_SECRET"),
    ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    isDevelopment: env.ENVIRONMENT === "development",
  };
};

const JURISDICTIONS = ["eu", "fedramp", "fedramp-high", "us"] as const;

/** Where Mailboxes may live; fixed at a deployment's first use, since it is part of what an object is (S12). */
export const jurisdictionOf = (env: Environment): (typeof JURISDICTIONS)[number] | undefined => {
  const name = set(env, "JURISDICTION");
  return JURISDICTIONS.find((jurisdiction) => jurisdiction === name);
};

/** Which version of the code answers: Cloudflare's id of it where `CF_VERSION_METADATA` is bound, or `VERSION`. */
export const versionOf = (env: Environment): string => {
  const metadata = env.CF_VERSION_METADATA;
  if (typeof metadata === "object" && metadata !== null && "id" in metadata && typeof metadata.id === "string") {
    return metadata.id;
  }
  return set(env, "VERSION") ?? "unversioned";
};
