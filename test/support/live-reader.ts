import { type IncomingMessage, request } from "node:http";
import { API_KEY } from "./credentials.ts";
import { EventLines } from "./event-lines.ts";
import type { LiveFrame } from "./received.ts";
import { Signal } from "./signal.ts";

interface LiveReaderOptions {
  readonly key?: string;
  readonly query?: string;
}

/** An operator who looks on at one user (N6). What is no stream of events, or not in N6's order, throws. */
export class LiveReader {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** All frames so far; the `close` event is the last, as `{type: "close", code, reason}`. */
  readonly frames: LiveFrame[] = [];
  /** The same as text, for what must not be in it. */
  text = "";
  isOver = false;
  readonly #response: IncomingMessage;
  readonly #signal = new Signal();
  readonly #lines = new EventLines(
    (event, data) => this.#dispatch(event, data),
    (line) => {
      throw new Error(`No field of a live stream: ${line}`);
    },
  );

  static async open(url: string, user: string, options: LiveReaderOptions = {}): Promise<LiveReader> {
    const target = new URL(`/v1/users/${encodeURIComponent(user)}/live${options.query ?? ""}`, url);
    const headers = { authorization: `Bearer ${options.key ?? API_KEY}` };
    const response = await new Promise<IncomingMessage>((done, failed) => {
      request(target, { headers, agent: false }, done).on("error", failed).end();
    });
    const reader = new LiveReader(response);
    if (reader.status === 200) await reader.until("the first frame", () => reader.frames[0]);
    return reader;
  }

  private constructor(response: IncomingMessage) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    const over = () => {
      this.isOver = true;
      this.#signal.tell();
    };
    response.on("end", over).on("close", over).on("error", over);
  }

  get comments(): number {
    return this.#lines.comments;
  }

  get retryMs(): number {
    return this.#lines.retryMs ?? Number.NaN;
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

  /** What `found` gives, now or after something came; fails at the deadline, and where the stream is over. */
  until<T>(what: string, found: () => T | undefined, deadlineMs?: number): Promise<T> {
    const over = () => (this.isOver ? "the stream is over" : undefined);
    const instead = () => `last: ${JSON.stringify(this.frames.slice(-5))}`;
    return this.#signal.until(found, { what, deadlineMs, over, instead });
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

  /** Stops reading from TCP, so that the server's writes back up. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Hangs up by a reset: the one way that workerd takes notice of at once. */
  hangUp(): void {
    this.#response.socket.resetAndDestroy();
  }

  #take(text: string): void {
    this.text += text;
    this.#lines.take(text);
    this.#signal.tell();
  }

  #dispatch(event: string, data: string): void {
    // There is nothing to come back with.
    if (this.#lines.lastId !== "") throw new Error(`A live stream has no ids: ${this.#lines.lastId}`);
    const frame = JSON.parse(data) as LiveFrame;
    if (event === "close") return void this.frames.push({ ...frame, type: "close" });
    if (frame.type !== event) throw new Error(`Event ${event} holds a frame ${frame.type}.`);
    if (this.frames.length === 0 && event !== "state") throw new Error(`The first frame is ${event}.`);
    this.frames.push(frame);
  }
}
