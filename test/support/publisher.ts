/** A stock client (`ws`) on a publisher's socket (P). */
import WebSocket from "ws";
import { PUBLISH_SUBPROTOCOL } from "../../src/protocol/publish-frames.ts";
import { API_KEY } from "./credentials.ts";
import { Signal } from "./signal.ts";

interface PublisherOptions {
  /** `null` sends none. */
  readonly key?: string | null;
  readonly keyBy?: "header" | "protocol";
  /** Subprotocols offered. Default: `restante.publish.v1`; an empty list offers none. */
  readonly protocols?: readonly string[];
  readonly query?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: the shape of a frame is for its test to assert
type Frame = any;

export class Publisher {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** Status and body of a handshake that was refused. */
  readonly refused: Promise<{ readonly status: number; readonly body: Frame }>;
  readonly #signal = new Signal();
  #read = 0;

  constructor(url: string, user: string, options: PublisherOptions = {}) {
    const { key = API_KEY, keyBy = "header", protocols = [PUBLISH_SUBPROTOCOL], query = "" } = options;
    const target = `${url.replace("http", "ws")}/v1/users/${encodeURIComponent(user)}/publish${query}`;
    const offered = keyBy === "protocol" ? [...protocols, `bearer.${key}`] : [...protocols];
    const headers = keyBy === "header" && key !== null ? { authorization: `Bearer ${key}` } : {};
    // workerd ends TCP late where it closed a socket whose client never sent a frame (see `Connection`): the code is known by then.
    const socketOptions: WebSocket.ClientOptions & { readonly closeTimeout: number } = {
      headers,
      perMessageDeflate: false,
      closeTimeout: 100,
    };
    this.socket = new WebSocket(target, offered, socketOptions);
    this.socket.on("error", () => {});
    this.socket.on("message", (data) => {
      this.frames.push(JSON.parse(String(data)));
      this.#signal.tell();
    });
    this.closed = new Promise((done) =>
      this.socket.on("close", (code, reason) => done({ code, reason: reason.toString() })),
    );
    this.refused = new Promise((done) =>
      this.socket.on("unexpected-response", (request, response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          request.destroy();
          done({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
        });
      }),
    );
  }

  /** Connects, and takes the confirmation. */
  static async open(url: string, user: string, options?: PublisherOptions): Promise<Publisher> {
    const publisher = new Publisher(url, user, options);
    const first = await publisher.next();
    if (first.type !== "publisher_established") throw new Error(`Not established: ${JSON.stringify(first)}`);
    return publisher;
  }

  /** The next frame that no `next` has returned yet, within 10 s. */
  next(): Promise<Frame> {
    const unread = () => (this.#read < this.frames.length ? this.frames[this.#read++] : undefined);
    const instead = () => `the last: ${JSON.stringify(this.frames.at(-1))?.slice(0, 500)}`;
    return this.#signal.until(unread, { what: "a frame", instead });
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** One frame, and its results. */
  async publish(messages: readonly unknown[], ref: string | number = "r"): Promise<readonly Frame[]> {
    this.send({ type: "publish", ref, messages });
    const reply = await this.next();
    if (reply.type !== "published" || reply.ref !== ref) throw new Error(`Not its reply: ${JSON.stringify(reply)}`);
    return reply.results;
  }

  close(): Promise<unknown> {
    this.socket.close(1000);
    return this.closed;
  }
}
