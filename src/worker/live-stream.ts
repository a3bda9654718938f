/** What operators are told of a user, as Server-Sent Events (N6), and how far that was read, said back to the Mailbox. */
import { LIMITS } from "../protocol/limits.ts";
import { parseTold } from "../protocol/live-frames.ts";
import { EventBridge } from "./event-bridge.ts";
import { frameEvent, type SentFrame } from "./event-format.ts";

const KEEP_ALIVE_MS = 15_000;
/** Each word back wakes the Mailbox, or bothers it: one for so many frames keeps its window open. */
const SAY_READ_AFTER = LIMITS.liveWindowFrames / 4;

export class LiveStream extends EventBridge {
  /** The last frame that came, and the last that the Mailbox knows to be read. */
  #told = 0;
  #saidRead = 0;

  /**
   * Accepts the socket. Its window counts frames, and one that says how a user with many devices stands may have 19 kB: what stands still
   * among many of those is let go. It comes again.
   */
  constructor(socket: WebSocket, hungUp: AbortSignal) {
    super(socket, hungUp, LIMITS.liveWindowBytes);
    this.keepAlive(KEEP_ALIVE_MS);
  }

  protected override received(text: string): void {
    const { told, frames } = parseTold(text);
    this.#told = told;
    this.write(frames.map((frame) => frameEvent({ type: typeOf(frame) }, frame)).join(""));
  }

  protected override taken(): void {
    if (this.#told - this.#saidRead < SAY_READ_AFTER) return;
    this.#saidRead = this.#told;
    this.socket.send(String(this.#told));
  }
}

const typeOf = (frame: string): string => (JSON.parse(frame) as SentFrame).type;
