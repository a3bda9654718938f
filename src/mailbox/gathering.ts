/**
 * What a Mailbox has measured and not handed over yet (M1).
 *
 * It costs no row: it rests in memory, and, for a Mailbox that may sleep, in the attachment of one of its sockets. It is handed over at the
 * first event 10 s or more after the last report, when the last socket closes, and with a webhook's attempt where none is open. Where a crash takes the memory these counts are
 * lost; none is ever counted twice, since what is handed over is forgotten first.
 */
import { type Pairs, Tally } from "../measures/tally.ts";

/** As it stands in an attachment. */
export interface Gathered {
  /** The last report, in Unix milliseconds; 0 = none. */
  readonly reportedAt: number;
  readonly pairs: Pairs;
}

/** Of the Mailbox's sockets, what this needs to know (`sockets.ts`). */
export interface OpenSockets {
  readonly count: number;
  has(connection: string): boolean;
  any(): string | undefined;
  keepGathered(connection: string, gathered: Gathered | undefined): void;
}

const REPORT_EVERY_MS = 10_000;
/** An attachment has 16 kB, of which a full window mostly takes a third; what does not fit beside it rests in memory alone. */
const ATTACHED_MAX_PAIRS = 400;

export class Gathering {
  readonly #sockets: OpenSockets;
  readonly #handOver: (pairs: Pairs) => void;
  readonly #tally = new Tally();
  #reportedAt = 0;
  /** The connection whose socket keeps what is gathered. One alone: else it could be counted twice. */
  #keeper: string | undefined;
  #isKept = true;
  #isRestored = false;
  #hadSockets = false;

  constructor(sockets: OpenSockets, handOver: (pairs: Pairs) => void) {
    this.#sockets = sockets;
    this.#handOver = handOver;
  }

  /** The object has woken: what it gathered before is found again. Once: afterwards memory is what holds. */
  restore(attachments: readonly { readonly id: string; readonly gathered?: Gathered }[]): void {
    if (this.#isRestored) return;
    this.#isRestored = true;
    this.#hadSockets = attachments.length > 0;
    for (const { id, gathered } of attachments) {
      if (gathered === undefined) continue;
      this.#keeper = id;
      this.#reportedAt = Math.max(this.#reportedAt, gathered.reportedAt);
      this.#tally.add(gathered.pairs);
    }
  }

  add(pairs: Pairs): void {
    if (pairs.length === 0) return;
    this.#tally.add(pairs);
    this.#isKept = false;
  }

  /** What the attachment of a connection has of it. */
  of(connection: string): Gathered | undefined {
    if (connection !== this.#keeper) return undefined;
    this.#isKept = true;
    const fits = this.#tally.size <= ATTACHED_MAX_PAIRS;
    return { reportedAt: this.#reportedAt, pairs: fits ? this.#tally.pairs() : [] };
  }

  /** How an attempt went is, of a user who is away, often the last thing that happens for hours: it must not wait for another. */
  get #hasWebhooks(): boolean {
    return this.#tally.count("webhooks_taken") + this.#tally.count("webhooks_failed") > 0;
  }

  /** The last step of a turn, when its sockets are as they will be. */
  endTurn(now: number): void {
    const isOpen = this.#sockets.count > 0;
    const isLeft = this.#hadSockets && !isOpen;
    this.#hadSockets = isOpen;
    const isLast = isLeft || (!isOpen && this.#hasWebhooks);
    if (this.#tally.size > 0 && (isLast || now - this.#reportedAt >= REPORT_EVERY_MS)) {
      this.#reportedAt = now;
      this.#isKept = false;
      this.#handOver(this.#tally.take());
    }
    if (this.#keeper !== undefined && !this.#sockets.has(this.#keeper)) {
      this.#keeper = undefined;
      this.#isKept = false;
    }
    if (this.#isKept || !isOpen) return;
    this.#keeper ??= this.#sockets.any();
    if (this.#keeper !== undefined) this.#sockets.keepGathered(this.#keeper, this.of(this.#keeper));
  }
}
