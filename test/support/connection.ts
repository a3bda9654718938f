import WebSocket from "ws";
import { SUBPROTOCOL } from "../../src/protocol/frames.ts";
import type { EstablishedFrame, Frame, FrameOf, FrameType, GapFrame, ReceivedMessage } from "./received.ts";
import { Signal } from "./signal.ts";
import { StreamCheck } from "./stream-check.ts";

/** `each` acks every message and gap by itself; `{ every: n }` the n-th, and what is left at `caught_up`. */
export type AutoAck = "none" | "each" | { readonly every: number };

export interface ConnectionOptions {
  readonly token?: string;
  /** How the token travels (A3). Default `header`. */
  readonly tokenBy?: "header" | "protocol" | "query";
  readonly device?: string;
  readonly window?: number;
  readonly after?: number;
  readonly origin?: string;
  /** Subprotocols offered. Default: `restante.v1`; an empty list offers none. */
  readonly protocols?: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default `none`. */
  readonly ack?: AutoAck;
  /** For a test that expects a broken stream: violations are kept, and nothing throws for them. */
  readonly tolerant?: boolean;
  /** Told of every frame, as soon as it is kept and checked. */
  readonly onFrame?: (frame: Frame, connection: Connection) => void;
  readonly deadlineMs?: number;
}

/** How an attempt to connect ended. */
export type Attempt =
  | { readonly outcome: "established"; readonly connection: Connection }
  /** The upgrade was answered with an HTTP error; `body` is its problem, parsed where it is JSON. */
  | {
      readonly outcome: "refused";
      readonly status: number;
      readonly headers: NodeJS.Dict<string | string[]>;
      readonly body: unknown;
    }
  /** Accepted, and closed before the confirmation. */
  | { readonly outcome: "closed"; readonly code: number; readonly reason: string; readonly frames: readonly Frame[] };

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

const defaultDeadlineMs = 10_000;

/**
 * A device's connection for tests. Every frame is kept and checked (`StreamCheck`), and nothing sleeps: one awaits a frame, with a deadline.
 *
 * ```ts
 * const phone = await Connection.open(runtime.url, { token, device: "phone", ack: "each" });
 * const [message] = await phone.receive(1);
 * await phone.next("caught_up");
 * await phone.close();
 * ```
 */
export class Connection {
  /** All frames so far, the confirmation first. */
  readonly frames: Frame[] = [];
  /** All messages so far, in the order of arrival. */
  readonly messages: ReceivedMessage[] = [];
  readonly gaps: GapFrame[] = [];
  /** The end of the socket, whoever closed it. */
  readonly closed: Promise<Closed>;
  readonly socket: WebSocket;
  readonly #options: ConnectionOptions;
  readonly #check = new StreamCheck();
  readonly #signal = new Signal();
  #read = 0;
  #taken = 0;
  #unacked = 0;
  #end: Closed | undefined;

  /** Connects and awaits the confirmation; throws where it does not come. */
  static async open(url: string, options: ConnectionOptions): Promise<Connection> {
    const attempt = await Connection.attempt(url, options);
    if (attempt.outcome === "established") return attempt.connection;
    throw new Error(`No connection: ${JSON.stringify(attempt)}`);
  }

  /** Connects, whatever comes of it. */
  static async attempt(url: string, options: ConnectionOptions): Promise<Attempt> {
    const connection = new Connection(socketTo(url, options), options);
    const refused = new Promise<Attempt>((done) => {
      connection.socket.on("unexpected-response", (request, response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          request.destroy();
          const body = parsed(Buffer.concat(chunks).toString());
          done({ outcome: "refused", status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
    });
    const broken = new Promise<never>((_, failed) => connection.socket.on("error", failed));
    const established = connection
      .#watch(() => (connection.frames[0]?.type === "connection_established" || connection.#end ? true : undefined), {
        deadlineMs: options.deadlineMs ?? defaultDeadlineMs,
        what: "connection_established",
        evenIfClosed: true,
      })
      .then((): Attempt => {
        if (connection.frames[0]?.type === "connection_established") return { outcome: "established", connection };
        const { code, reason } = connection.#end ?? { code: 1006, reason: "" };
        return { outcome: "closed", code, reason, frames: connection.frames };
      });
    // Nobody holds it any more: what it still brought would come beside the next attempt's.
    established.catch(() => connection.socket.terminate());
    broken.catch(() => {});
    return Promise.race([refused, broken, established]);
  }

  private constructor(socket: WebSocket, options: ConnectionOptions) {
    this.socket = socket;
    this.#options = options;
    this.closed = new Promise((done) => {
      socket.on("close", (code, reason) => {
        this.#end = { code, reason: reason.toString() };
        done(this.#end);
        this.#signal.tell();
      });
    });
    socket.on("message", (data) => this.#accept(String(data)));
    // Without a listener an error is thrown at the process; the close event tells the rest.
    socket.on("error", () => {});
  }

  get established(): EstablishedFrame {
    const first = this.frames[0];
    if (first?.type !== "connection_established") throw new Error("Not established.");
    return first;
  }

  /** The last seq received; the cursor where none was. */
  get lastSeq(): number {
    return this.#check.lastSeq;
  }

  /** What every stream must keep and this one did not. */
  get violations(): readonly string[] {
    return this.#check.violations;
  }

  /** The next frame that no `next` has returned yet; with a type, frames of others before it are passed over. The confirmation is not among them. */
  next(): Promise<Frame>;
  next<T extends FrameType>(type: T, deadlineMs?: number): Promise<FrameOf<T>>;
  async next(type?: FrameType, deadlineMs = defaultDeadlineMs): Promise<Frame> {
    return this.#watch(
      () => {
        while (this.#read < this.frames.length) {
          const frame = this.frames[this.#read++];
          if (frame !== undefined && frame.type !== "connection_established" && (type ?? frame.type) === frame.type)
            return frame;
        }
        return undefined;
      },
      { deadlineMs, what: type ?? "a frame" },
    );
  }

  /** The next `count` messages that no `receive` has returned yet, from however many frames. */
  async receive(count: number, deadlineMs = defaultDeadlineMs): Promise<readonly ReceivedMessage[]> {
    return this.#watch(
      () => {
        if (this.messages.length < this.#taken + count) return undefined;
        const from = this.#taken;
        this.#taken += count;
        return this.messages.slice(from, this.#taken);
      },
      { deadlineMs, what: `${count} messages after the first ${this.#taken}` },
    );
  }

  /** The first frame, of those that came and those to come, that the predicate holds for. */
  async until(predicate: (frame: Frame) => boolean, deadlineMs = defaultDeadlineMs): Promise<Frame> {
    return this.#watch(() => this.frames.find(predicate), { deadlineMs, what: `a frame for ${predicate}` });
  }

  /** Awaits `caught_up`, whether it came already or not. */
  async caughtUp(deadlineMs = defaultDeadlineMs): Promise<FrameOf<"caught_up">> {
    const frame = await this.until((f) => f.type === "caught_up", deadlineMs);
    return frame as FrameOf<"caught_up">;
  }

  /**
   * Proves that nothing else is on its way: a pong comes after all that was sent before the ping was taken up. The ping is spelled
   * otherwise than C8's exact text, so that the Mailbox itself answers, after what it has sent; it does not count as a heartbeat's.
   */
  async settle(deadlineMs = defaultDeadlineMs): Promise<void> {
    const before = this.frames.filter((f) => f.type === "pong").length;
    this.sendText('{ "type": "ping" }');
    await this.#watch(() => (this.frames.filter((f) => f.type === "pong").length > before ? true : undefined), {
      deadlineMs,
      what: "pong",
    });
  }

  /** Acks up to `seq`; default: all that was received. */
  ack(seq = this.lastSeq, checkpoint?: number): void {
    this.send(checkpoint === undefined ? { type: "ack", seq } : { type: "ack", seq, checkpoint });
  }

  reject(seq: number, reason: string): void {
    this.send({ type: "reject", seq, reason });
  }

  /** The heartbeat's exact text. */
  ping(): void {
    this.sendText('{"type":"ping"}');
  }

  send(frame: unknown): void {
    this.sendText(JSON.stringify(frame));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  /** Stops reading from TCP, so that the server's sends back up. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Closes with the closing handshake, and awaits its end. */
  close(code = 1000, reason = ""): Promise<Closed> {
    this.socket.close(code, reason);
    return this.closed;
  }

  /** Cuts the TCP connection, as a lost network does. */
  cut(): Promise<Closed> {
    this.socket.terminate();
    return this.closed;
  }

  /** The end, within a deadline. */
  async ended(deadlineMs = defaultDeadlineMs): Promise<Closed> {
    return this.#watch(() => this.#end, { deadlineMs, what: "the close", evenIfClosed: true });
  }

  #accept(text: string): void {
    const frame = JSON.parse(text) as Frame;
    this.frames.push(frame);
    this.#check.accept(frame);
    if (frame.type === "messages") {
      this.messages.push(...frame.messages);
      for (const message of frame.messages) this.#autoAck(message.seq);
    } else if (frame.type === "gap") {
      this.gaps.push(frame);
      this.#autoAck(frame.seq);
    } else if (frame.type === "caught_up" && this.#unacked > 0 && typeof this.#options.ack === "object") {
      this.#unacked = 0;
      this.ack();
    }
    this.#options.onFrame?.(frame, this);
    this.#signal.tell();
  }

  #autoAck(seq: number): void {
    const mode = this.#options.ack ?? "none";
    if (mode === "none" || this.socket.readyState !== WebSocket.OPEN) return;
    this.#unacked += 1;
    if (this.#unacked < (mode === "each" ? 1 : mode.every)) return;
    this.#unacked = 0;
    this.ack(seq);
  }

  /** Asks `found` now and after every change; fails at the deadline, at the close, and where the stream is broken. */
  #watch<T>(
    found: () => T | undefined,
    {
      deadlineMs,
      what,
      evenIfClosed = false,
    }: { readonly deadlineMs: number; readonly what: string; readonly evenIfClosed?: boolean },
  ): Promise<T> {
    const unbroken = () => {
      const value = found();
      if (this.violations.length > 0 && this.#options.tolerant !== true) throw new Error(this.violations.join("; "));
      return value;
    };
    const over = () =>
      this.#end === undefined || evenIfClosed
        ? undefined
        : `the socket closed with ${this.#end.code} ${JSON.stringify(this.#end.reason)}`;
    const instead = () => `last frames: ${JSON.stringify(this.frames.slice(-3)).slice(0, 1_000)}`;
    return this.#signal.until(unbroken, { what, deadlineMs, over, instead });
  }
}

const socketTo = (url: string, options: ConnectionOptions): WebSocket => {
  const target = new URL("/v1/socket", url);
  target.protocol = target.protocol.replace("http", "ws");
  const { token, tokenBy = "header", device, window, after } = options;
  for (const [name, value] of Object.entries({ device, window, after, ...options.query })) {
    if (value !== undefined) target.searchParams.set(name, String(value));
  }
  const protocols = [...(options.protocols ?? [SUBPROTOCOL])];
  const headers: Record<string, string> = { ...options.headers };
  if (token !== undefined) {
    if (tokenBy === "header") headers.authorization = `Bearer ${token}`;
    if (tokenBy === "protocol") protocols.push(`bearer.${token}`);
    if (tokenBy === "query") target.searchParams.set("access_token", token);
  }
  const socketOptions: WebSocket.ClientOptions & { readonly closeTimeout: number } = {
    headers,
    perMessageDeflate: false,
    // After both close frames the server ends TCP. workerd (1.20261023) does so only when it evicts the object, 10 s later, where it
    // closed a hibernatable socket whose client never sent a frame: the code is known by then, and nobody needs to wait.
    closeTimeout: 100,
    ...(options.origin === undefined ? {} : { origin: options.origin }),
  };
  return new WebSocket(target, protocols, socketOptions);
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
