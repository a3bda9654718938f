/**
 * An example: an agent that runs in a Worker of its own, and tells the user of its steps by way of the service binding.
 *
 * ```toml
 * [[services]]
 * binding = "RESTANTE"
 * service = "restante"
 * entrypoint = "Sender"
 * ```
 */
import { createSender, SendError, type SenderBinding } from "../../../src/sender/sender.ts";

export type Events = {
  agent_started: { run: string };
  agent_thinking: undefined;
  agent_completed: { answer: string };
};

interface Env {
  readonly RESTANTE: SenderBinding;
}

export default {
  /** `POST /?user=ada`: runs, and answers with what became of the last message. */
  async fetch(request, env): Promise<Response> {
    const user = new URL(request.url).searchParams.get("user") ?? "";
    const sender = createSender<Events>({ binding: env.RESTANTE });
    try {
      await sender.ready();
      await sender.send(user, { type: "agent_started", data: { run: "7" } });
      await sender.send(user, { type: "agent_thinking" });
      const last = await sender.send(user, { type: "agent_completed", data: { answer: "42" } }, { wait: 10 });
      return Response.json(last);
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      return Response.json({ code: error.code, detail: error.detail, step: error.step }, { status: 502 });
    }
  },
} satisfies ExportedHandler<Env>;
