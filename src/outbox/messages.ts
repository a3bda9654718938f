/** The table of what is held: plain access, with its totals kept in memory. The rules about it stand in `accepting.ts` and `ending.ts`. */
import { first, type Sql } from "./sql.ts";

/** A held message without its content. */
export interface Head {
  readonly seq: number;
  /** The sender's id; null where the server made it. */
  readonly id: string | null;
  readonly bytes: number;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly deliveredAt: number | null;
  readonly rejectReason: string | null;
  readonly requeuedFrom: number | null;
}

export interface Held extends Head {
  readonly topic: string | null;
  readonly type: string;
  readonly data: string | null;
  readonly traceparent: string | null;
}

const HEAD = `seq, id, bytes, accepted_at AS acceptedAt, expires_at AS expiresAt, delivered_at AS deliveredAt,
  reject_reason AS rejectReason, requeued_from AS requeuedFrom`;
const WHOLE = `${HEAD}, topic, type, data, traceparent`;

interface Totals {
  count: number;
  bytes: number;
  nextExpiry: number | null;
}

/**
 * Of messages in one statement, though one always fits. A value of the platform's SQLite has 2 MB at most, and content is
 * quoted once more on its way in, which can double it.
 */
const STATEMENT_MAX_BYTES = 256 * 1_024;
/** What a row takes beside its content: id, topic, and its numbers. */
const ROW_MAX_BYTES = 512;

export class Messages {
  readonly #sql: Sql;
  #totals: Totals | undefined;
  #highest: number;
  #rejected: number;
  readonly #unwritten: Held[] = [];

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#highest = first(sql.exec<{ seq: number | null }>(`SELECT MAX(seq) AS seq FROM messages`))?.seq ?? 0;
    this.#rejected = this.#countRejected();
  }

  get count(): number {
    return this.#known().count;
  }

  get bytes(): number {
    return this.#known().bytes;
  }

  /** No held message expires before this instant. */
  get nextExpiry(): number {
    return this.#known().nextExpiry ?? Number.POSITIVE_INFINITY;
  }

  /** No held message lies above; it may itself have ended. */
  get highest(): number {
    return this.#highest;
  }

  /** When the last one was accepted: the clock has been there. */
  get lastAcceptedAt(): number {
    return (
      first(this.#table.exec<{ at: number }>(`SELECT accepted_at AS at FROM messages ORDER BY seq DESC LIMIT 1`))?.at ??
      0
    );
  }

  get anyRejected(): boolean {
    return this.#rejected > 0;
  }

  /** Takes a message in. Its row is written with those of the others of its group, before anybody reads the table. */
  insert(m: Held): void {
    this.#add(m);
    this.#unwritten.push(m);
  }

  /** Writes what was taken in, many rows a statement: it costs half of what one each would. */
  write(): void {
    if (this.#unwritten.length === 0) return;
    let rows: (string | number | null)[][] = [];
    let bytes = 0;
    for (const m of this.#unwritten.splice(0)) {
      const size = m.bytes + ROW_MAX_BYTES;
      if (bytes + size > STATEMENT_MAX_BYTES) {
        this.#writeRows(rows);
        rows = [];
        bytes = 0;
      }
      const { seq, id, acceptedAt, expiresAt, requeuedFrom, topic, type, data, traceparent } = m;
      rows.push([seq, id, m.bytes, acceptedAt, expiresAt, requeuedFrom, topic, type, data, traceparent]);
      bytes += size;
    }
    this.#writeRows(rows);
  }

  #writeRows(rows: readonly (string | number | null)[][]): void {
    if (rows.length === 0) return;
    this.#sql.exec(
      `INSERT INTO messages (seq, id, bytes, accepted_at, expires_at, requeued_from, topic, type, data, traceparent)
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
         value ->> 8, value ->> 9
       FROM json_each(?)`,
      JSON.stringify(rows),
    );
  }

  /** The table as it is with all that was taken in. */
  get #table(): Sql {
    this.write();
    return this.#sql;
  }

  /** Takes the content of a dead letter over, without passing it through memory. */
  insertFromDeadLetter(m: Head, deadLetter: number): void {
    this.#add(m);
    this.#table.exec(
      `INSERT INTO messages (seq, id, bytes, accepted_at, expires_at, requeued_from, topic, type, data)
       SELECT ?, ?, bytes, ?, ?, seq, topic, type, data FROM dead_letters WHERE seq = ?`,
      m.seq,
      m.id,
      m.acceptedAt,
      m.expiresAt,
      deadLetter,
    );
  }

  /** Counts a message in; before its row is written, so that totals read from the table do not count it twice. */
  #add(m: Head): void {
    const totals = this.#known();
    totals.count += 1;
    totals.bytes += m.bytes;
    totals.nextExpiry = Math.min(totals.nextExpiry ?? Number.POSITIVE_INFINITY, m.expiresAt);
    this.#highest = m.seq;
  }

  remove(heads: readonly Head[]): void {
    if (heads.length === 0) return;
    const totals = this.#known();
    this.#table.exec(`DELETE FROM messages WHERE seq IN (SELECT value FROM json_each(?))`, seqsOf(heads));
    totals.count -= heads.length;
    for (const head of heads) {
      totals.bytes -= head.bytes;
      if (head.rejectReason !== null) this.#rejected -= 1;
    }
    // The next expiry stays as it is: a lower bound is enough, and `expired` finds the true one when its time comes.
    if (totals.count === 0) totals.nextExpiry = null;
  }

  get(seq: number): Held | undefined {
    return first(this.#table.exec<Held>(`SELECT ${WHOLE} FROM messages WHERE seq = ?`, seq));
  }

  /** Heads in `(after, through]`, in order. */
  heads(after: number, through: number): readonly Head[] {
    return this.#table.exec<Head>(
      `SELECT ${HEAD} FROM messages WHERE seq > ? AND seq <= ? ORDER BY seq`,
      after,
      through,
    );
  }

  /** Heads above `after` that are not over at `now`, in order, at most `limit`. */
  alive(after: number, limit: number, now: number): readonly Head[] {
    return this.#table.exec<Head>(
      `SELECT ${HEAD} FROM messages WHERE seq > ? AND expires_at > ? ORDER BY seq LIMIT ?`,
      after,
      now,
      limit,
    );
  }

  /** The whole of them, in order. */
  wholes(heads: readonly Head[]): readonly Held[] {
    if (heads.length === 0) return [];
    return this.#table.exec<Held>(
      `SELECT ${WHOLE} FROM messages WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq`,
      seqsOf(heads),
    );
  }

  /** Heads that are over at `now`, in order, at most `limit`. */
  expired(now: number, limit: number): readonly Head[] {
    if (this.nextExpiry > now) return [];
    const heads = this.#table.exec<Head>(
      `SELECT ${HEAD} FROM messages WHERE expires_at <= ? ORDER BY seq LIMIT ?`,
      now,
      limit,
    );
    if (heads.length === 0) this.#totals = undefined;
    return heads;
  }

  /** The held ones of a topic that lie above `after` or were rejected: one, and those that were requeued (D7). */
  ofTopic(topic: string, after: number, now: number): readonly Head[] {
    return this.#table.exec<Head>(
      `SELECT ${HEAD} FROM messages
       WHERE topic = ? AND (seq > ? OR reject_reason IS NOT NULL) AND expires_at > ? ORDER BY seq`,
      topic,
      after,
      now,
    );
  }

  /** How much lies above `after` or was rejected, and is not over: what is never dropped for room. */
  unacked(after: number, now: number): { readonly count: number; readonly bytes: number } {
    return (
      first(
        this.#table.exec<{ count: number; bytes: number }>(
          `SELECT COUNT(*) AS count, COALESCE(SUM(bytes), 0) AS bytes FROM (
             SELECT bytes FROM messages WHERE seq > ?1 AND expires_at > ?2
             UNION ALL
             SELECT bytes FROM messages WHERE reject_reason IS NOT NULL AND seq <= ?1 AND expires_at > ?2
           )`,
          after,
          now,
        ),
      ) ?? { count: 0, bytes: 0 }
    );
  }

  /** The oldest that lie at or below `through` and were not rejected, at most `limit`. */
  oldestDelivered(through: number, limit: number): readonly Head[] {
    return this.#table.exec<Head>(
      `SELECT ${HEAD} FROM messages WHERE seq <= ? AND reject_reason IS NULL ORDER BY seq LIMIT ?`,
      through,
      limit,
    );
  }

  /** What is held at `now`, above `after`. */
  summary(
    after: number,
    now: number,
  ): { readonly count: number; readonly bytes: number; readonly oldestAt: number | null } {
    return (
      first(
        this.#table.exec<{ count: number; bytes: number; oldestAt: number | null }>(
          `SELECT COUNT(*) AS count, COALESCE(SUM(bytes), 0) AS bytes, MIN(accepted_at) AS oldestAt FROM messages
           WHERE seq > ? AND expires_at > ?`,
          after,
          now,
        ),
      ) ?? { count: 0, bytes: 0, oldestAt: null }
    );
  }

  markDelivered(after: number, through: number, at: number): void {
    this.#table.exec(
      `UPDATE messages SET delivered_at = ?
       WHERE seq > ? AND seq <= ? AND delivered_at IS NULL AND reject_reason IS NULL`,
      at,
      after,
      through,
    );
  }

  markRejected(seq: number, reason: string): void {
    this.#table.exec(`UPDATE messages SET reject_reason = ? WHERE seq = ?`, reason, seq);
    this.#rejected = this.#countRejected();
  }

  /** Another connection has acked what one had rejected: it is delivered after all. */
  clearRejected(after: number, through: number, at: number): void {
    this.#table.exec(
      `UPDATE messages SET reject_reason = NULL, delivered_at = ?
       WHERE reject_reason IS NOT NULL AND seq > ? AND seq <= ? AND expires_at > ?`,
      at,
      after,
      through,
      at,
    );
    this.#rejected = this.#countRejected();
  }

  #countRejected(): number {
    return (
      first(this.#table.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM messages WHERE reject_reason IS NOT NULL`))?.n ??
      0
    );
  }

  #known(): Totals {
    this.#totals ??= first(
      this.#table.exec<Totals>(
        `SELECT COUNT(*) AS count, COALESCE(SUM(bytes), 0) AS bytes, MIN(expires_at) AS nextExpiry FROM messages`,
      ),
    );
    if (this.#totals === undefined) throw new Error("An aggregate yields a row.");
    return this.#totals;
  }
}

/** Their seqs as a JSON array, to bind as one parameter. */
export const seqsOf = (heads: readonly Head[]): string => JSON.stringify(heads.map((h) => h.seq));
