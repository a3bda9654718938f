/**
 * What was received and is not processed yet, in order, one entry at a time (D3, C6).
 *
 * It outlives connections: an entry whose handler runs, or waits for its turn, is not handed over again when a new
 * connection brings it once more.
 */
import { InboxError } from "./inbox-error.ts";
import type { Gap, Message } from "./message.ts";

/** An entry whose handler throws is tried so many times in all. */
const TRIES = 3;
/** Before the second try; four times that before the third. */
const RETRY_MS = 250;
/** Ids that are remembered, so that a message sent twice under one id is processed once (D3). */
const IDS_REMEMBERED = 1_000;

export type Entry =
  | { readonly kind: "message"; readonly seq: number; readonly message: Message }
  | { readonly kind: "gap"; readonly seq: number; readonly gap: Gap };

interface ProcessingPlan {
  readonly handle: (entry: Entry) => unknown;
  /** More is processed; `isIdle`: nothing else waits. */
  readonly processed: (isIdle: boolean) => void;
  /** An entry could not be processed; it counts as processed in a moment. `error.seq` is a message's; a gap has none. */
  readonly failed: (error: InboxError, entry: Entry) => void;
}

export class Processing {
  readonly #plan: ProcessingPlan;
  readonly #ids = new Set<string>();
  /** The first is being processed. */
  #queue: Entry[] = [];
  #running = false;
  /** The last seq that was queued. */
  #queued = -1;
  #processed = -1;
  /** Counts users: a handler that ends after its user was forgotten says nothing any more. */
  #life = 0;

  constructor(plan: ProcessingPlan) {
    this.#plan = plan;
  }

  /** The last seq that is processed; undefined before the first connection. */
  get processed(): number | undefined {
    return this.#processed < 0 ? undefined : this.#processed;
  }

  /** A connection starts at `cursor`. What lies between what came and there went to others of the device, and is gone for this one. */
  startAt(cursor: number): void {
    if (this.#queued < 0) this.#queued = this.#processed = cursor;
    // A loss is never a silence (C4).
    else this.take([{ kind: "gap", seq: cursor, gap: { seq: cursor, reasons: {} } }]);
  }

  /** Takes entries in; those it has had already fall away. */
  take(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.seq <= this.#queued) continue;
      this.#queued = entry.seq;
      this.#queue.push(entry);
    }
    if (!this.#running && this.#queue.length > 0) void this.#run();
  }

  /** Drops what waits for its turn. What runs may end, and is not handed over again. */
  dropWaiting(): void {
    this.#queue.length = this.#running ? 1 : 0;
    this.#queued = this.#queue[0]?.seq ?? this.#processed;
  }

  /** Everything was another user's. */
  forgetUser(): void {
    this.#life += 1;
    this.#running = false;
    this.#queue = [];
    this.#queued = -1;
    this.#processed = -1;
    this.#ids.clear();
  }

  async #run(): Promise<void> {
    const life = this.#life;
    this.#running = true;
    for (let entry = this.#queue[0]; entry !== undefined; entry = this.#queue[0]) {
      const error = await this.#handle(entry, life);
      if (life !== this.#life) return;
      this.#queue.shift();
      this.#processed = entry.seq;
      if (error !== undefined) this.#plan.failed(error, entry);
      this.#plan.processed(this.#queue.length === 0);
    }
    this.#running = false;
  }

  async #handle(entry: Entry, life: number): Promise<InboxError | undefined> {
    if (entry.kind === "message" && this.#ids.has(entry.message.id)) return undefined;
    for (let tried = 1; ; tried += 1) {
      try {
        // One that is done at once costs no turn of the event loop for each message.
        const handling = this.#plan.handle(entry) as { readonly then?: unknown } | null | undefined;
        if (handling?.then !== undefined) await handling;
        break;
      } catch (cause) {
        if (tried === TRIES) {
          // An error's text is its name and its message.
          const words = `Failed ${TRIES} times: ${cause}`;
          return new InboxError("handler_failed", words, entry.kind === "gap" ? { cause } : { cause, seq: entry.seq });
        }
        await pause(RETRY_MS * 4 ** (tried - 1) * (0.5 + Math.random()));
        if (life !== this.#life) return undefined;
      }
    }
    // Another user's messages may have the same ids.
    if (entry.kind === "message" && life === this.#life) this.#remember(entry.message.id);
    return undefined;
  }

  #remember(id: string): void {
    this.#ids.add(id);
    const [oldest = id] = this.#ids.size > IDS_REMEMBERED ? this.#ids : [];
    if (oldest !== id) this.#ids.delete(oldest);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
