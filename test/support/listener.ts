import {
  type ConnectOptions,
  connect,
  type Inbox,
  type InboxError,
  type Message,
  type Status,
} from "../../src/client/client.ts";
import type { Gap } from "../../src/client/message.ts";
import { eventually } from "../proofs/clock.ts";

type Any = Record<string, unknown>;
export type ListenerOptions = Omit<ConnectOptions<Any>, "onMessage"> & Partial<Pick<ConnectOptions<Any>, "onMessage">>;

/**
 * An inbox of the SDK for tests: it keeps all that it hears, in order. `onMessage`, where there is one, is called after that.
 *
 * ```ts
 * const listener = new Listener({ url: runtime.url, token });
 * await listener.has(2);
 * expect(listener.data).toEqual([1, 2]);
 * ```
 */
export class Listener {
  readonly inbox: Inbox<Any>;
  /** Each time that the handler was called. */
  readonly messages: Message<Any>[] = [];
  readonly gaps: Gap[] = [];
  readonly errors: InboxError[] = [];
  readonly statuses: Status[] = [];

  constructor(options: ListenerOptions) {
    this.inbox = connect<Any>({
      ...options,
      onMessage: (message) => {
        this.messages.push(message);
        return options.onMessage?.(message);
      },
      onGap: (gap) => {
        this.gaps.push(gap);
        return options.onGap?.(gap);
      },
      onError: (error) => this.errors.push(error),
      onStatus: (status) => this.statuses.push(status),
    });
  }

  /** What the messages carried. */
  get data(): readonly unknown[] {
    return this.messages.map(({ data }) => data);
  }

  /** The names of the connections it had, in order. */
  get connections(): readonly string[] {
    return this.statuses.flatMap((status) => (status.state === "catching_up" ? [status.connectionId] : []));
  }

  /** Until a status with this state was there that came after the first `from`; gives it. */
  async reaches<S extends Status["state"]>(state: S, deadlineMs?: number, from = 0): Promise<Status & { state: S }> {
    const found = () => this.statuses.slice(from).find((status) => status.state === state);
    await eventually(`${state}, after ${JSON.stringify(this.statuses)}`, () => found() !== undefined, deadlineMs);
    return found() as Status & { state: S };
  }

  /** Until the handler was called so often. */
  has(count: number, deadlineMs?: number): Promise<void> {
    return eventually(`${count} messages`, () => this.messages.length >= count, deadlineMs);
  }
}

/** What `WebSocket` is in Node 20: the SDK looks for it when it connects, and not again. */
export const withoutWebSocket = <T>(act: () => T): T => {
  const own = globalThis.WebSocket;
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    return act();
  } finally {
    globalThis.WebSocket = own;
  }
};
