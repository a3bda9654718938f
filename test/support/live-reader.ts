import { API_KEY } from "./credentials.ts";
import { answerTo, EventBody } from "./event-body.ts";
import type { LiveFrame } from "./received.ts";

interface LiveReaderOptions {
  readonly key?: string;
  readonly query?: string;
}

/** An operator who looks on at one user (N6). What is no stream of events, or not in N6's order, throws. */
export class LiveReader extends EventBody {
  /** All frames so far; the `close` event is the last, as `{type: "close", code, reason}`. */
  readonly frames: LiveFrame[] = [];
  /** The same as text, for what must not be in it. */
  text = "";

  static async open(url: string, user: string, options: LiveReaderOptions = {}): Promise<LiveReader> {
    const target = new URL(`/v1/users/${encodeURIComponent(user)}/live${options.query ?? ""}`, url);
    const headers = { authorization: `Bearer ${options.key ?? API_KEY}` };
    const reader = new LiveReader(await answerTo(target, headers));
    if (reader.status === 200) await reader.until("the first frame", () => reader.frames[0]);
    return reader;
  }

  /** Frames of a type, in order. */
  of(type: string): readonly LiveFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  get state(): LiveFrame {
    const state = this.of("state").at(-1);
    if (state === undefined) throw new Error("No state yet.");
    return state;
  }

  /** The first frame of a type, or the first that `fits`. */
  next(type: string, fits: (frame: LiveFrame) => boolean = () => true): Promise<LiveFrame> {
    return this.until(type, () => this.of(type).find(fits));
  }

  /** A state that `fits`, as the last one. */
  stands(what: string, fits: (state: LiveFrame) => boolean): Promise<LiveFrame> {
    return this.until(what, () => {
      const state = this.of("state").at(-1);
      return state !== undefined && fits(state) ? state : undefined;
    });
  }

  /** The event `close`, once the body has ended, too. */
  ended(): Promise<LiveFrame> {
    return this.until("the end", () => (this.isOver ? this.of("close")[0] : undefined));
  }

  protected override took(text: string): void {
    this.text += text;
  }

  protected override last(): unknown {
    return this.frames.slice(-5);
  }

  protected override stranger(line: string): void {
    throw new Error(`No field of a live stream: ${line}`);
  }

  protected override dispatch(event: string, data: string): void {
    // There is nothing to come back with.
    if (this.lastId !== "") throw new Error(`A live stream has no ids: ${this.lastId}`);
    const frame = JSON.parse(data) as LiveFrame;
    if (event === "close") return void this.frames.push({ ...frame, type: "close" });
    if (frame.type !== event) throw new Error(`Event ${event} holds a frame ${frame.type}.`);
    if (this.frames.length === 0 && event !== "state") throw new Error(`The first frame is ${event}.`);
    this.frames.push(frame);
  }
}
