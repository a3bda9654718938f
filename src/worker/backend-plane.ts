/** The backend plane: an API key, a user in the path, and the same checks for every route, before any Mailbox (A1, A4). */
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import type { Location } from "../protocol/http.ts";
import { isUser } from "../protocol/identifiers.ts";
import type { Scope } from "../settings.ts";
import { refuseKey } from "./api-keys.ts";
import { type Answer, type Exchange, segment } from "./exchange.ts";

export interface BackendCall extends Exchange {
  readonly user: string;
}

export type BackendHandler = (call: BackendCall) => Promise<Answer>;

export const answerBackend = async (
  exchange: Exchange,
  scopes: readonly Scope[],
  handle: BackendHandler,
): Promise<Answer> => {
  const refusal = await refuseKey(exchange.request, exchange.access, scopes);
  if (refusal !== undefined) return refusal;
  const user = segment(exchange, "user", isUser, "invalid_user");
  return user.ok ? handle({ ...exchange, user: user.value }) : user;
};

/** Where a new Mailbox should be (S12), said in the query or the body. */
export const placement = (query: Location | undefined, body: Location | undefined): Checked<Location | undefined> =>
  query !== undefined && body !== undefined && query !== body
    ? refuse("invalid_request", "The location in the query and in the body differ: give one of them.")
    : granted(query ?? body);
