import type { CDPSession, Page } from "playwright-core";
import { Signal } from "../support/signal.ts";
import type { Entry, ShownStatus } from "./record.ts";

type EntryOf<K extends Entry["kind"]> = Extract<Entry, { readonly kind: K }>;

const defaultDeadlineMs = 15_000;

/** One tab, and everything that its pages told, over all of their loads. */
export class Tab {
  readonly page: Page;
  /** Errors that nobody caught. */
  readonly uncaught: Error[] = [];
  /** By place; a place is empty where the page was left before it got out, until the next load tells it. */
  readonly #timeline: (Entry | undefined)[] = [];
  readonly #signal = new Signal();
  readonly #devtools: CDPSession;

  static async of(page: Page): Promise<Tab> {
    const tab = new Tab(page, await page.context().newCDPSession(page));
    await page.exposeBinding("told", (_, place: number, entry: Entry) => tab.#take(place, entry));
    page.on("pageerror", (error) => tab.uncaught.push(error));
    return tab;
  }

  private constructor(page: Page, devtools: CDPSession) {
    this.page = page;
    this.#devtools = devtools;
  }

  /** Everything that was told, in order. */
  get timeline(): readonly Entry[] {
    return this.#timeline.filter((entry) => entry !== undefined);
  }

  /** What was told of one kind, in order. */
  told<K extends Entry["kind"]>(kind: K): readonly EntryOf<K>[] {
    return this.timeline.filter((entry): entry is EntryOf<K> => entry.kind === kind);
  }

  /** Processed messages, in the order in which their handlers ended. */
  get processed(): readonly EntryOf<"message">[] {
    return this.told("message");
  }

  /** The same, load by load; one in which nothing was processed is not there. */
  get loads(): readonly (readonly EntryOf<"message">[])[] {
    return [...Map.groupBy(this.processed, (entry) => entry.load).values()];
  }

  get status(): ShownStatus | undefined {
    return this.told("status").at(-1)?.status;
  }

  /** What `found` gives, now or after something was told; fails at the deadline. */
  until<T>(what: string, found: () => T | undefined, deadlineMs = defaultDeadlineMs): Promise<T> {
    const instead = () => `in ${this.page.url().slice(0, 80)}; last: ${JSON.stringify(this.timeline.slice(-5))}`;
    return this.#signal.until(found, { what, deadlineMs, instead });
  }

  /** Resolves once so many messages are processed, over all loads. */
  async has(count: number, deadlineMs?: number): Promise<void> {
    await this.until(`${count} messages`, () => (this.processed.length >= count ? true : undefined), deadlineMs);
  }

  /** Resolves once the present status is this one. */
  is(state: string, deadlineMs?: number): Promise<ShownStatus> {
    return this.until(state, () => (this.status?.state === state ? this.status : undefined), deadlineMs);
  }

  /** The ids of all connections that were established, in order. */
  get connections(): readonly string[] {
    return [...new Set(this.told("status").flatMap(({ status }) => status.connectionId ?? []))];
  }

  /** Resolves once so many connections were established. */
  async hasConnected(times: number, deadlineMs?: number): Promise<void> {
    await this.until(`connection ${times}`, () => (this.connections.length >= times ? true : undefined), deadlineMs);
  }

  /** The page's whole life stands still, or goes on: as the browser does it to a tab in the background (Page Lifecycle). */
  async freeze(): Promise<void> {
    await this.#devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  async thaw(): Promise<void> {
    await this.#devtools.send("Page.setWebLifecycleState", { state: "active" });
  }

  #take(place: number, entry: Entry): void {
    this.#timeline[place] = entry;
    this.#signal.tell();
  }
}
