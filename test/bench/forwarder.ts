/**
 * The floor: a Worker and one Durable Object hop by RPC that forwards each message to the user's sockets and stores nothing.
 *
 * It promises nothing, checks nothing, and is what the runtime can do at best with one object a user; ours is measured
 * against it in the same run.
 */
import { DurableObject } from "cloudflare:workers";

interface Env {
  readonly MAILBOX: DurableObjectNamespace<Mailbox>;
}

export class Mailbox extends DurableObject<Env> {
  #seq = 0;

  async push(type: string, data: unknown): Promise<{ seq: number }> {
    this.#seq += 1;
    const frame = JSON.stringify({ type: "messages", messages: [{ seq: this.#seq, type, data }] });
    for (const socket of this.ctx.getWebSockets()) socket.send(frame);
    return { seq: this.#seq };
  }

  override async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.send('{"type":"connection_established"}');
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(): void {}
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/health") return new Response("ok");
    if (pathname === "/v1/socket") return env.MAILBOX.getByName(searchParams.get("user") ?? "").fetch(request);
    const user = pathname.split("/")[3] ?? "";
    const { type, data } = await request.json<{ type: string; data?: unknown }>();
    return Response.json(await env.MAILBOX.getByName(user).push(type, data), { status: 202 });
  },
} satisfies ExportedHandler<Env>;
