/** What `wrangler deploy` takes: the handlers, the Durable Object classes, and the entry point that other Workers bind to. */
import { createApp } from "./worker/app.ts";
import type { Bindings } from "./worker/exchange.ts";
import { checkOnSchedule } from "./worker/ready.ts";

export { Mailbox } from "./mailbox/mailbox.ts";
export { Monitor } from "./monitor/monitor.ts";
export { Sender } from "./worker/sender-entry-point.ts";

const app = createApp();

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
  scheduled: (_, env) => checkOnSchedule(env),
} satisfies ExportedHandler<Bindings>;
