/** One HTTP/1.1 connection that sends a request after the reply to the last: a sender that costs the machine little. */
import { connect, type Socket } from "node:net";

export class KeepAlive {
  readonly #socket: Socket;
  #received = "";
  #settle: ((reply: Reply) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#fail?.(error));
    socket.on("close", () => this.#fail?.(new Error("The connection was closed.")));
  }

  static open(port: number): Promise<KeepAlive> {
    return new Promise((done, failed) => {
      const socket = connect(port, "127.0.0.1", () => done(new KeepAlive(socket)));
      socket.once("error", failed);
    });
  }

  /** Sends one request and waits for its reply. */
  request(text: string): Promise<Reply> {
    return new Promise((settle, fail) => {
      this.#settle = settle;
      this.#fail = fail;
      this.#socket.write(text);
    });
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.toString("latin1");
    const head = this.#received.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received.slice(0, head))?.[1] ?? 0);
    if (this.#received.length < head + 4 + length) return;
    const reply = {
      status: Number(this.#received.slice(9, 12)),
      body: this.#received.slice(head + 4, head + 4 + length),
    };
    this.#received = this.#received.slice(head + 4 + length);
    this.#settle?.(reply);
  }
}

export interface Reply {
  readonly status: number;
  readonly body: string;
}

/** A POST with a JSON body, as the text that goes over the wire. */
export const post = (path: string, headers: Readonly<Record<string, string>>, body: string): string => {
  const lines = Object.entries({
    host: "localhost",
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
};
