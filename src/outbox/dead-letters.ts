/** Messages that ended undelivered by no wish of their sender: kept with their reason, to look into and send again (D6, D7). */
import { bitOf } from "../protocol/attention.ts";
import { contentOf } from "../protocol/frames.ts";
import type { DeadLetter, DeadLetterSelector } from "../protocol/mailbox-api.ts";
import { DEAD_LETTER_REASONS, type DeadLetterReason, serverId } from "../protocol/message.ts";
import type { Head, Held } from "./pack-heads.ts";
import { pageOf } from "./reading.ts";
import { first, type Sql, type SqlValue } from "./sql.ts";
import { trailOf } from "./trail.ts";

interface Row {
  readonly seq: number;
  readonly id: string | null;
  readonly reason: DeadLetterReason;
  readonly reject_reason: string | null;
  readonly accepted_at: number;
  readonly ended_at: number;
  readonly requeued_from: number | null;
  readonly topic: string | null;
  readonly type: string;
  readonly data: string | null;
  /** Null where an older release has buried it. */
  readonly trail: string | null;
}

type Summary = readonly [count: number, oldestEndedAt: number, reasons: number];

/** An expression of SQL: the bit of each reason that there is. */
const REASONS = DEAD_LETTER_REASONS.map((reason) => `COALESCE(MAX(reason = '${reason}'), 0) * ${bitOf(reason)}`).join(
  " + ",
);

/** A dead letter without its content. */
export interface DeadLetterHead {
  readonly seq: number;
  readonly bytes: number;
  readonly ttlMs: number;
}

export interface DeadLetterContent {
  readonly topic: string | null;
  readonly append: boolean;
  readonly type: string;
  readonly data: string | null;
}

const fromRow = (r: Row): DeadLetter => ({
  seq: r.seq,
  id: r.id ?? serverId(r.seq),
  type: r.type,
  ...(r.data === null ? {} : { data: r.data }),
  ...(r.topic === null ? {} : { topic: r.topic }),
  reason: r.reason,
  ...(r.reject_reason === null ? {} : { rejectReason: r.reject_reason }),
  acceptedAt: r.accepted_at,
  endedAt: r.ended_at,
  ...(r.requeued_from === null ? {} : { requeuedFrom: r.requeued_from }),
  trail: r.trail ?? shortTrail(r),
});

/** What its own row tells. */
const shortTrail = (r: Row): string => {
  const { seq, accepted_at: acceptedAt, ended_at: at, requeued_from: requeuedFrom, reject_reason: rejectReason } = r;
  const traced = { seq, acceptedAt, expiresAt: at, requeuedFrom, rejectReason, escalatedAt: null };
  return trailOf(traced, [], { reason: r.reason, at });
};

export class DeadLetters {
  /** An expression of SQL that yields what the constructor takes. */
  static readonly STORED = `(SELECT json_array(COUNT(*), COALESCE(MIN(ended_at), 0), ${REASONS}) FROM dead_letters)`;

  readonly #sql: Sql;
  readonly #max: number;
  readonly #ttlMs: number;
  #count: number;
  #oldestEndedAt: number;
  #reasons: number;

  constructor(
    sql: Sql,
    settings: { readonly deadLettersMax: number; readonly deadLetterTtlMs: number },
    [count, oldestEndedAt, reasons]: Summary,
  ) {
    this.#sql = sql;
    this.#max = settings.deadLettersMax;
    this.#ttlMs = settings.deadLetterTtlMs;
    this.#count = count;
    this.#oldestEndedAt = oldestEndedAt;
    this.#reasons = reasons;
  }

  /** Which reasons there are, as bits (N4). */
  get reasons(): number {
    return this.#reasons;
  }

  /** Takes messages over from the outbox, each with its trail (N3), in the transaction that ends them. */
  bury(
    messages: Iterable<Held>,
    reason: DeadLetterReason,
    endedAt: number | null,
    trail: (head: Head, endedAt: number) => string,
  ): void {
    for (const { head, entry } of messages) {
      const { type, data } = contentOf(entry);
      this.#sql.exec(
        `INSERT INTO dead_letters (seq, id, reason, reject_reason, bytes, accepted_at, expires_at, ended_at, requeued_from, topic, append, type, data, trail)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[head.seq, head.id, reason, head.rejectReason, head.bytes, head.acceptedAt, head.expiresAt],
        ...[endedAt ?? head.expiresAt, head.requeuedFrom, head.topic, head.appendType === null ? 0 : 1],
        ...[type, data ?? null, trail(head, endedAt ?? head.expiresAt)],
      );
    }
    this.#summarize();
    if (this.#count <= this.#max) return;
    this.#sql.exec(
      `DELETE FROM dead_letters WHERE seq IN (SELECT seq FROM dead_letters ORDER BY ended_at, seq LIMIT ?)`,
      this.#count - this.#max,
    );
    this.#summarize();
  }

  count(now: number): number {
    if (this.#count === 0 || this.#oldestEndedAt + this.#ttlMs > now) return this.#count;
    return (
      first(
        this.#sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM dead_letters WHERE ended_at > ?`, now - this.#ttlMs),
      )?.n ?? 0
    );
  }

  /** In order of seq, above `after`; without their contents, which may be more than fits into memory. */
  heads(now: number, after: number, selector: DeadLetterSelector): readonly DeadLetterHead[] {
    const [where, ...bindings] = matching(selector);
    return this.#sql.exec<DeadLetterHead>(
      `SELECT seq, bytes, expires_at - accepted_at AS ttlMs FROM dead_letters
       WHERE seq > ? AND ended_at > ? AND ${where} ORDER BY seq`,
      after,
      now - this.#ttlMs,
      ...bindings,
    );
  }

  /** What is to be sent again of one. */
  content(seq: number): DeadLetterContent {
    const row = first(
      this.#sql.exec<{ topic: string | null; append: number; type: string; data: string | null }>(
        `SELECT topic, append, type, data FROM dead_letters WHERE seq = ?`,
        seq,
      ),
    );
    if (row === undefined) throw new Error("Only dead letters that were listed are read.");
    return { ...row, append: row.append === 1 };
  }

  /** The whole of those above `after`, in order, as many as a page takes; `more` where there are others. */
  page(after: number, limit: number, selector: DeadLetterSelector, now: number) {
    const heads = this.heads(now, after, selector);
    const page = pageOf(heads, limit);
    const letters = this.#sql.exec<Row>(
      `SELECT * FROM dead_letters WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq`,
      JSON.stringify(page.map((head) => head.seq)),
    );
    return { letters: letters.map(fromRow), more: page.length < heads.length };
  }

  /** How many went. */
  discard(selector: DeadLetterSelector, now: number, limit?: number): number {
    const heads = this.heads(now, 0, selector).slice(0, limit);
    this.remove(heads.map((head) => head.seq));
    return heads.length;
  }

  remove(seqs: readonly number[]): void {
    if (seqs.length === 0) return;
    this.#sql.exec(`DELETE FROM dead_letters WHERE seq IN (SELECT value FROM json_each(?))`, JSON.stringify(seqs));
    this.#summarize();
  }

  /** The instant at which the oldest may be forgotten. */
  get dueAt(): number | undefined {
    return this.#count === 0 ? undefined : this.#oldestEndedAt + this.#ttlMs;
  }

  forgetDue(now: number): void {
    if ((this.dueAt ?? Number.POSITIVE_INFINITY) > now) return;
    this.#sql.exec(`DELETE FROM dead_letters WHERE ended_at <= ?`, now - this.#ttlMs);
    this.#summarize();
  }

  #summarize(): void {
    const row = first(this.#sql.exec<{ stored: string }>(`SELECT ${DeadLetters.STORED} AS stored`));
    [this.#count, this.#oldestEndedAt, this.#reasons] = JSON.parse(row?.stored ?? "[0,0,0]") as Summary;
  }
}

const matching = (selector: DeadLetterSelector): readonly [where: string, ...bindings: SqlValue[]] => {
  if ("seq" in selector) return ["seq = ?", selector.seq];
  if ("reason" in selector) return ["reason = ?", selector.reason];
  if ("range" in selector) {
    const { reason, since = 0, until } = selector.range;
    const [where, ...bindings] = reason === undefined ? ["1 = 1"] : ["reason = ?", reason];
    return [`${where} AND ended_at >= ? AND ended_at <= ?`, ...bindings, since, until];
  }
  return ["1 = 1"];
};
