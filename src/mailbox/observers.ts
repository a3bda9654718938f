/**
 * Operators who look on (N6). They are nobody's connection: no session knows of them, no device, no count, no measurement; nothing
 * that they do is a turn. The runtime keeps their sockets while the object sleeps, and they are found again by their tag.
 */
import { log, thrown } from "../log.ts";
import { closeCodeOf } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { type Happening, liveFrame, stateFrame } from "../protocol/live-frames.ts";
import { OBSERVE_HEADER } from "../protocol/mailbox-api.ts";
import { type Attachment, Observer } from "./observer.ts";
import type { Turns } from "./turns.ts";

const TAG = "observer";
/** The state follows what changed it so closely, and no more often. */
const STATE_EVERY_MS = 500;

export class Observers {
  readonly #ctx: DurableObjectState;
  readonly #mailbox: string;
  readonly #turns: Turns;
  readonly #open = new Map<string, Observer>();
  /** Runs only while somebody looks on and something has changed: it keeps the object awake for that long at most. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stateToldAt = 0;

  constructor(ctx: DurableObjectState, mailbox: string, turns: Turns) {
    this.#ctx = ctx;
    this.#mailbox = mailbox;
    this.#turns = turns;
    for (const socket of ctx.getWebSockets(TAG)) {
      const attachment = attachmentOf(socket);
      if (attachment === undefined || socket.readyState !== WebSocket.OPEN) continue;
      this.#open.set(attachment.observer, new Observer(socket, attachment));
    }
  }

  get any(): boolean {
    return this.#open.size > 0;
  }

  /** Undefined where the request is for something else. */
  accept(headers: Headers): Response | undefined {
    if (headers.get(OBSERVE_HEADER) === null) return undefined;
    // A turn that does nothing: what every call does to a Mailbox that is new, or was asleep.
    this.#turns.turn(() => {});
    this.#makeRoom();
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG]);
    const counts = { told: 0, read: 0, skipped: 0, isStale: true };
    const observer = new Observer(server, { v: 1, observer: crypto.randomUUID(), openedAt: Date.now(), ...counts });
    this.#open.set(observer.id, observer);
    this.#turns.core().outbox.witness.take(true);
    observer.tellState(this.#stateFrame());
    return new Response(null, { status: 101, webSocket: client });
  }

  /** What a turn has done, once it is committed. */
  tell(seen: readonly Happening[], at: number): void {
    const room = Math.max(...[...this.#open.values()].map((observer) => observer.room));
    const frames = seen.slice(0, room).map((happening) => liveFrame(happening, at));
    for (const observer of this.#open.values()) observer.tell(seen.length, frames);
    this.#tellStateSoon();
  }

  /** Takes what was read, where the socket is an operator's. */
  receive(socket: WebSocket, message: string | ArrayBuffer): void {
    const observer = this.#open.get(attachmentOf(socket)?.observer ?? "");
    if (observer === undefined || typeof message !== "string") return;
    observer.noteRead(message);
    this.#tellStateSoon();
  }

  forget(socket: WebSocket): void {
    this.#open.delete(attachmentOf(socket)?.observer ?? "");
  }

  #makeRoom(): void {
    if (this.#open.size < LIMITS.observersMax) return;
    const [oldest] = [...this.#open.values()].sort((a, b) => a.openedAt - b.openedAt);
    if (oldest === undefined) return;
    this.#open.delete(oldest.id);
    oldest.close(closeCodeOf("replaced_by_newer"), "replaced_by_newer");
  }

  #tellStateSoon(): void {
    if (this.#timer !== undefined || !this.#anyWantsState()) return;
    const sinceMs = Math.max(0, Date.now() - this.#stateToldAt);
    this.#timer = setTimeout(() => this.#tellState(), Math.max(0, STATE_EVERY_MS - sinceMs));
  }

  /** Outside of turns: one may have ended with what is in memory being forgotten (U4). */
  #tellState(): void {
    this.#timer = undefined;
    if (!this.#anyWantsState()) return;
    this.#stateToldAt = Date.now();
    try {
      const frame = this.#stateFrame();
      for (const observer of this.#open.values()) if (observer.wantsState) observer.tellState(frame);
    } catch (error) {
      log("error", "live_state_failed", { mailbox: this.#mailbox, ...thrown(error) });
    }
  }

  #anyWantsState(): boolean {
    for (const observer of this.#open.values()) if (observer.wantsState) return true;
    return false;
  }

  #stateFrame(): string {
    const { delivery, clock } = this.#turns.core();
    return stateFrame(this.#mailbox, delivery.look(clock.now()));
  }
}

const attachmentOf = (socket: WebSocket): Attachment | undefined => {
  const attachment = socket.deserializeAttachment() as Partial<Attachment> | null;
  return attachment?.observer === undefined ? undefined : (attachment as Attachment);
};
