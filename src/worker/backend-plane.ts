/** The backend plane: an API key, most often a user in the path, and the same checks for every route, before any Mailbox (A1, A4). */
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { isUser } from "../protocol/identifiers.ts";
import type { Location } from "../protocol/location.ts";
import type { Scope } from "../settings/access.ts";
import { refuseKey } from "./api-keys.ts";
import { type Answer, type Exchange, segment } from "./exchange.ts";

export interface BackendCall extends Exchange {
  readonly user: string;
}

/** Of a route with a user in its path. */
export type BackendHandler = (call: BackendCall) => Promise<Answer>;
/** Of any route that takes a key. */
export type KeyHandler = (exchange: Exchange) => Promise<Answer>;

export const answerBackend = (
  exchange: Exchange,
  scopes: readonly Scope[],
  handle: KeyHandler,
  subprotocol?: string,
): Answer | Promise<Answer> => {
  const refusal = refuseKey(exchange.request, exchange.access, scopes, subprotocol);
  return refusal ?? handle(exchange);
};

export const ofUser =
  (handle: BackendHandler): KeyHandler =>
  async (exchange) => {
    const user = segment(exchange, "user", isUser, "invalid_user");
    return user.ok ? handle({ ...exchange, user: user.value }) : user;
  };

/** Where a new Mailbox should be (S12), said in the query or the body. */
export const placement = (query: Location | undefined, body: Location | undefined): Checked<Location | undefined> =>
  query !== undefined && body !== undefined && query !== body
    ? refuse("invalid_request", "The location in the query and in the body differ: give one of them.")
    : granted(query ?? body);
