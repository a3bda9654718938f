/**
 * The Worker that `npm start` runs: the one that is deployed, and the demo's backend beside it. A deployment has nothing of it.
 *
 * A real backend would be a program of its own. This one lives in the same process, and uses nothing but `restante/sender` and a key.
 */
import restante from "../index.ts";
import { createSender } from "../sender/sender.ts";
import type { Bindings } from "../worker/exchange.ts";
import { recordOf, startRun } from "./agent.ts";
import { DEMO_USER, type DemoEvents } from "./events.ts";
import { recordStream } from "./record-stream.ts";

export * from "../index.ts";

export default {
  ...restante,
  fetch: (request, env, ctx) => {
    const isDemo = env.ENVIRONMENT === "development" && new URL(request.url).pathname.startsWith("/demo/");
    return isDemo ? answer(request, env, ctx) : restante.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<Bindings>;

type IncomingRequest = Parameters<typeof restante.fetch>[0];

/** `POST /demo/agent` starts a run, `GET` tells of the last one as it goes, `POST /demo/token` lets the page connect; each with `?user=`. */
const answer = async (request: IncomingRequest, env: Bindings, ctx: ExecutionContext): Promise<Response> => {
  const { origin, pathname, searchParams } = new URL(request.url);
  const user = searchParams.get("user") ?? "";
  if (!DEMO_USER.test(user)) return problem(400, "?user= is a demo user: demo_ and a UUID.");
  const sender = createSender<DemoEvents>({
    url: origin,
    key: String(env.RESTANTE_API_KEY),
    // Each request is answered here: it would find its way back through a proxy that need not trust this machine's network.
    fetch: async (url, init) => restante.fetch(new Request(url, init) as IncomingRequest, env, ctx),
  });
  switch (`${request.method} ${pathname}`) {
    case "GET /demo/agent": {
      const record = recordOf(user);
      // 204 tells an EventSource to stay away.
      return record === undefined ? new Response(null, { status: 204 }) : recordStream(record);
    }
    case "POST /demo/agent": {
      const { run, playing } = startRun(sender, user);
      ctx.waitUntil(playing);
      return Response.json({ run }, { status: 202 });
    }
    case "POST /demo/token":
      return Response.json(await sender.mintToken(user));
    default:
      return problem(404, "The demo has no such endpoint.");
  }
};

const problem = (status: number, error: string): Response => Response.json({ error }, { status });
