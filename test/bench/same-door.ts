/**
 * Our own Worker in front of an object that stores nothing and decides nothing: what is left of ours when all that makes it
 * durable is taken away. Against this one the price of durability shows; against the bare forwarder, also that of the door
 * (API key, validation, a hash for a name, a reply that says what happened). With `Prefer: wait` it replies only once a client has said
 * that it has the message.
 */
import { DurableObject } from "cloudflare:workers";
import worker from "../../src/index.ts";
import type { SendCall, Sent } from "../../src/protocol/mailbox-api.ts";
import { serverId } from "../../src/protocol/message.ts";

export class Mailbox extends DurableObject {
  #seq = 0;
  readonly #waiting = new Map<number, () => void>();

  async send({ messages, waitMs = 0 }: SendCall): Promise<readonly Sent[]> {
    const sent = this.#push(messages);
    const last = this.#seq;
    if (waitMs > 0) await new Promise<void>((done) => this.#waiting.set(last, done));
    return sent;
  }

  #push(messages: SendCall["messages"]): readonly Sent[] {
    return messages.map(({ type, data }) => {
      this.#seq += 1;
      const seq = this.#seq;
      const frame = `{"type":"messages","messages":[{"seq":${seq},"type":${JSON.stringify(type)},"data":${data}}]}`;
      for (const socket of this.ctx.getWebSockets()) socket.send(frame);
      const at = Date.now();
      const told = { id: serverId(seq), seq, devices: 1, sentTo: 1, acceptedAt: at, expiresAt: at };
      return { ok: true, message: { ...told, status: "queued" }, replayed: false };
    });
  }

  async sendTogether(calls: string): Promise<string> {
    return JSON.stringify(await Promise.all((JSON.parse(calls) as SendCall[]).map((call) => this.send(call))));
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

  async stopWaiting(): Promise<void> {}
}

export default worker;
