/** An inbox of the SDK that never forgets: each message is to come to it once, and in order. */
import WebSocketOfWs from "ws";
import { connect, type Inbox, type InboxOptions, type Status } from "../../src/client/client.ts";
import type { Gap, Passed } from "../proofs/reader.ts";
import type { Carrying } from "../proofs/reception.ts";
import { mintLocally } from "../support/credentials.ts";
import { withoutWebSocket } from "../support/listener.ts";
import { type Book, tokensOf } from "./book.ts";
import type { Device, Processed } from "./devices.ts";

export class InboxDevice implements Device {
  readonly user: string;
  readonly name: string;
  readonly what: string;
  readonly processed: Processed[] = [];
  readonly gaps: Gap[] = [];
  readonly passed: Passed[] = [];
  readonly violations: string[] = [];
  readonly latenciesMs: number[] = [];
  readonly from = 0;
  /** What it drops it does not tell. */
  readonly repeated = 0;
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
      onGap: ({ seq, count, reasons }) => {
        const range = { prev: this.processedSeq, seq };
        // Nobody has counted what another tab went on with.
        if (count === undefined) this.passed.push(range);
        else this.gaps.push({ ...range, count, reasons, at: Date.now() });
        this.processedSeq = Math.max(this.processedSeq, seq);
      },
      onError: (error) => this.violations.push(`an error: ${error.code} ${error.message}`),
      onStatus: (status) => this.#note(status),
    });
  }

  get isConnected(): boolean {
    return this.#openSince !== undefined;
  }

  has(token: string): boolean {
    return this.#tokens.has(token);
  }

  hurry(): void {
    if (!this.isConnected) this.#inbox.reconnect();
  }

  async stop(): Promise<void> {
    this.#inbox.close();
  }

  #take(message: { readonly seq: number; readonly data: unknown }): void {
    const tokens = tokensOf(message.data);
    const now = performance.now();
    if (message.seq <= this.processedSeq)
      this.violations.push(`[D2] ${message.seq} was handed over after ${this.processedSeq}`);
    this.processedSeq = Math.max(this.processedSeq, message.seq);
    for (const token of tokens) {
      if (this.#tokens.has(token)) this.violations.push(`[D3] ${token} was handed over twice, again at ${message.seq}`);
      this.#tokens.add(token);
      this.processed.push({ token, seq: message.seq, isJoined: tokens.length > 1, at: now });
      const beganAt = this.#book.posted.get(token)?.beganAt ?? now;
      // What waited for somebody who was away says nothing of the way.
      if ((this.#openSince ?? now) < beganAt) this.latenciesMs.push(now - beganAt);
    }
  }

  #note(status: Status): void {
    if (status.state === "catching_up") this.connections += 1;
    if (status.state === "open") this.#openSince = performance.now();
    else if (status.state !== "catching_up") this.#openSince = undefined;
    if (status.state === "stopped" && status.error !== undefined)
      this.violations.push(`it stopped: ${status.error.code}`);
  }
}

type Options = Parameters<typeof connect<Record<string, unknown>>>[0];

const inboxOf = (carrying: Carrying, options: Options): Inbox<Record<string, unknown>> => {
  if (carrying === "event stream") return withoutWebSocket(() => connect<Record<string, unknown>>(options));
  if (carrying === "WebSocket of Node") return connect<Record<string, unknown>>(options);
  const Socket = WebSocketOfWs as unknown as NonNullable<InboxOptions["WebSocket"]>;
  return connect<Record<string, unknown>>({ ...options, WebSocket: Socket });
};
