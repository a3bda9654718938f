/**
 * Webhooks on their way, durable: a row each, written in the transaction in which its event happens, deleted once a receiver has
 * said that it has it. So none is lost; one may come twice, and then with the same id.
 */
import type { Sql } from "../outbox/sql.ts";
import type { WebhookEntry } from "../protocol/mailbox-api.ts";
import { nextAttemptAt } from "./schedule.ts";

/** Released: it never changes (O2). */
export const WEBHOOKS_TABLE = `CREATE TABLE webhooks (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  event TEXT NOT NULL,
  seq INTEGER NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER,
  attempted_at INTEGER,
  fault TEXT
)`;

/** Something that a receiver is to be told. */
export interface Webhook {
  /** `webhook-id`: the same over all attempts, and the same should its event ever be told of twice. No dots (the signature's own mark). */
  readonly id: string;
  /** Such as `message.expired`. */
  readonly event: string;
  /** What it is about, for who looks for it: of a message, its seq. */
  readonly seq: number;
  /** JSON text: what is signed and sent. */
  readonly body: string;
}

/** One that is due. */
export interface Delivery extends Webhook {
  readonly n: number;
  readonly attempts: number;
}

/** How an attempt went. `isFinal`: the receiver wants no more of it (410). */
export type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly fault: string; readonly isFinal?: true; readonly notBeforeMs?: number };

interface Row {
  readonly id: string;
  readonly event: string;
  readonly seq: number;
  readonly created_at: number;
  readonly attempts: number;
  readonly next_at: number | null;
  readonly attempted_at: number | null;
  readonly fault: string | null;
}

/** Those that were given up are kept as dead letters are: so many, the oldest give way, and for so long. */
const FAILED_MAX = 1_000;
const FAILED_TTL_DAYS = 30;
const FAILED_TTL_MS = FAILED_TTL_DAYS * 86_400_000;

type Noted = "taken" | "failed" | "given_up";

type Summary = readonly [nextAt: number | null, failed: number, oldestFailedAt: number | null];

export class WebhookQueue {
  /** An expression of SQL that yields what the constructor takes, as JSON. */
  static readonly STORED = `(SELECT json_array(MIN(next_at), COUNT(*) - COUNT(next_at),
    MIN(CASE WHEN next_at IS NULL THEN attempted_at END)) FROM webhooks)`;

  readonly #sql: Sql;
  readonly #note: (what: Noted) => void;
  #nextAt: number | null;
  #failed: number;
  #oldestFailedAt: number | null;

  /** `note` is told of each attempt's end, and of each that is tried no more. */
  constructor(sql: Sql, [nextAt, failed, oldestFailedAt]: Summary, note: (what: Noted) => void = () => {}) {
    this.#sql = sql;
    this.#note = note;
    this.#nextAt = nextAt;
    this.#failed = failed;
    this.#oldestFailedAt = oldestFailedAt;
  }

  /** To be sent at once; in the transaction of what it tells of. */
  add({ id, event, seq, body }: Webhook, now: number): void {
    this.#sql.exec(
      `INSERT INTO webhooks (id, event, seq, body, created_at, attempts, next_at) VALUES (?, ?, ?, ?, ?, 0, ?)`,
      ...[id, event, seq, body, now, now],
    );
    this.#nextAt = this.#nextAt === null ? now : Math.min(this.#nextAt, now);
  }

  /** When the next attempt is due; undefined where none is. */
  get dueAt(): number | undefined {
    return this.#nextAt ?? undefined;
  }

  /** How many were given up, and are still known. */
  get failed(): number {
    return this.#failed;
  }

  /** Those that are due, the longest due first, but for those that are under way. */
  due(now: number, limit: number, underWay: ReadonlySet<number>): readonly Delivery[] {
    if ((this.#nextAt ?? Number.POSITIVE_INFINITY) > now) return [];
    return this.#sql.exec<Delivery>(
      `SELECT n, id, event, seq, body, attempts FROM webhooks
       WHERE next_at <= ? AND n NOT IN (SELECT value FROM json_each(?)) ORDER BY next_at, n LIMIT ?`,
      now,
      JSON.stringify([...underWay]),
      limit,
    );
  }

  /** How an attempt went: it is done, is tried again, or is given up. Nothing happens to one that is gone meanwhile. */
  record({ n, id, attempts }: Delivery, outcome: Outcome, now: number, random: number): void {
    // By its id, too: where it was thrown away meanwhile, another may have its number.
    if (outcome.ok) this.#sql.exec(`DELETE FROM webhooks WHERE n = ? AND id = ?`, n, id);
    else {
      const next = outcome.isFinal ? undefined : nextAttemptAt(attempts + 1, now, random, outcome.notBeforeMs);
      this.#sql.exec(
        `UPDATE webhooks SET attempts = ?, next_at = ?, attempted_at = ?, fault = ? WHERE n = ? AND id = ?`,
        ...[attempts + 1, next ?? null, now, outcome.fault, n, id],
      );
      if (next === undefined) this.#note("given_up");
    }
    this.#note(outcome.ok ? "taken" : "failed");
    this.#summarize();
    if (this.#failed <= FAILED_MAX) return;
    this.#sql.exec(
      `DELETE FROM webhooks WHERE n IN (SELECT n FROM webhooks WHERE next_at IS NULL ORDER BY attempted_at, n LIMIT ?)`,
      this.#failed - FAILED_MAX,
    );
    this.#summarize();
  }

  /** In the order of their events, above `after`. */
  list(after: number, limit: number): readonly (WebhookEntry & { readonly n: number })[] {
    return this.#sql
      .exec<Row & { readonly n: number }>(
        `SELECT n, id, event, seq, created_at, attempts, next_at, attempted_at, fault FROM webhooks WHERE n > ? ORDER BY n LIMIT ?`,
        after,
        limit,
      )
      .map((r) => ({
        n: r.n,
        id: r.id,
        event: r.event,
        seq: r.seq,
        createdAt: r.created_at,
        attempts: r.attempts,
        ...(r.next_at === null ? {} : { nextAt: r.next_at }),
        ...(r.attempted_at === null ? {} : { attemptedAt: r.attempted_at }),
        ...(r.fault === null ? {} : { fault: r.fault }),
      }));
  }

  /** Begins anew with those that were given up; gives back how many. */
  retryFailed(now: number): number {
    const { length } = this.#sql.exec(
      `UPDATE webhooks SET attempts = 0, next_at = ? WHERE next_at IS NULL RETURNING n`,
      now,
    );
    this.#summarize();
    return length;
  }

  /** Throws away those that were given up; gives back how many. */
  discardFailed(): number {
    const { length } = this.#sql.exec(`DELETE FROM webhooks WHERE next_at IS NULL RETURNING n`);
    this.#summarize();
    return length;
  }

  /** The instant at which the oldest that was given up may be forgotten. */
  get forgetAt(): number | undefined {
    return this.#oldestFailedAt === null ? undefined : this.#oldestFailedAt + FAILED_TTL_MS;
  }

  forgetDue(now: number): void {
    if ((this.forgetAt ?? Number.POSITIVE_INFINITY) > now) return;
    this.#sql.exec(`DELETE FROM webhooks WHERE next_at IS NULL AND attempted_at <= ?`, now - FAILED_TTL_MS);
    this.#summarize();
  }

  #summarize(): void {
    const [row] = this.#sql.exec<{ stored: string }>(`SELECT ${WebhookQueue.STORED} AS stored`);
    [this.#nextAt, this.#failed, this.#oldestFailedAt] = JSON.parse(row?.stored ?? "[null,0,null]") as Summary;
  }
}
