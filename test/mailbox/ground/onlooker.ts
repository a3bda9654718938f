/** An operator's socket at a Mailbox (N6), as the Worker holds one: it keeps every frame, and says that it has read them only where told to. */
import { parseTold } from "../../../src/protocol/live-frames.ts";
import { OBSERVE_HEADER } from "../../../src/protocol/mailbox-api.ts";
import type { LiveFrame } from "../../support/received.ts";
import { Signal } from "../../support/signal.ts";
import type { User } from "./user.ts";

export class Onlooker {
  readonly frames: LiveFrame[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  readonly #socket: WebSocket;
  readonly #signal = new Signal();
  #told = 0;

  /** `reads`: it says at once that it has read what it is told. */
  static async open(user: User, reads = false): Promise<Onlooker> {
    const headers = { upgrade: "websocket", [OBSERVE_HEADER]: "{}" };
    const { webSocket } = await (await user.stub()).fetch("https://mailbox/", { headers });
    if (webSocket === null) throw new Error("No socket.");
    const onlooker = new Onlooker(webSocket, reads);
    await onlooker.next("state");
    return onlooker;
  }

  private constructor(socket: WebSocket, reads: boolean) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { told, frames } = parseTold(String(data));
      if (told !== this.#told + frames.length)
        throw new Error(`Told ${told} after ${this.#told} and ${frames.length}.`);
      this.#told = told;
      this.frames.push(...frames.map((frame) => JSON.parse(frame)));
      if (reads) this.read();
      this.#signal.tell();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
      this.#signal.tell();
    });
    socket.accept();
  }

  of(type: string): readonly LiveFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** What happened, without how the user stood. */
  get happened(): readonly LiveFrame[] {
    return this.frames.filter(({ type }) => type !== "state");
  }

  get state(): LiveFrame {
    return this.of("state").at(-1) as LiveFrame;
  }

  until<T>(what: string, found: () => T | undefined, deadlineMs?: number): Promise<T> {
    const instead = () => `last: ${JSON.stringify(this.frames.slice(-4))}`;
    return this.#signal.until(found, { what, deadlineMs, instead });
  }

  /** The first frame of a type that `fits`. */
  next(type: string, fits: (frame: LiveFrame) => boolean = () => true): Promise<LiveFrame> {
    return this.until(type, () => this.of(type).find(fits));
  }

  /** The last state `fits`. */
  stands(what: string, fits: (state: LiveFrame) => boolean): Promise<LiveFrame> {
    return this.until(what, () => (fits(this.state) ? this.state : undefined));
  }

  /** All that it was told so far is read. */
  read(): void {
    this.say(String(this.#told));
  }

  say(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close(1000);
  }
}
