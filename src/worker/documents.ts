/** `GET /openapi.json` and `GET /asyncapi.json`: what the service speaks, for tools. */
import { refuse } from "../protocol/errors.ts";
import { noQuery } from "../protocol/http.ts";
import type { DescribedRoute } from "../reference/openapi.ts";
import { checkQuery } from "./checked-input.ts";
import type { Answer, Exchange } from "./exchange.ts";
import { jsonText } from "./problem.ts";

/** They are anybody's, and change with a release alone: tools on other pages may load them, and caches keep them for a while. */
const HEADERS = { "cache-control": "public, max-age=300", "access-control-allow-origin": "*" } as const;

let openApiText: string | undefined;

export const getOpenApi = async ({ query }: Exchange, routes: readonly DescribedRoute[]): Promise<Answer> => {
  const none = checkQuery(noQuery, query);
  if (!none.ok) return none;
  // Made when somebody asks, and no earlier: a Worker's start is not the time for it.
  openApiText ??= JSON.stringify((await import("../reference/openapi.ts")).openApi(routes));
  return jsonText(openApiText, 200, HEADERS);
};

export const getAsyncApi = async ({ query, request }: Exchange): Promise<Answer> => {
  const none = checkQuery(noQuery, query);
  if (!none.ok) return none;
  // The runtime makes the URL from the client's Host header, whatever that holds.
  if (!URL.canParse(request.url)) return refuse("invalid_request", "The header Host names no host.");
  const { asyncApi } = await import("../reference/asyncapi.ts");
  return jsonText(JSON.stringify(asyncApi(request.url)), 200, HEADERS);
};
