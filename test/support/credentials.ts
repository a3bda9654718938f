/** The secrets of a test deployment, and what a backend would make with them. Runs in Node and in workerd. */
import { type JWTPayload, SignJWT } from "jose";

/** An API key with all scopes. */
export const API_KEY = "rk_for-tests-and-nothing-else";
/** 32 bytes and more, as HS256 asks for. */
export const TOKEN_SECRET = "c2VjcmV0LW9mLXRoZS10ZXN0cy1hbmQtb2Ytbm90aGluZy1lbHNl";

export const defaultVars: Readonly<Record<string, string>> = {
  // The SHA-256 of API_KEY (test/unit/operate.test.ts holds the two together).
  API_KEY_TEST: "send,manage,monitor:63ea4f4a309ac2875b48706a9f4322345d6ab067bd5254d52104dfc11dfe2901",
  TOKEN_SECRET,
};

export interface TokenOptions {
  readonly device?: string;
  /** Default one hour. Negative makes a token that is over. */
  readonly ttlSeconds?: number;
  /** Default now; on the wire `iat` carries the milliseconds as decimals (U3). */
  readonly issuedAtMs?: number;
  /** Claims beside or in place of the usual; `undefined` takes one away. */
  readonly claims?: JWTPayload;
  readonly typ?: string;
  readonly secret?: string;
}

/** A user token (A2) signed without asking the service. */
export const mintLocally = async (user: string, options: TokenOptions = {}): Promise<string> => {
  const iat = (options.issuedAtMs ?? Date.now()) / 1_000;
  const payload: JWTPayload = {
    iss: "restante",
    sub: user,
    iat,
    exp: iat + (options.ttlSeconds ?? 3_600),
    ...(options.device === undefined ? {} : { device: options.device }),
    ...options.claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: "HS256", typ: options.typ ?? "restante-user+jwt" })
    .sign(new TextEncoder().encode(options.secret ?? TOKEN_SECRET));
};
