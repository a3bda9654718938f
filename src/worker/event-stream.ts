/**
 * Bridges a Mailbox's socket onto the body of a response (C10). To the Mailbox it is a socket as any other: it sleeps behind
 * it, and its window bounds what can pile up here for a reader that stands still.
 */
import { PING, PONG } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { EventBody } from "./event-body.ts";
import { closeEvent, frameEvent, KEEP_ALIVE, LOST, retryField, type SentFrame } from "./event-format.ts";

/**
 * A window is what a reader may leave unread, since it acks only what it has read. One that acks more is let go here, before
 * it fills the isolate that others share.
 */
const UNREAD_MAX_BYTES = 2 * LIMITS.windowMaxBytes;

export class EventStream {
  readonly #socket: WebSocket;
  readonly #body: EventBody;
  #heartbeat: ReturnType<typeof setInterval> | null = null;

  /** Accepts the socket. */
  constructor(socket: WebSocket, hungUp: AbortSignal) {
    this.#socket = socket;
    this.#body = new EventBody(hungUp, { gone: () => this.#over() });
    this.#write(`${retryField(Math.random())}\n`);
    socket.addEventListener("message", ({ data }) => this.#received(String(data)));
    socket.addEventListener("close", ({ code, reason }) => this.#closed(code, reason));
    socket.addEventListener("error", () => this.#closed(LOST, ""));
    socket.accept();
    if (hungUp.aborted) this.#body.drop();
  }

  get body(): ReadableStream<Uint8Array> {
    return this.#body.stream;
  }

  #received(text: string): void {
    if (text === PONG) return;
    const frame = JSON.parse(text) as SentFrame;
    this.#write(frameEvent(frame, text));
    if (frame.heartbeat_ms !== undefined) this.#heartbeat ??= setInterval(() => this.#beat(), frame.heartbeat_ms);
  }

  /** Only for who reads: the Mailbox is to tell by its pings that a reader stands still (C8). */
  #beat(): void {
    if (!this.#body.isOpen || this.#body.unreadBytes > 0) return;
    this.#socket.send(PING);
    this.#write(KEEP_ALIVE);
  }

  #write(text: string): void {
    this.#body.write(text);
    if (this.#body.unreadBytes > UNREAD_MAX_BYTES) this.#body.drop();
  }

  /** The Mailbox has closed: the reader is told so, after what it has still to read. */
  #closed(code: number, reason: string): void {
    if (!this.#body.isOpen) return;
    this.#write(closeEvent(code, reason, Math.random()));
    this.#body.end();
    this.#over();
  }

  #over(): void {
    clearInterval(this.#heartbeat);
    // Also the answer to the Mailbox's own close.
    this.#socket.close(1000);
  }
}
