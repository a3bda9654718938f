/** The user plane: browsers among others, so that every answer obeys the page's origin (A4). */

import type { Answer, Exchange } from "./exchange.ts";
import { checkOrigin, corsHeaders, preflight } from "./origins.ts";
import { problem } from "./problem.ts";

export interface UserCall extends Exchange {
  /** The page that asks, checked; absent where it is no browser. */
  readonly origin?: string;
}

export type UserHandler = (call: UserCall) => Promise<Answer>;

export const answerUser = async (exchange: Exchange, handle: UserHandler): Promise<Answer> => {
  const origin = checkOrigin(exchange.request, exchange.access);
  if (!origin.ok) return origin;
  if (origin.value === undefined) return handle(exchange);
  const answer = await handle({ ...exchange, origin: origin.value });
  const response = answer instanceof Response ? answer : problem(answer);
  // A handshake is no CORS request, and its response is the runtime's to keep whole.
  if (response.status === 101) return response;
  for (const [name, value] of Object.entries(corsHeaders(origin.value))) response.headers.set(name, value);
  return response;
};

export const answerPreflight = (exchange: Exchange, methods: readonly string[]): Answer => {
  const origin = checkOrigin(exchange.request, exchange.access);
  return origin.ok ? preflight(origin.value, methods) : origin;
};
