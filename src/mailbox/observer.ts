/**
 * One operator's socket (N6): told what happens, as far as it reads. What it has not read yet is bounded; beyond that things are only
 * counted, and once it has caught up it is told how many, and how the user stands then.
 */

import { LIMITS } from "../protocol/limits.ts";
import { parseTold, skippedFrame, toldText } from "../protocol/live-frames.ts";

/** What survives a hibernation, in the socket's attachment. `v` as a session's (O2). */
export interface Attachment {
  readonly v: 1;
  /** Not `id`, which is a connection's. */
  readonly observer: string;
  /** Unix milliseconds. */
  readonly openedAt: number;
  /** How many frames it was told, and has read; and how many things were left out since. */
  readonly told: number;
  readonly read: number;
  readonly skipped: number;
  /** It is still to be told how the user stands. */
  readonly isStale: boolean;
}

export class Observer {
  readonly socket: WebSocket;
  readonly id: string;
  readonly openedAt: number;
  #told: number;
  #read: number;
  #skipped: number;
  #isStale: boolean;
  /** The last that it was told; forgotten in a hibernation. */
  #state = "";

  constructor(socket: WebSocket, attachment: Attachment) {
    this.socket = socket;
    this.id = attachment.observer;
    this.openedAt = attachment.openedAt;
    this.#told = attachment.told;
    this.#read = attachment.read;
    this.#skipped = attachment.skipped;
    this.#isStale = attachment.isStale;
    this.#keep();
  }

  /** How many frames it may be told now: none while things are left out. */
  get room(): number {
    return this.#skipped > 0 ? 0 : LIMITS.liveWindowFrames - (this.#told - this.#read);
  }

  /** Whether it is to be told how the user stands, and reads what it is told. */
  get wantsState(): boolean {
    return this.#isStale && this.room > 0;
  }

  /** A turn has done so many things, and these are the first of them; or none, and has changed the user's state all the same. */
  tell(count: number, frames: readonly string[]): void {
    const told = frames.slice(0, this.room);
    this.#isStale = true;
    this.#skipped += count - told.length;
    this.#send(told);
  }

  /** `frame`: how the user stands now. */
  tellState(frame: string): void {
    this.#isStale = false;
    this.#send(frame === this.#state ? [] : [frame]);
    this.#state = frame;
  }

  /** It has read what it was told up to here, as its Worker says. */
  noteRead(text: string): void {
    const { told } = parseTold(text);
    if (!(told > this.#read && told <= this.#told)) return;
    this.#read = told;
    if (this.#skipped === 0) return this.#keep();
    // Its Worker says so only once nothing is left unread: there is room for what comes next.
    const skipped = this.#skipped;
    this.#skipped = 0;
    // Even where the user stands as before: it has missed how that came.
    this.#state = "";
    this.#send([skippedFrame(skipped)]);
  }

  close(code: number, reason: string): void {
    try {
      this.socket.close(code, reason);
    } catch {
      // It has gone already.
    }
  }

  #send(frames: readonly string[]): void {
    this.#told += frames.length;
    // Before what is sent is sent: it must be known, whenever the object is found again.
    this.#keep();
    if (frames.length === 0) return;
    try {
      this.socket.send(toldText(this.#told, frames));
    } catch {
      // It has gone: its close event is on its way.
    }
  }

  #keep(): void {
    try {
      this.socket.serializeAttachment({
        v: 1,
        observer: this.id,
        openedAt: this.openedAt,
        told: this.#told,
        read: this.#read,
        skipped: this.#skipped,
        isStale: this.#isStale,
      } satisfies Attachment);
    } catch {
      // It has gone.
    }
  }
}
