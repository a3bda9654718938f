import { expect } from "vitest";
import { eventually, instant } from "../proofs/clock.ts";
import type { Backend } from "../support/backend.ts";
import type { Tab } from "./tab.ts";

/** A sender that does not stop by itself. */
interface Stream {
  /** Ends it, once the message on its way is accepted. */
  stop(): Promise<void>;
}

const DEADLINE_MS = 20_000;

/** Sends to one user, one message after another, and judges what tabs made of that. */
export class Judge {
  readonly user: string;
  /** Ids, in order. */
  readonly sent: string[] = [];
  readonly #backend: Backend;
  #count = 0;

  constructor(backend: Backend, user: string) {
    this.#backend = backend;
    this.user = user;
  }

  async send(count = 1, type = "note"): Promise<void> {
    for (let i = 0; i < count; i += 1) this.sent.push(await this.#send(type));
  }

  /** Sends one that no tab will have processed; its id. */
  sendInVain(type: string): Promise<string> {
    return this.#send(type);
  }

  /** What the server knows of the user (U1). */
  async state() {
    return (await this.#backend.user(this.user)).body;
  }

  /** Resolves once the user has so many open connections at the server. */
  connected(count: number): Promise<void> {
    const isConnected = async () => (await this.state()).connections.length === count;
    return eventually(`${count} connections of ${this.user}`, isConnected, DEADLINE_MS);
  }

  /** Resolves once nothing is held for the user: all of it is acked, and recorded. */
  settled(): Promise<void> {
    return eventually("nothing held", async () => (await this.state()).held.count === 0, DEADLINE_MS);
  }

  /** Resolves once so many are sent. */
  has(count: number): Promise<void> {
    return eventually(`${count} messages sent`, () => this.sent.length >= count, DEADLINE_MS);
  }

  /** Sends on and on, whatever happens to the server meanwhile. */
  stream(everyMs = 15, type = "note"): Stream {
    let isOver = false;
    const streaming = (async () => {
      while (!isOver) {
        await this.send(1, type);
        await instant(performance.now() + everyMs);
      }
    })();
    return {
      stop: () => {
        isOver = true;
        return streaming;
      },
    };
  }

  /**
   * [D2, D3] Each tab has processed each message exactly once, in order, and none is missing. One message more goes last: what
   * still comes twice would come before it.
   */
  async exactlyOnce(...tabs: readonly Tab[]): Promise<void> {
    await this.#last(tabs);
    for (const tab of tabs) {
      expect(tab.processed.map(({ id }) => id)).toEqual(this.sent);
      expectRising(tab.processed);
      expectUnharmed(tab);
    }
  }

  /**
   * [D3] A tab that was loaded several times: each load has processed one run of what was sent, without a hole or a twin in it; no hole
   * lies between one load and the next, and none is missing. `again`: how many came in more than one.
   */
  async withoutHole(tab: Tab): Promise<{ readonly again: number }> {
    await this.#last([tab]);
    let end = 0;
    let again = 0;
    for (const load of tab.loads) {
      const from = this.sent.indexOf(load[0]?.id ?? "");
      expect(from).toBeGreaterThanOrEqual(0);
      expect(from).toBeLessThanOrEqual(end);
      expect(load.map(({ id }) => id)).toEqual(this.sent.slice(from, from + load.length));
      expectRising(load);
      again += end - from;
      end = from + load.length;
    }
    expect(end).toBe(this.sent.length);
    expectUnharmed(tab);
    return { again };
  }

  /**
   * [C4] A tab that was away while another of its device went on: what it has processed is in order and without twins, and wherever
   * messages are missing, it was told so in their place. `missed`: how many.
   */
  async withoutSilence(tab: Tab): Promise<{ readonly missed: number }> {
    await this.#last([tab]);
    let next = 0;
    let missed = 0;
    let isTold = false;
    for (const entry of tab.timeline) {
      if (entry.kind === "gap") isTold = true;
      if (entry.kind !== "message") continue;
      const at = this.sent.indexOf(entry.id, next);
      expect(at, `the place of ${entry.id}, after ${this.sent[next - 1]}`).toBeGreaterThanOrEqual(next);
      expect(isTold, `a gap before ${entry.id}`).toBe(at > next);
      missed += at - next;
      next = at + 1;
      isTold = false;
    }
    expect(next).toBe(this.sent.length);
    expectRising(tab.processed);
    expect(tab.uncaught).toEqual([]);
    return { missed };
  }

  async #last(tabs: readonly Tab[]): Promise<void> {
    await this.send(1, "last");
    const id = this.sent.at(-1);
    for (const tab of tabs) {
      await tab.until(
        `the last message, ${id}`,
        () => (tab.processed.some((entry) => entry.id === id) ? true : undefined),
        DEADLINE_MS,
      );
    }
  }

  /** Sends with an id, again and again until there is an answer: the server may be away (S4). */
  async #send(type: string): Promise<string> {
    this.#count += 1;
    const id = `${this.user}-${this.#count}`;
    await eventually(
      `an answer to ${id}`,
      async () => {
        const reply = await this.#backend.send(this.user, { type, id }).catch(() => undefined);
        if (reply !== undefined && reply.status >= 400 && reply.status < 500) {
          throw new Error(`${id}: ${reply.status} ${JSON.stringify(reply.body)}`);
        }
        return reply?.status === 202 || reply?.status === 200;
      },
      DEADLINE_MS,
    );
    return id;
  }
}

const expectRising = (entries: readonly { readonly seq: number }[]): void => {
  const seqs = entries.map(({ seq }) => seq);
  expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
};

/** Nothing was lost by the server's own account, and nothing broke in the page. */
const expectUnharmed = (tab: Tab): void => {
  expect(tab.told("gap")).toEqual([]);
  expect(tab.uncaught).toEqual([]);
};
