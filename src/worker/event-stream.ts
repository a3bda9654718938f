/** A user's stream as Server-Sent Events (C10): the Mailbox's window bounds what can pile up here for a reader that stands still. */
import { PING, PONG } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { EventBridge } from "./event-bridge.ts";
import { frameEvent, type SentFrame } from "./event-format.ts";

/** A window is what a reader may leave unread, since it acks only what it has read. One that acks more is let go here. */
const UNREAD_MAX_BYTES = 2 * LIMITS.windowMaxBytes;

export class EventStream extends EventBridge {
  /** Accepts the socket. */
  constructor(socket: WebSocket, hungUp: AbortSignal) {
    super(socket, hungUp, UNREAD_MAX_BYTES);
  }

  protected override received(text: string): void {
    if (text === PONG) return;
    const frame = JSON.parse(text) as SentFrame;
    this.write(frameEvent(frame, text));
    if (frame.heartbeat_ms !== undefined) this.keepAlive(frame.heartbeat_ms);
  }

  /** Only for who reads: the Mailbox is to tell by its pings that a reader stands still (C8). */
  protected override beat(): void {
    this.socket.send(PING);
  }
}
