/**
 * One user whose messages are numbered 1, 2, 3, …: a sender that stops at nothing, and an inbox of the SDK behind a faulty
 * proxy, whose handler sees to it that each number comes once and after the one before.
 */
import WebSocketOfWs from "ws";
import { connect, type Inbox, type InboxOptions, type Status } from "../../src/client/client.ts";
import type { Backend } from "../support/backend.ts";
import { mintLocally } from "../support/credentials.ts";
import { withoutWebSocket } from "../support/listener.ts";
import type { Random } from "../support/random.ts";
import { eventually, instant } from "./clock.ts";
import { FaultyProxy } from "./faulty-proxy.ts";

/** What the SDK is given: Node's own WebSocket, that of the package `ws`, or none at all. */
export const CARRIERS = ["WebSocket of Node", "WebSocket of ws", "event stream"] as const;
export type Carrying = (typeof CARRIERS)[number];

type Events = { readonly numbered: { readonly n: number } };

interface ReceptionOptions {
  readonly backend: Backend;
  readonly serverPort: number;
  readonly user: string;
  readonly carrying: Carrying;
  /** The app calls `reconnect` now and then while the inbox waits, as people do. */
  readonly isImpatient: boolean;
  readonly random: Random;
  /** On average, in milliseconds, between sends. */
  readonly sendEveryMs: number;
}

/** How one message is handled. */
interface Fate {
  /** Times that the handler throws before it does not. */
  readonly throws: number;
  readonly takesMs: number;
}

/** Short, so that faults follow one another quickly: a connection that is not confirmed in time is given up. */
const CONNECT_TIMEOUT_MS = 2_000;
const SEND_AGAIN_MS = 50;
const LATELY = 24;
const PATIENCE_MS = 3_000;

export class Reception {
  readonly violations: string[] = [];
  /** Messages that a sender was told are accepted, all from 1 on; and those whose handler has ended well. */
  accepted = 0;
  completed = 0;
  /** Connections that were established, by what carried them; attempts; and why connections ended. */
  readonly established = new Map<string, number>();
  attempts = 0;
  readonly causes = new Map<string, number>();
  /** Messages that passed the proxy on their way here, repeated ones too. */
  passed = 0;
  readonly #options: ReceptionOptions;
  readonly #proxy: FaultyProxy;
  readonly #inbox: Inbox<Events>;
  readonly #sending: Promise<void>;
  /** The last changes of the inbox's status, for whoever must find out why. */
  readonly #lately: string[] = [];
  #impatience: ReturnType<typeof setTimeout> | undefined;
  #isSending = true;
  /** The number whose handler runs, and how often it has thrown. */
  #running: number | undefined;
  #thrown = 0;
  #fate: Fate = { throws: 0, takesMs: 0 };

  static async start(options: ReceptionOptions): Promise<Reception> {
    return new Reception(options, await FaultyProxy.start(options.serverPort));
  }

  private constructor(options: ReceptionOptions, proxy: FaultyProxy) {
    this.#options = options;
    this.#proxy = proxy;
    proxy.judge = (text, to) => {
      if (to === "client") this.passed += text.match(/"seq":\d+,"id":"/g)?.length ?? 0;
      return "pass";
    };
    this.#inbox = connected<Events>(options.carrying, {
      url: proxy.url,
      token: () => mintLocally(options.user),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      onMessage: (message) => this.#handle(message.data.n),
      onGap: (gap) => this.#violation(`a gap: ${JSON.stringify(gap)}`),
      onError: (error) => this.#violation(`an error: ${error.code} ${error.message}`),
      onStatus: (status) => this.#note(status),
    });
    this.#sending = this.#send();
  }

  get proxy(): FaultyProxy {
    return this.#proxy;
  }

  /** Until all is processed that is accepted now, and one more where there will be more. */
  async catchesUp(deadlineMs: number): Promise<void> {
    const goal = this.accepted + (this.#isSending ? 1 : 0);
    await eventually("", () => this.completed >= goal, deadlineMs).catch(() => {
      const got = `${this.completed} of ${goal} processed after ${deadlineMs} ms`;
      this.#violation(`${got}; before that: ${this.#lately.join(", ")}`);
    });
  }

  /** Ends when the last message is accepted. */
  async stopSending(): Promise<void> {
    this.#isSending = false;
    await this.#sending;
  }

  close(): void {
    clearTimeout(this.#impatience);
    this.#inbox.close();
    this.#proxy.stop();
  }

  /** What must hold at the server when all is processed: it holds nothing, and nothing died. */
  async judge(deadlineMs: number): Promise<void> {
    const { backend, user } = this.#options;
    const isDone = async () => {
      const { held, dead_letters } = (await backend.user(user)).body;
      return held.count === 0 && dead_letters === 0;
    };
    await eventually(`${user} has nothing held and no dead letters`, isDone, deadlineMs);
  }

  async #send(): Promise<void> {
    const { backend, user, random, sendEveryMs } = this.#options;
    while (this.#isSending) {
      const n = this.accepted + 1;
      const message = { type: "numbered", id: `n-${n}`, data: { n, padding: "x".repeat(random.int(0, 300)) } };
      // It goes to the server past the proxy; with one id, however often it must.
      for (let status = 0; status !== 202; ) {
        status = await backend.send(user, message).then(
          (reply) => (reply.status === 200 ? 202 : reply.status),
          () => 0,
        );
        if (status !== 202) await instant(performance.now() + SEND_AGAIN_MS);
      }
      this.accepted = n;
      await instant(performance.now() + random.int(0, 2 * sendEveryMs));
    }
  }

  #handle(n: number): unknown {
    if (this.#running === undefined) {
      this.#running = n;
      this.#thrown = 0;
      this.#fate = fateOf(this.#options.random);
      if (n !== this.completed + 1) this.#violation(`${n} was handed over after ${this.completed}`);
    } else if (this.#running !== n || this.#thrown === 0) {
      this.#violation(`${n} was handed over while the handler of ${this.#running} ran`);
    }
    const { throws, takesMs } = this.#fate;
    const end = () => {
      if (this.#thrown < throws) {
        this.#thrown += 1;
        throw new Error(`${n} is meant to fail`);
      }
      this.#running = undefined;
      this.completed = n;
    };
    return takesMs === 0 ? end() : instant(performance.now() + takesMs).then(end);
  }

  #note(status: Status): void {
    const more = status.state === "waiting" ? ` for ${status.retryAt - Date.now()} ms, ${status.cause.code}` : "";
    this.#lately.push(`${Math.round(performance.now())} ${status.state}${more}`);
    if (this.#lately.length > LATELY) this.#lately.shift();
    if (status.state === "connecting") this.attempts += 1;
    if (status.state === "catching_up") count(this.established, status.carrier);
    if (status.state === "waiting") {
      count(this.causes, status.cause.code);
      clearTimeout(this.#impatience);
      const { isImpatient, random } = this.#options;
      if (isImpatient) this.#impatience = setTimeout(() => this.#inbox.reconnect(), random.int(0, PATIENCE_MS));
    }
    if (status.state === "stopped" && status.error !== undefined) this.#violation(`stopped: ${status.error.code}`);
  }

  #violation(what: string): void {
    this.violations.push(`${this.#options.user}, ${this.#options.carrying}: ${what}`);
  }
}

/** Most handlers are done at once; some take a while, a few so long that a connection is lost and replaced meanwhile; some throw. */
const fateOf = (random: Random): Fate => {
  const throws = random.chance(0.03) ? random.int(1, 2) : 0;
  const kind = random.next();
  if (kind < 0.01) return { throws, takesMs: random.int(500, 2_500) };
  if (kind < 0.06) return { throws, takesMs: random.int(20, 200) };
  if (kind < 0.3) return { throws, takesMs: random.int(1, 20) };
  return { throws, takesMs: 0 };
};

const connected = <E extends object>(carrying: Carrying, options: Parameters<typeof connect<E>>[0]): Inbox<E> => {
  if (carrying === "WebSocket of Node") return connect<E>(options);
  if (carrying === "WebSocket of ws") {
    const Socket = WebSocketOfWs as unknown as NonNullable<InboxOptions["WebSocket"]>;
    return connect<E>({ ...options, WebSocket: Socket });
  }
  return withoutWebSocket(() => connect<E>(options));
};

export const count = (counts: Map<string, number>, name: string, by = 1): void => {
  counts.set(name, (counts.get(name) ?? 0) + by);
};
