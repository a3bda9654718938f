import type { Frame } from "./received.ts";

/**
 * What must hold of every stream of frames that a connection receives, whatever the test is about: the confirmation first and
 * once (C1), the `prev` chain from the cursor on (C3, C4), rising seqs (D2), `caught_up` once and true (C2).
 */
export class StreamCheck {
  readonly violations: string[] = [];
  /** The last seq received; the cursor before the first. */
  lastSeq = 0;
  #established = false;
  #caughtUp = false;

  /** Takes the next frame; what is wrong with it is added to `violations`. */
  accept(frame: Frame): void {
    if (!this.#established && frame.type !== "connection_established" && frame.type !== "error") {
      this.#violated("[C1] the first frame is no connection_established", frame);
    }
    switch (frame.type) {
      case "connection_established":
        if (this.#established) this.#violated("[C1] a second connection_established", frame);
        this.#established = true;
        this.lastSeq = frame.cursor;
        return;
      case "messages":
        if (frame.messages.length === 0) this.#violated("[C3] a frame without messages", frame);
        if (frame.prev !== this.lastSeq) this.#violated(`[C3] prev is not ${this.lastSeq}`, frame);
        for (const message of frame.messages) this.#rises(message.seq, frame);
        return;
      case "gap":
        if (frame.prev !== this.lastSeq) this.#violated(`[C4] prev is not ${this.lastSeq}`, frame);
        if (frame.count < 1) this.#violated("[C4] a gap of nothing", frame);
        this.#rises(frame.seq, frame);
        return;
      case "caught_up":
        if (this.#caughtUp) this.#violated("[C2] a second caught_up", frame);
        this.#caughtUp = true;
        return;
      case "pong":
      case "error":
        return;
    }
  }

  #rises(seq: number, frame: Frame): void {
    if (!Number.isSafeInteger(seq) || seq <= this.lastSeq)
      this.#violated(`[D2] seq ${seq} after ${this.lastSeq}`, frame);
    this.lastSeq = seq;
  }

  #violated(what: string, frame: Frame): void {
    this.violations.push(`${what}: ${JSON.stringify(frame).slice(0, 400)}`);
  }
}
