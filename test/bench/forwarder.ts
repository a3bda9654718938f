/**
 * The floor: a Worker and one Durable Object hop by RPC that forwards each message to the user's sockets and stores nothing.
 *
 * It promises nothing, checks nothing, and is what the runtime can do at best with one object a user; ours is measured
 * against it in the same run. With `Prefer: wait` it replies only once a client has said that it has the message.
 */
import { DurableObject } from "cloudflare:workers";

interface Env {
  readonly MAILBOX: DurableObjectNamespace<Mailbox>;
}

export class Mailbox extends DurableObject<Env> {
  #seq = 0;
  readonly #waiting = new Map<number, () => void>();

  async push(type: string, data: unknown, waits: boolean): Promise<{ seq: number }> {
    this.#seq += 1;
    const seq = this.#seq;
    const frame = JSON.stringify({ type: "messages", messages: [{ seq, type, data }] });
    for (const socket of this.ctx.getWebSockets()) socket.send(frame);
    if (waits) await new Promise<void>((done) => this.#waiting.set(seq, done));
    return { seq };
  }

  override async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.send('{"type":"connection_established"}');
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(_: WebSocket, text: string): void {
    if (this.#waiting.size === 0) return;
    const { seq } = JSON.parse(text) as { readonly seq: number };
    for (const [waiting, done] of this.#waiting) {
      if (waiting > seq) return;
      this.#waiting.delete(waiting);
      done();
    }
  }
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/health") return new Response("ok");
    if (pathname === "/v1/socket") return env.MAILBOX.getByName(searchParams.get("user") ?? "").fetch(request);
    const user = pathname.split("/")[3] ?? "";
    const { type, data } = await request.json<{ type: string; data?: unknown }>();
    const waits = request.headers.has("prefer");
    return Response.json(await env.MAILBOX.getByName(user).push(type, data, waits), { status: 202 });
  },
} satisfies ExportedHandler<Env>;
