/**
 * User tokens (A2, U2): JWTs, minted here or by the customer's identity provider, and verified as RFC 8725 says. The
 * header chooses nothing: the issuer chooses the keys, and they choose the algorithms.
 */
import {
  createRemoteJWKSet,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyResult,
  jwtVerify,
  SignJWT,
} from "jose";
import { log, thrown } from "../log.ts";
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { isDevice, isUser } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { TokenFacts } from "../protocol/mailbox-api.ts";
import { type IdentityProvider, OWN_ISSUER, type UserTokenSettings } from "../settings/access.ts";
import { looksLikeToken } from "./credentials.ts";

const OWN_TYPE = "restante-user+jwt";
const OWN_ALGORITHMS = ["HS256"];
const PROVIDER_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"];

export interface VerifiedToken {
  readonly user: string;
  readonly facts: TokenFacts;
}

interface MintOrder {
  readonly user: string;
  readonly device?: string | undefined;
  readonly ttlMs: number;
  readonly now: number;
}

/** Signs a token of this service's own. Times have milliseconds, so that a revocation has an exact place between them (U3). */
export const mintToken = async (
  secret: Uint8Array,
  order: MintOrder,
): Promise<{ readonly token: string; readonly expiresAt: number }> => {
  const expiresAt = order.now + Math.min(order.ttlMs, LIMITS.tokenTtlMaxMs);
  const claims: JWTPayload = { iss: OWN_ISSUER, sub: order.user, iat: order.now / 1_000, exp: expiresAt / 1_000 };
  const token = await new SignJWT(order.device === undefined ? claims : { ...claims, device: order.device })
    .setProtectedHeader({ alg: "HS256", typ: OWN_TYPE })
    .sign(secret);
  return { token, expiresAt };
};

export const verifyToken = async (
  token: string | undefined,
  settings: Checked<UserTokenSettings>,
  now: number,
): Promise<Checked<VerifiedToken>> => {
  if (!settings.ok) return settings;
  if (token === undefined) {
    return refuse(
      "missing_token",
      "Send a user token: `Authorization: Bearer <token>`, the subprotocol `bearer.<token>` beside `restante.v1`, or `?access_token=`.",
    );
  }
  if (!looksLikeToken(token)) {
    return invalid("This is no JWT. API keys do not open a user's stream: have the backend mint a user token.");
  }
  try {
    const verified = await verifySignature(token, settings.value, new Date(now));
    return "ok" in verified ? verified : checkClaims(verified.payload, now);
  } catch (error) {
    return refuseToken(error);
  }
};

const verifySignature = async (
  token: string,
  { secrets, provider }: UserTokenSettings,
  currentDate: Date,
): Promise<JWTVerifyResult | Refusal> => {
  const requiredClaims = ["exp", "iat", "sub"];
  // Ends are checked below to the millisecond, so that this bounds `nbf` alone.
  const clockTolerance = LIMITS.tokenClockSkewMs / 1_000;
  const issuer = decodeJwt(token).iss;
  if (issuer === OWN_ISSUER) {
    const checks = { algorithms: OWN_ALGORITHMS, typ: OWN_TYPE, issuer, requiredClaims, clockTolerance, currentDate };
    for (const secret of secrets) {
      try {
        return await jwtVerify(token, secret, checks);
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      }
    }
  } else if (provider !== undefined && issuer === provider.issuer) {
    const { audience, types } = provider;
    const checks = { algorithms: PROVIDER_ALGORITHMS, issuer, audience, requiredClaims, clockTolerance, currentDate };
    const verified = await jwtVerify(token, keysOf(provider), checks);
    const type = verified.protectedHeader.typ?.toLowerCase().replace(/^application\//, "");
    return type !== undefined && types.includes(type)
      ? verified
      : invalid("The token's header `typ` is missing or not in the setting JWT_TYPES.");
  } else {
    return invalid("The token's `iss` is neither this service's own nor the setting JWT_ISSUER.");
  }
  return invalid(
    "The token's signature does not match: it was signed with a secret that this deployment does not have.",
  );
};

const checkClaims = (claims: JWTPayload, now: number): Checked<VerifiedToken> => {
  const { sub, iat = Number.NaN, exp = Number.NaN, device } = claims;
  if (typeof sub !== "string" || !isUser(sub)) return invalid("The token's `sub` is not a valid user.");
  if (device !== undefined && (typeof device !== "string" || !isDevice(device))) {
    return invalid("The token's `device` is not valid: 1 to 64 of A-Z a-z 0-9 . _ ~ -");
  }
  const issuedAt = Math.round(iat * 1_000);
  if (!(issuedAt <= now + LIMITS.tokenClockSkewMs)) {
    return invalid("The token's `iat` is more than a minute in the future: check the clock of who signs it.");
  }
  const expiresAt = Math.min(Math.round(exp * 1_000), issuedAt + LIMITS.tokenTtlMaxMs);
  if (expiresAt <= now) return expired();
  return granted({
    user: sub,
    facts: device === undefined ? { issuedAt, expiresAt } : { issuedAt, expiresAt, device },
  });
};

const invalid = (detail: string): Refusal => refuse("invalid_token", detail);

const expired = (): Refusal =>
  refuse("token_expired", "The token is over (its `exp`, or 24 hours after its `iat`): fetch a new one.");

/** The provider's keys could not be had: that is nobody's fault who holds a token. */
class KeysUnreachable extends Error {}

/** In words, without the token and without what is inside it. */
const refuseToken = (error: unknown): Refusal => {
  if (error instanceof KeysUnreachable) {
    log("error", "jwks_unreachable", { code: "unavailable", ...thrown(error.cause) });
    return refuse("unavailable", "The keys of the identity provider (JWKS_URL) cannot be fetched: try again.");
  }
  if (error instanceof errors.JWTExpired) return expired();
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(`The token's \`${error.claim}\` is missing or not what this deployment takes.`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return invalid(
      `The token's algorithm is not allowed: ${OWN_ALGORITHMS} for own tokens, ${PROVIDER_ALGORITHMS.join(", ")} for an identity provider's.`,
    );
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return invalid("Not exactly one key of the identity provider fits the token's `kid` and algorithm.");
  }
  if (error instanceof errors.JOSEError) return invalid("The token is not a well formed JWT with a good signature.");
  throw error;
};

/** What the keys' resolver says of a token; all else that it throws is about fetching the keys. */
const TOKENS_FAULT = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported] as const;

/** How soon an unknown `kid` fetches the keys again: a new key works quickly, and strangers cannot make us hammer. */
const JWKS_COOLDOWN_MS = 10_000;

const fetched = new Map<string, JWTVerifyGetKey>();

/** One set of keys for each URL and isolate: jose keeps it, and fetches again as keys rotate. */
const keysOf = ({ jwksUrl }: IdentityProvider): JWTVerifyGetKey => {
  const known = fetched.get(jwksUrl.href);
  if (known !== undefined) return known;
  const keys = createRemoteJWKSet(jwksUrl, { cooldownDuration: JWKS_COOLDOWN_MS });
  const resolve: JWTVerifyGetKey = async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      if (TOKENS_FAULT.some((fault) => error instanceof fault)) throw error;
      throw new KeysUnreachable("JWKS", { cause: error });
    }
  };
  fetched.set(jwksUrl.href, resolve);
  return resolve;
};
