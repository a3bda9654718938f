/** Bridges an operator's socket at a Mailbox onto the body of a response (N6), and says back how far that was read. */

import { LIMITS } from "../protocol/limits.ts";
import { parseTold } from "../protocol/live-frames.ts";
import { EventBody } from "./event-body.ts";
import { closeEvent, frameEvent, KEEP_ALIVE, LOST, retryField, type SentFrame } from "./event-format.ts";

/** So that a proxy keeps it, and a reader that is gone without a word is found. */
const KEEP_ALIVE_MS = 15_000;
/** Each word back wakes the Mailbox, or bothers it: one for so many frames keeps its window open. */
const SAY_READ_AFTER = LIMITS.liveWindowFrames / 4;

export class LiveStream {
  readonly #socket: WebSocket;
  readonly #body: EventBody;
  readonly #heartbeat: ReturnType<typeof setInterval>;
  /** The last frame that came, and the last that the Mailbox knows to be read. */
  #told = 0;
  #saidRead = 0;

  /** Accepts the socket. */
  constructor(socket: WebSocket, hungUp: AbortSignal) {
    this.#socket = socket;
    this.#body = new EventBody(hungUp, { gone: () => this.#over(), taken: () => this.#taken() });
    this.#heartbeat = setInterval(() => this.#beat(), KEEP_ALIVE_MS);
    this.#body.write(`${retryField(Math.random())}\n`);
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
    const { told, frames } = parseTold(text);
    this.#told = told;
    this.#body.write(frames.map((frame) => frameEvent({ type: typeOf(frame) }, frame)).join(""));
    // The window counts frames, and one that says how a user with many devices stands may have 19 kB: what stands still among many of those is
    // let go before it fills the isolate that others share. It comes again.
    if (this.#body.unreadBytes > LIMITS.liveWindowBytes) this.#body.drop();
  }

  #taken(): void {
    if (!this.#body.isOpen || this.#told - this.#saidRead < SAY_READ_AFTER) return;
    this.#saidRead = this.#told;
    this.#socket.send(String(this.#told));
  }

  #beat(): void {
    if (this.#body.unreadBytes === 0) this.#body.write(KEEP_ALIVE);
  }

  #closed(code: number, reason: string): void {
    if (!this.#body.isOpen) return;
    this.#body.write(closeEvent(code, reason, Math.random()));
    this.#body.end();
    this.#over();
  }

  #over(): void {
    clearInterval(this.#heartbeat);
    this.#socket.close(1000);
  }
}

const typeOf = (frame: string): string => (JSON.parse(frame) as SentFrame).type;
