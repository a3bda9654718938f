/** What `wrangler deploy` takes: the handlers and the Durable Object classes. */
import { createApp } from "./worker/app.ts";
import type { Bindings } from "./worker/exchange.ts";

export { Mailbox } from "./mailbox/mailbox.ts";

const app = createApp();

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
} satisfies ExportedHandler<Bindings>;
