/** The open plane: it asks for no credential. Where a route has scopes, a key that is sent must have one of them, and may do more. */
import type { Scope } from "../settings/access.ts";
import { refuseKey } from "./api-keys.ts";
import { bearer } from "./credentials.ts";
import type { Answer, Exchange } from "./exchange.ts";

interface OpenCall extends Exchange {
  /** Whether a key with one of the route's scopes was sent. */
  readonly isKeyed: boolean;
}

export type OpenHandler = (call: OpenCall) => Answer | Promise<Answer>;

export const answerOpen = async (
  exchange: Exchange,
  scopes: readonly Scope[],
  handle: OpenHandler,
): Promise<Answer> => {
  if (scopes.length === 0) return handle({ ...exchange, isKeyed: false });
  const presented = bearer(exchange.request.headers);
  if (!presented.ok) return presented;
  if (presented.value === undefined) return handle({ ...exchange, isKeyed: false });
  const refusal = refuseKey(exchange.request, exchange.access, scopes);
  return refusal ?? handle({ ...exchange, isKeyed: true });
};
