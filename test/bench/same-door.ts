/**
 * Our own Worker in front of an object that stores nothing and decides nothing: what is left of ours when all that makes it
 * durable is taken away. Against this one the price of durability shows; against the bare forwarder, also that of the door
 * (API key, validation, a hash for a name, a reply that says what happened).
 */
import { DurableObject } from "cloudflare:workers";
import worker from "../../src/index.ts";
import type { SendCall, Sent } from "../../src/protocol/mailbox-api.ts";
import { serverId } from "../../src/protocol/message.ts";

export class Mailbox extends DurableObject {
  #seq = 0;

  async send({ messages }: SendCall): Promise<readonly Sent[]> {
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

  override webSocketMessage(): void {}
}

export default worker;
