/**
 * The price of a sync in the runtime: the forwarder, but each message is a row before it is sent, and nothing is done about it. Each RPC
 * makes a transaction and a sync of its own, and the output gate holds its frame and its reply until then. Rows stay.
 */
import { DurableObject } from "cloudflare:workers";
import worker from "./forwarder.ts";

export class Mailbox extends DurableObject {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS messages (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)");
  }

  async push(type: string, data: unknown): Promise<{ seq: number }> {
    const body = JSON.stringify({ type, data });
    const { sql } = this.ctx.storage;
    const { seq } = sql.exec<{ seq: number }>("INSERT INTO messages (body) VALUES (?) RETURNING seq", body).one();
    const frame = `{"type":"messages","messages":[{"seq":${seq},${body.slice(1)}]}`;
    for (const socket of this.ctx.getWebSockets()) socket.send(frame);
    return { seq };
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
