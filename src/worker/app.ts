/** Puts the routes together: what is the same for every request stands here, and nothing else. */
import { type Context, Hono } from "hono";
import { log, thrown } from "../log.ts";
import { refuse } from "../protocol/errors.ts";
import { accessOf } from "./access.ts";
import { answerBackend } from "./backend-plane.ts";
import type { Answer, Bindings, Exchange } from "./exchange.ts";
import { answerOpen } from "./open-plane.ts";
import { problem } from "./problem.ts";
import { rawPath, rawQuery } from "./raw-url.ts";
import { drain } from "./request-body.ts";
import { ROUTES, type Route, routesAt } from "./routes.ts";
import { answerPreflight, answerUser } from "./user-plane.ts";

type HonoContext = Context<{ Bindings: Bindings }>;

const answerRoute = (exchange: Exchange, route: Route): Answer | Promise<Answer> => {
  switch (route.plane) {
    case "backend":
      return answerBackend(exchange, route.scopes, route.handle, route.subprotocol);
    case "user":
      return answerUser(exchange, route.handle);
    case "open":
      return answerOpen(exchange, route.scopes ?? [], route.handle);
  }
};

const NO_PATH = "There is no such path; see PROTOCOL.md for those that there are.";
/** Where the console's assets are deployed, no request for it comes here. */
const NO_CONSOLE =
  'The console is not deployed here. Name its folder in wrangler.toml and deploy again: [assets] directory = "node_modules/restante/dist/console"; in a clone of the project "dist/console".';

/** No route has this path and method. */
const answerNoRoute = (exchange: Exchange): Answer => {
  const routes = routesAt(exchange.path);
  if (routes.length === 0) return refuse("not_found", exchange.path === "/console" ? NO_CONSOLE : NO_PATH);
  const methods = routes.map((route) => route.method);
  if (exchange.request.method === "OPTIONS" && routes.some((route) => route.plane === "user")) {
    return answerPreflight(exchange, methods);
  }
  const allow = methods.includes("GET") ? [...methods, "HEAD"].join(", ") : methods.join(", ");
  return refuse("method_not_allowed", `This path takes ${allow}.`, { extra: { allow } });
};

/** Runs what answers; the one place where an exception ends, and where a body that nobody read is let go. */
const respond = async (
  c: HonoContext,
  route: string,
  answering: (exchange: Exchange) => Answer | Promise<Answer>,
): Promise<Response> => {
  const request = c.req.raw;
  const startedAt = Date.now();
  let answer: Answer;
  try {
    answer = await answering({
      request,
      env: c.env,
      access: accessOf(c.env),
      startedAt,
      route,
      path: c.req.path,
      query: rawQuery(request),
      background: (work) => c.executionCtx.waitUntil(work),
    });
  } catch (error) {
    log("error", "request_failed", { method: request.method, route, ...thrown(error) });
    answer = refuse(
      "internal",
      "Something failed here, and was logged. Send again with the same id, or look with GET.",
    );
  }
  await drain(request);
  if (answer instanceof Response) return answer;
  const response = problem(answer);
  if (response.status >= 500) {
    const { status } = response;
    const duration_ms = Date.now() - startedAt;
    log("warn", "request_refused", { code: answer.code, status, method: request.method, route, duration_ms });
  }
  return response;
};

export const createApp = (): Hono<{ Bindings: Bindings }> => {
  const app = new Hono<{ Bindings: Bindings }>({ getPath: rawPath });
  for (const route of ROUTES) {
    app.on(route.method, route.path, (c) => respond(c, route.path, (exchange) => answerRoute(exchange, route)));
  }
  app.notFound((c) => respond(c, "none", answerNoRoute));
  return app;
};
