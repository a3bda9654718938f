/** Who is let in (A): API keys, and whose user tokens are taken. */
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { alertSettings, alertTelling } from "./alerts.ts";
import { deliverySettings } from "./delivery.ts";
import { type Environment, textOf } from "./environment.ts";
import { jurisdictionFaults } from "./jurisdiction.ts";
import { monitoringSettings } from "./monitoring.ts";
import { startUpLimits } from "./start-up.ts";
import { webhookSettings } from "./webhooks.ts";

/** What an API key allows (A1). */
export const SCOPES = ["send", "manage", "monitor"] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  /** Of its setting, `API_KEY_<NAME>`. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** SHA-256 of the whole key, in hex. */
  readonly digest: string;
}

interface ApiKeys {
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
  /** What is wrong with the deployment's variables: nobody is let in until it is mended. */
  readonly fault?: Refusal;
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

const apiKeys = (env: Environment): Checked<ApiKeys> => {
  const keys: ApiKey[] = [];
  const broken: string[] = [];
  for (const name of Object.keys(env).filter((name) => name.startsWith("API_KEY_"))) {
    const [, list = "", digest = ""] = API_KEY.exec(textOf(env, name) ?? "") ?? [];
    const scopes = list.split(",").map((scope) => scope.trim());
    if (scopes.every(isScope)) keys.push({ name: name.slice("API_KEY_".length), scopes, digest: digest.toLowerCase() });
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
  const text = textOf(env, name);
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
  const missing = names.filter((name) => textOf(env, name) === undefined);
  if (missing.length === names.length) return granted(undefined);
  if (missing.length > 0) {
    return refuse("not_configured", `${names.join(", ")} go together; missing: ${missing.join(", ")}.`);
  }
  const [url = "", issuer = "", audience = ""] = names.map((name) => textOf(env, name));
  const jwksUrl = URL.canParse(url) ? new URL(url) : undefined;
  const isLoopback = jwksUrl !== undefined && ["localhost", "127.0.0.1", "[::1]"].includes(jwksUrl.hostname);
  // Keys that come unencrypted are whoever's is on the way.
  if (jwksUrl === undefined || !(jwksUrl.protocol === "https:" || (jwksUrl.protocol === "http:" && isLoopback))) {
    return refuse("not_configured", "JWKS_URL must be an https URL (http is taken for localhost only).");
  }
  if (issuer === OWN_ISSUER) {
    return refuse("not_configured", `JWT_ISSUER may not be ${OWN_ISSUER}: that is this service's own issuer.`);
  }
  const types = (textOf(env, "JWT_TYPES") ?? "JWT,at+jwt").split(",").map((type) => type.trim().toLowerCase());
  return granted({ jwksUrl, issuer, audience, types });
};

const userTokens = (env: Environment): Checked<UserTokenSettings> => {
  const provider = identityProvider(env);
  if (!provider.ok) return provider;
  const secrets: Uint8Array[] = [];
  for (const name of ["TOKEN_SECRET", "TOKEN_SECRET_OLD"].filter((name) => textOf(env, name) !== undefined)) {
    const found = secret(env, name);
    if (!found.ok) return found;
    secrets.push(found.value);
  }
  if (provider.value !== undefined) return granted({ secrets, provider: provider.value });
  // The old secret alone would be a deployment whose tokens nobody can mint any more.
  if (textOf(env, "TOKEN_SECRET") !== undefined) return granted({ secrets });
  return refuse(
    "not_configured",
    "Nothing verifies user tokens. Set TOKEN_SECRET (`openssl rand -base64 48 | wrangler secret put TOKEN_SECRET`), or JWKS_URL, JWT_ISSUER and JWT_AUDIENCE of your identity provider.",
  );
};

/** What is wrong with the deployment's variables; nobody is let in until it is mended (A5). */
const deploymentFault = (env: Environment): Refusal | undefined => {
  const readers = [deliverySettings, startUpLimits, monitoringSettings, alertSettings, alertTelling, webhookSettings];
  const faults = readers.flatMap((read) => read(env).faults);
  faults.push(...jurisdictionFaults(env));
  if (faults.length === 0) return undefined;
  return refuse(
    "not_configured",
    `A setting of this deployment is not well formed: ${faults.join(" ")} Mend it in wrangler.toml.`,
  );
};

/** Who is let in (A). */
export const accessSettings = (env: Environment): AccessSettings => {
  const allowedOrigins = textOf(env, "ALLOWED_ORIGINS");
  const fault = deploymentFault(env);
  return {
    ...(fault === undefined ? {} : { fault }),
    apiKeys: fault ?? apiKeys(env),
    userTokens: fault ?? userTokens(env),
    mintSecret: secret(env, "TOKEN_SECRET"),
    ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    isDevelopment: env.ENVIRONMENT === "development",
  };
};
