/** Where a credential travels (A3). It is never logged and never quoted. */
import { type Checked, granted, refuse } from "../protocol/errors.ts";

const BEARER_SUBPROTOCOL = "bearer.";

/** `Authorization: Bearer …`; undefined where there is none, or another scheme. */
export const bearer = (headers: Headers): Checked<string | undefined> => {
  const authorization = headers.get("authorization");
  if (authorization === null || !/^bearer(?:\s|$)/i.test(authorization)) return granted(undefined);
  const credential = authorization.slice("bearer".length).trim();
  // Two such headers arrive as one, joined by a comma and a space.
  if (/\s/.test(credential)) return refuse("conflicting_credentials", "Send one header `Authorization: Bearer …`.");
  return granted(credential === "" ? undefined : credential);
};

/** What a client offers as subprotocols: the protocol itself, and a credential beside it. */
export interface Offer {
  /** To be echoed: a browser takes no answer for a failure where it has offered something. */
  readonly echo?: string;
  readonly tokens: readonly string[];
}

/** `subprotocol`: the one that the route speaks. */
export const offer = (headers: Headers, subprotocol: string): Checked<Offer> => {
  const offered = (headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const tokens = offered
    .filter((name) => name.startsWith(BEARER_SUBPROTOCOL))
    .map((name) => name.slice(BEARER_SUBPROTOCOL.length));
  if (offered.includes(subprotocol)) return granted({ echo: subprotocol, tokens });
  if (offered.length === tokens.length) return granted({ tokens });
  return refuse("invalid_request", `None of the subprotocols offered is known here: offer ${subprotocol}, or none.`);
};

/** The echo of a handshake that has succeeded. */
export const echoed = (offered: Offer | undefined): Record<string, string> =>
  offered?.echo === undefined ? {} : { "sec-websocket-protocol": offered.echo };

/** The API key of a request; where its route speaks a subprotocol, it may travel as one, too: the standard's constructor sets no header. */
export const presentedKey = (headers: Headers, subprotocol: string | undefined): Checked<string | undefined> => {
  const header = bearer(headers);
  if (!header.ok || subprotocol === undefined) return header;
  const offered = offer(headers, subprotocol);
  return offered.ok
    ? oneOf([header.value, ...offered.value.tokens], "`Authorization: Bearer` or the subprotocol `bearer.<key>`")
    : offered;
};

/** The one token among the places where it may travel; undefined where there is none. */
export const oneToken = (candidates: readonly (string | undefined)[]): Checked<string | undefined> =>
  oneOf(candidates, "`Authorization: Bearer`, the subprotocol `bearer.<token>`, or `?access_token=`");

const oneOf = (candidates: readonly (string | undefined)[], places: string): Checked<string | undefined> => {
  const [credential, ...others] = new Set(
    candidates.filter((candidate) => candidate !== undefined && candidate !== ""),
  );
  return others.length === 0
    ? granted(credential)
    : refuse("conflicting_credentials", `Several credentials that differ were sent: use one of ${places}.`);
};

/** Three base64url parts: it has the form of a JWT, whatever it says. */
export const looksLikeToken = (credential: string): boolean =>
  /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(credential);
