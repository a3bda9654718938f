/** A Worker of the same account that sends over a service binding. */
import { createSender } from "restante/sender";
import type { Sender } from "restante/worker";
import type { Events } from "../events.ts";

interface Env {
  readonly RESTANTE: Service<typeof Sender>;
}

export default {
  async fetch(_, env) {
    const sender = createSender<Events>({ binding: env.RESTANTE });
    // @ts-expect-error: a completed event has an answer
    await sender.send("ada", { type: "agent_completed", data: { run: "r1" } });
    const { status } = await sender.send("ada", { type: "agent_started", data: { run: "r1" } }, { wait: 10 });
    return new Response(status);
  },
} satisfies ExportedHandler<Env>;
