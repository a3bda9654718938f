/** Where the app's user token comes from, and how long one is good for. */
import { InboxError } from "./inbox-error.ts";

/** A token, or what fetches one from the app's own backend. A token alone cannot be renewed: the connection ends with it. */
export type TokenOption = string | (() => string | Promise<string>);

/** What a client reads of a token without verifying it. */
interface TokenClaims {
  readonly sub?: unknown;
  /** The device that the token is bound to. */
  readonly device?: unknown;
  readonly iat?: number;
  readonly exp?: number;
}

export interface Token {
  readonly text: string;
  readonly claims: TokenClaims;
}

/** The share of a token's life after which another is fetched. */
const RENEW_AT = 0.75;

export class TokenSource {
  /** Whether asking again may bring another token. */
  readonly canRenew: boolean;
  readonly #option: TokenOption;
  #known: Token | undefined;
  /** Until when the known one is used for new connections, on this machine's clock. */
  #freshUntil = 0;

  constructor(option: TokenOption) {
    this.#option = option;
    this.canRenew = typeof option === "function";
  }

  /** @throws InboxError `token_failed` where the app's function throws or gives none. */
  async get(): Promise<Token> {
    if (this.#known !== undefined && Date.now() < this.#freshUntil) return this.#known;
    const option = this.#option;
    let text: string;
    try {
      text = typeof option === "function" ? await option() : option;
      if (typeof text !== "string" || text === "") throw new TypeError("`token` gave no text.");
    } catch (cause) {
      throw new InboxError("token_failed", `No token: ${cause}`, { cause });
    }
    const claims = claimsOf(text);
    this.#known = { text, claims };
    const lifeMs = ((claims.exp ?? 0) - (claims.iat ?? 0)) * 1_000;
    this.#freshUntil = Date.now() + lifeMs * RENEW_AT;
    return this.#known;
  }

  /** The known token is no good: the next `get` fetches another. */
  forget(): void {
    this.#freshUntil = 0;
  }
}

/** When to renew a token with so much life left, in milliseconds from now; spread, so that clients who came together do not renew together. */
export const renewInMs = (leftMs: number): number => leftMs * (RENEW_AT - Math.random() * 0.1);

/** Empty where it is no JWT: the server will say so. */
const claimsOf = (token: string): TokenClaims => {
  try {
    const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (char) => char.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return claims instanceof Object ? claims : {};
  } catch {
    return {};
  }
};
