/** The devices of the soak: inboxes of the SDK, and readers that speak the protocol by themselves. Each keeps what it processed. */
import WebSocketOfWs from "ws";
import { connect, type Inbox, type InboxOptions, type Status } from "../../src/client/client.ts";
import { mintLocally } from "../support/credentials.ts";
import { withoutWebSocket } from "../support/listener.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
import type { Carrying } from "./reception.ts";
import { type Book, tokensOf } from "./soak-book.ts";

export interface Gap {
  /** `(prev, seq]`. */
  readonly prev: number;
  readonly seq: number;
}

export interface Processed {
  readonly token: string;
  readonly seq: number;
  /** True where it came joined to others, whose seqs it does not say. */
  readonly isJoined: boolean;
}

export interface Device {
  readonly user: string;
  readonly name: string;
  readonly what: string;
  readonly isConnected: boolean;
  /** How often it was connected. */
  readonly connections: number;
  readonly processedSeq: number;
  readonly processed: readonly Processed[];
  readonly gaps: readonly Gap[];
  readonly violations: readonly string[];
  /** Messages that came again. */
  readonly repeated: number;
  /** Above this seq everything is its. */
  readonly from: number;
  /** For an impatient end: it tries now. */
  hurry(): void;
  stop(): Promise<void>;
}

/** An inbox of the SDK that never forgets: each message is to come to it once. */
export class InboxDevice implements Device {
  readonly user: string;
  readonly name: string;
  readonly what: string;
  readonly processed: Processed[] = [];
  readonly gaps: Gap[] = [];
  readonly violations: string[] = [];
  readonly latenciesMs: number[] = [];
  /** Its states, with instants: for whoever must find out why. */
  readonly lately: string[] = [];
  readonly from = 0;
  repeated = 0;
  connections = 0;
  processedSeq = 0;
  readonly #book: Book;
  readonly #inbox: Inbox<Record<string, unknown>>;
  readonly #tokens = new Set<string>();
  /** Since when it is connected without a break. */
  #openSince: number | undefined;

  constructor(url: string, book: Book, name: string, carrying: Carrying) {
    this.user = book.user;
    this.name = name;
    this.what = `SDK, ${carrying}`;
    this.#book = book;
    this.#inbox = inboxOf(carrying, {
      url,
      device: name,
      token: () => mintLocally(book.user),
      connectTimeoutMs: 2_000,
      onMessage: (message) => this.#take(message),
      onGap: (gap) => {
        this.gaps.push({ prev: this.processedSeq, seq: gap.seq });
        this.processedSeq = Math.max(this.processedSeq, gap.seq);
      },
      onError: (error) => this.violations.push(`an error: ${error.code} ${error.message}`),
      onStatus: (status) => this.#note(status),
    });
  }

  get isConnected(): boolean {
    return this.#openSince !== undefined;
  }

  hurry(): void {
    if (!this.isConnected) this.#inbox.reconnect();
  }

  async stop(): Promise<void> {
    this.#inbox.close();
  }

  #take(message: { readonly seq: number; readonly data: unknown; readonly first_seq?: number }): void {
    const tokens = tokensOf(message.data);
    const now = performance.now();
    if (message.seq <= this.processedSeq)
      this.violations.push(`[D2] ${message.seq} was handed over after ${this.processedSeq}`);
    this.processedSeq = Math.max(this.processedSeq, message.seq);
    for (const token of tokens) {
      if (this.#tokens.has(token)) this.violations.push(`[D3] ${token} was handed over twice, again at ${message.seq}`);
      this.#tokens.add(token);
      this.processed.push({ token, seq: message.seq, isJoined: tokens.length > 1 });
      const beganAt = this.#book.posted.get(token)?.beganAt ?? now;
      // What waited for somebody who was away says nothing of the way.
      if ((this.#openSince ?? now) < beganAt) this.latenciesMs.push(now - beganAt);
    }
  }

  #note(status: Status): void {
    this.lately.push(`${Math.round(performance.now())} ${status.state}`);
    if (this.lately.length > 30) this.lately.shift();
    if (status.state === "catching_up") this.connections += 1;
    if (status.state === "open") this.#openSince = performance.now();
    else if (status.state !== "catching_up") this.#openSince = undefined;
    if (status.state === "stopped" && status.error !== undefined)
      this.violations.push(`it stopped: ${status.error.code}`);
  }
}

/** A reader that is written for the proofs; several with one name are tabs of one device. */
export class ReaderDevice implements Device {
  readonly user: string;
  readonly name: string;
  readonly what: string;
  readonly #reader: Reader;

  constructor(options: ReaderOptions, what: string) {
    this.user = options.user;
    this.name = options.device;
    this.what = what;
    this.#reader = new Reader(options).start();
  }

  get isConnected(): boolean {
    return this.#reader.isConnected;
  }
  get connections(): number {
    return this.#reader.cursors.length;
  }
  get processedSeq(): number {
    return this.#reader.processedSeq;
  }
  get from(): number {
    return this.#reader.cursors[0] ?? 0;
  }
  get processed(): readonly Processed[] {
    return this.#reader.received.flatMap(({ seq, data }) => {
      if (!this.#reader.has(seq)) return [];
      const tokens = tokensOf(data);
      return tokens.map((token) => ({ token, seq, isJoined: tokens.length > 1 }));
    });
  }
  get gaps(): readonly Gap[] {
    return this.#reader.gaps;
  }
  get violations(): readonly string[] {
    return this.#reader.violations;
  }
  get repeated(): number {
    return this.#reader.repeated;
  }
  /** Why its connections ended. */
  get ends(): readonly number[] {
    return this.#reader.ends;
  }

  away(ms: number, cut: boolean): void {
    this.#reader.away(ms, cut);
  }
  /** After a `stop`. */
  resume(): void {
    this.#reader.start();
  }
  hurry(): void {}
  stop(): Promise<void> {
    return this.#reader.stop();
  }
}

type Options = Parameters<typeof connect<Record<string, unknown>>>[0];

const inboxOf = (carrying: Carrying, options: Options): Inbox<Record<string, unknown>> => {
  if (carrying === "event stream") return withoutWebSocket(() => connect<Record<string, unknown>>(options));
  if (carrying === "WebSocket of Node") return connect<Record<string, unknown>>(options);
  const Socket = WebSocketOfWs as unknown as NonNullable<InboxOptions["WebSocket"]>;
  return connect<Record<string, unknown>>({ ...options, WebSocket: Socket });
};
