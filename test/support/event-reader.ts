import type { IncomingMessage } from "node:http";
import { Backend, type Reply } from "./backend.ts";
import { mintLocally } from "./credentials.ts";
import { answerTo, EventBody } from "./event-body.ts";
import type { EstablishedFrame, Frame, ReceivedMessage } from "./received.ts";
import { StreamCheck } from "./stream-check.ts";

interface EventReaderOptions {
  readonly token?: string;
  readonly tokenBy?: "query" | "header";
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One event as the specification has it dispatched. */
interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** The last id so far, which a reader would come back with. */
  readonly lastId: string;
}

interface StreamEnd {
  readonly code: number;
  readonly reason: string;
  /** The reconnection time that goes with it. */
  readonly retryMs: number;
}

/**
 * A reader of `GET /v1/events` that checks its frames as a socket's are (`StreamCheck`).
 * It never reconnects, and acks nothing by itself.
 */
export class EventReader extends EventBody {
  readonly events: StreamEvent[] = [];
  readonly frames: Frame[] = [];
  readonly messages: ReceivedMessage[] = [];
  readonly #backend: Backend;
  readonly #token: string;
  readonly #check = new StreamCheck();
  #end: StreamEnd | undefined;

  /** Opens a stream of a user, or of a token; throws where it is refused. */
  static async open(url: string, user: string, options: EventReaderOptions = {}): Promise<EventReader> {
    const token = options.token ?? (await mintLocally(user));
    const target = new URL("/v1/events", url);
    for (const [name, value] of Object.entries(options.query ?? {})) target.searchParams.set(name, String(value));
    const headers: Record<string, string> = { ...options.headers };
    if ((options.tokenBy ?? "query") === "query") target.searchParams.set("access_token", token);
    else headers.authorization = `Bearer ${token}`;
    const response = await answerTo(target, headers);
    if (response.statusCode === 200) return new EventReader(url, token, response);
    response.resume();
    throw new Error(`No stream: ${response.statusCode}`);
  }

  private constructor(url: string, token: string, response: IncomingMessage) {
    super(response);
    this.#backend = new Backend(url, token);
    this.#token = token;
  }

  get established(): EstablishedFrame {
    const [first] = this.frames;
    if (first?.type !== "connection_established") throw new Error("Not established.");
    return first;
  }

  get violations(): readonly string[] {
    return this.#check.violations;
  }

  get token(): string {
    return this.#token;
  }

  /** Fails where the stream is broken, too. */
  override until<T>(what: string, found: () => T | undefined, deadlineMs?: number): Promise<T> {
    const unbroken = () => {
      const value = found();
      if (this.violations.length > 0) throw new Error(this.violations.join("; "));
      return value;
    };
    return super.until(what, unbroken, deadlineMs);
  }

  /** The first `count` messages. */
  received(count: number, deadlineMs?: number): Promise<readonly ReceivedMessage[]> {
    return this.until(
      `${count} messages`,
      () => (this.messages.length >= count ? this.messages.slice(0, count) : undefined),
      deadlineMs,
    );
  }

  async caughtUp(): Promise<this> {
    await this.until("caught_up", () => this.frames.find((frame) => frame.type === "caught_up"));
    return this;
  }

  /** What the stream says of its end, once the body has ended, too. */
  ended(deadlineMs?: number): Promise<StreamEnd> {
    return this.until("the end", () => (this.isOver ? this.#end : undefined), deadlineMs);
  }

  /** Resolves once the body is over, whatever it said. */
  async over(deadlineMs?: number): Promise<void> {
    await this.until("the body's end", () => (this.isOver ? true : undefined), deadlineMs);
  }

  /** C5 by POST; default: all that was received. */
  ack(seq = this.messages.at(-1)?.seq ?? 0, checkpoint?: number): Promise<Reply> {
    return this.say("ack", checkpoint === undefined ? { seq } : { seq, checkpoint });
  }

  reject(seq: number, reason: string): Promise<Reply> {
    return this.say("reject", { seq, reason });
  }

  /** With this reader's token, about this reader's connection. */
  say(word: "ack" | "reject", body: unknown): Promise<Reply> {
    return this.#backend.call("POST", `/v1/connections/${this.established.connection_id}/${word}`, body);
  }

  protected override last(): unknown {
    return this.events.slice(-3);
  }

  protected override stranger(line: string): void {
    this.#check.violations.push(`[C10] no field of an event stream: ${line}`);
  }

  protected override dispatch(event: string, text: string): void {
    this.events.push({ event, data: text, lastId: this.lastId });
    if (event === "close") {
      this.#end = { ...(JSON.parse(text) as { code: number; reason: string }), retryMs: this.retryMs ?? Number.NaN };
      return;
    }
    const frame = JSON.parse(text) as Frame;
    if (frame.type !== event) this.#check.violations.push(`[C10] event ${event} holds a frame ${frame.type}`);
    if (this.#end !== undefined) this.#check.violations.push(`[C10] ${event} after the close`);
    this.frames.push(frame);
    this.#check.accept(frame);
    if (frame.type === "messages") this.messages.push(...frame.messages);
  }
}
