/**
 * Bridges a Mailbox's socket onto the body of a response (C10). To the Mailbox it is a socket as any other: it sleeps behind
 * it, and its window bounds what can pile up here for a reader that stands still.
 */
import { PING, PONG } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { closeEvent, frameEvent, KEEP_ALIVE, retryField, type SentFrame } from "./event-format.ts";

/**
 * A window is what a reader may leave unread, since it acks only what it has read. One that acks more is let go here, before
 * it fills the isolate that others share.
 */
const UNREAD_MAX_BYTES = 2 * LIMITS.windowMaxBytes;

/** A Mailbox that is lost says no code: this is what a socket's reader sees then (RFC 6455, section 7.1.5). */
const LOST = 1006;

const encoder = new TextEncoder();

export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #socket: WebSocket;
  #output: ReadableStreamDefaultController<Uint8Array> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | null = null;

  /** Accepts the socket. `gone` says that the reader has hung up; some versions of the runtime cancel the body then, some do not. */
  constructor(socket: WebSocket, gone: AbortSignal) {
    this.#socket = socket;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (output) => {
          this.#output = output;
        },
        cancel: () => this.#hangUp(),
      },
      // Nothing is asked for ahead: what is queued is what the reader has not taken.
      { highWaterMark: 0, size: (chunk) => chunk.byteLength },
    );
    this.#write(`${retryField(Math.random())}\n`);
    socket.addEventListener("message", ({ data }) => this.#received(String(data)));
    socket.addEventListener("close", ({ code, reason }) => this.#closed(code, reason));
    socket.addEventListener("error", () => this.#closed(LOST, ""));
    socket.accept();
    gone.addEventListener("abort", () => this.#hangUp());
    if (gone.aborted) this.#hangUp();
  }

  get #unreadBytes(): number {
    return -(this.#output?.desiredSize ?? 0);
  }

  #received(text: string): void {
    if (text === PONG) return;
    const frame = JSON.parse(text) as SentFrame;
    this.#write(frameEvent(frame, text));
    if (frame.heartbeat_ms !== undefined) this.#heartbeat ??= setInterval(() => this.#beat(), frame.heartbeat_ms);
  }

  /** Only for who reads: the Mailbox is to tell by its pings that a reader stands still (C8). */
  #beat(): void {
    if (this.#output === undefined || this.#unreadBytes > 0) return;
    this.#socket.send(PING);
    this.#write(KEEP_ALIVE);
  }

  #write(text: string): void {
    this.#output?.enqueue(encoder.encode(text));
    if (this.#unreadBytes > UNREAD_MAX_BYTES) this.#hangUp();
  }

  /** The Mailbox has closed: the reader is told so, after what it has still to read. */
  #closed(code: number, reason: string): void {
    // The runtime has words of its own for a lost socket.
    this.#write(closeEvent(code, code === LOST ? "" : reason, Math.random()));
    this.#end((output) => output.close());
  }

  /** Nobody reads any more: what is queued is let go. */
  #hangUp(): void {
    this.#end((output) => output.error(new Error("The reader is gone.")));
  }

  #end(endBody: (output: ReadableStreamDefaultController<Uint8Array>) => void): void {
    const output = this.#output;
    if (output === undefined) return;
    this.#output = undefined;
    clearInterval(this.#heartbeat);
    try {
      endBody(output);
    } catch {
      // The reader has ended it.
    }
    // Also the answer to the Mailbox's own close.
    this.#socket.close(1000);
  }
}
