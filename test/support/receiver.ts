/** A real receiver of webhooks: it verifies each by the specification's own library, and answers as it is told to. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { Signal } from "./signal.ts";

export interface Received {
  readonly id: string;
  readonly timestamp: number;
  readonly body: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
  readonly path: string;
}

/** A status, with headers; or nothing, for ever. */
export type Answer = { readonly status: number; readonly headers?: Readonly<Record<string, string>> } | "hang";

export const SECRET = `whsec_${Buffer.from("a secret of twenty-four bytes or more").toString("base64")}`;

export class Receiver {
  readonly received: Received[] = [];
  /** What did not verify: there must be nothing in it. */
  readonly forged: string[] = [];
  /** Asked for each; the default takes everything. */
  answer: (received: Received) => Answer = () => ({ status: 204 });
  readonly #server = createServer((request, response) => void this.#take(request, response));
  readonly #signal = new Signal();

  static async start(port = 0): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(port, "127.0.0.1", resolve));
    return receiver;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Once `isThere` holds of what was received; rejects at the deadline. */
  async until(isThere: (received: readonly Received[]) => boolean, forMs = 10_000): Promise<void> {
    const instead = () => `received: ${JSON.stringify(this.received)}`;
    const what = "what the webhook is to be told";
    await this.#signal.until(() => isThere(this.received) || undefined, { what, deadlineMs: forMs, instead });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      // Its sender is gone: it has told nothing.
      return;
    }
    const text = Buffer.concat(chunks).toString();
    const headers = request.headers as Readonly<Record<string, string>>;
    let received: Received;
    try {
      const body = new Webhook(SECRET).verify(text, headers) as Received["body"];
      received = {
        ...{ id: headers["webhook-id"] ?? "", timestamp: Number(headers["webhook-timestamp"]) },
        ...{ body, path: request.url ?? "" },
      };
    } catch (error) {
      this.forged.push(`${error}: ${text}`);
      response.writeHead(401).end();
      return;
    }
    this.received.push(received);
    const answer = this.answer(received);
    if (answer !== "hang") response.writeHead(answer.status, answer.headers).end();
    this.#signal.tell();
  }
}
