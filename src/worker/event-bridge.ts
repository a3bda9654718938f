/**
 * Bridges a Mailbox's socket onto the body of a response, as Server-Sent Events. To the Mailbox it is a socket as any other: it sleeps
 * behind it. Whoever extends it says what of a frame is written, and what goes back.
 */
import { EventBody } from "./event-body.ts";
import { closeEvent, KEEP_ALIVE, LOST, retryField } from "./event-format.ts";

export abstract class EventBridge {
  protected readonly socket: WebSocket;
  /** What a reader may leave unread; one who leaves more is let go, before it fills the isolate that others share. */
  readonly #unreadMaxBytes: number;
  readonly #body: EventBody;
  #heartbeat: ReturnType<typeof setInterval> | null = null;

  /** Accepts the socket. */
  constructor(socket: WebSocket, hungUp: AbortSignal, unreadMaxBytes: number) {
    this.socket = socket;
    this.#unreadMaxBytes = unreadMaxBytes;
    this.#body = new EventBody(hungUp, {
      gone: () => this.#over(),
      taken: () => {
        if (this.#body.isOpen) this.taken();
      },
    });
    this.write(`${retryField(Math.random())}\n`);
    socket.addEventListener("message", ({ data }) => this.received(String(data)));
    socket.addEventListener("close", ({ code, reason }) => this.#closed(code, reason));
    socket.addEventListener("error", () => this.#closed(LOST, ""));
    socket.accept();
    if (hungUp.aborted) this.#body.drop();
  }

  get body(): ReadableStream<Uint8Array> {
    return this.#body.stream;
  }

  /** A frame of the Mailbox's. */
  protected abstract received(text: string): void;

  /** The reader has taken all that was written. */
  protected taken(): void {}

  /** With each heartbeat that is written. */
  protected beat(): void {}

  protected write(text: string): void {
    this.#body.write(text);
    if (this.#body.unreadBytes > this.#unreadMaxBytes) this.#body.drop();
  }

  /** So that a proxy keeps it, and a reader that is gone without a word is found. Only for who reads: one that stands still has no heart. */
  protected keepAlive(everyMs: number): void {
    if (!this.#body.isOpen) return;
    this.#heartbeat ??= setInterval(() => {
      if (!this.#body.isOpen || this.#body.unreadBytes > 0) return;
      this.beat();
      this.write(KEEP_ALIVE);
    }, everyMs);
  }

  /** The Mailbox has closed: the reader is told so, after what it has still to read. */
  #closed(code: number, reason: string): void {
    if (!this.#body.isOpen) return;
    this.write(closeEvent(code, reason, Math.random()));
    this.#body.end();
    this.#over();
  }

  #over(): void {
    clearInterval(this.#heartbeat);
    // Also the answer to the Mailbox's own close.
    this.socket.close(1000);
  }
}
