/** How messages ended (S10), in blocks: one row is written for many ends. */
import { LIMITS } from "../protocol/limits.ts";
import type { MessageEnd } from "../protocol/message.ts";
import { idHash } from "./id-hash.ts";
import { first, type Sql } from "./sql.ts";

/** How one message ended. */
export interface Ended {
  readonly seq: number;
  /** The sender's id; null where the server made it. */
  readonly id: string | null;
  readonly digest: string | null;
  readonly end: MessageEnd;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly endedAt: number;
  readonly requeuedFrom: number | null;
}

/** As stored, one JSON array a line: [seq, id, end, accepted_at, expires_at, ended_at, requeued_from, digest]. */
type Line = [number, string | null, MessageEnd, number, number, number, number | null, string | null];

/** Ends per row: one row written for as many messages, and a row stays within a few pages of the database. */
const BLOCK = 128;
/** Some 500 ids: forgetting them takes a few milliseconds. */
const FORGOTTEN_AT_ONCE = 8;
const BLOCKS_MAX = Math.ceil(LIMITS.receiptsMin / BLOCK) + 1;

interface Block {
  readonly block: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
}

export class Journal {
  /** An expression of SQL that yields what the constructor takes: the last block, and when the first was entered. */
  static readonly STORED =
    `(SELECT json_array(last.block, last.count, last.min_seq, last.max_seq, last.entered_at, first.entered_at)
    FROM (SELECT * FROM journal ORDER BY block DESC LIMIT 1) AS last, (SELECT * FROM journal ORDER BY block LIMIT 1) AS first)`;

  readonly #sql: Sql;
  #last: Block | undefined;
  #lastEnteredAt = 0;
  /** When the oldest block was last entered; `undefined` = not read yet, `null` = there is none. */
  #oldestEnteredAt: number | null | undefined = null;
  /** Ends that are still to be entered, with the next that are. */
  readonly #deferred = new Map<number, Ended>();
  #forgotten: readonly number[] = [];

  constructor(sql: Sql, stored: readonly number[] | null) {
    this.#sql = sql;
    if (stored === null) return;
    const [block, count, min, max, lastEnteredAt, oldestEnteredAt] = stored as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    this.#last = { block, count, min, max };
    this.#lastEnteredAt = lastEnteredAt;
    this.#oldestEnteredAt = oldestEnteredAt;
  }

  /** Enters ends, in blocks. */
  enter(ended: readonly Ended[], now: number): void {
    let rest = this.#deferred.size === 0 ? ended : [...this.#deferred.values(), ...ended];
    this.#deferred.clear();
    while (rest.length > 0) {
      const last = this.#last;
      const room = last === undefined || last.count >= BLOCK ? 0 : BLOCK - last.count;
      const part = rest.slice(0, room === 0 ? BLOCK : room);
      rest = rest.slice(part.length);
      this.#enterBlock(part, room === 0 ? undefined : last, now);
    }
  }

  /** Enters an end with the next ones; until then it is known, but would not outlive the object. */
  defer(ended: Ended): void {
    this.#deferred.set(ended.seq, ended);
  }

  get deferred(): number {
    return this.#deferred.size;
  }

  /** How a message ended; undefined where it is not known (any more). */
  endOf(seq: number): Ended | undefined {
    const deferred = this.#deferred.get(seq);
    if (deferred !== undefined) return deferred;
    const blocks = this.#sql.exec<{ ends: string }>(
      `SELECT ends FROM journal WHERE min_seq <= ? AND max_seq >= ? ORDER BY block DESC`,
      seq,
      seq,
    );
    for (const { ends } of blocks) {
      const found = endsOf(ends).find((e) => e.seq === seq);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** When the last end was entered; 0 where none is known. */
  get lastEnteredAt(): number {
    return this.#lastEnteredAt;
  }

  /** The instant at which the next block may be forgotten. */
  get dueAt(): number | undefined {
    if (this.#oldestEnteredAt === undefined) {
      const oldest = this.#sql.exec<{ at: number }>(`SELECT entered_at AS at FROM journal ORDER BY block LIMIT 1`);
      this.#oldestEnteredAt = first(oldest)?.at ?? null;
    }
    return this.#oldestEnteredAt === null ? undefined : this.#oldestEnteredAt + LIMITS.receiptTtlMs;
  }

  /** Forgets a step of blocks that are over, and says whether more are. */
  forgetDue(now: number): boolean {
    if ((this.dueAt ?? Number.POSITIVE_INFINITY) > now) return false;
    const due = first(
      this.#sql.exec<{ block: number | null; n: number }>(
        `SELECT MAX(block) AS block, COUNT(*) AS n FROM (SELECT block FROM journal WHERE entered_at <= ? ORDER BY block LIMIT ?)`,
        now - LIMITS.receiptTtlMs,
        FORGOTTEN_AT_ONCE,
      ),
    );
    if (due?.block != null) this.#forgetThrough(due.block);
    return due?.n === FORGOTTEN_AT_ONCE;
  }

  /** Hash and seq, in turn, of the ends that have an id of their sender's; a list for each block. */
  ids(): readonly (readonly number[])[] {
    return this.#sql.exec<{ ids: string }>(`SELECT ids FROM journal WHERE ids <> '' ORDER BY block`).map(idsOf);
  }

  /** The same of the ends that were forgotten since this was last asked. */
  takeForgotten(): readonly number[] {
    const forgotten = this.#forgotten;
    this.#forgotten = [];
    return forgotten;
  }

  #enterBlock(part: readonly Ended[], into: Block | undefined, now: number): void {
    let [min, max] = [into?.min ?? Number.POSITIVE_INFINITY, into?.max ?? 0];
    let [ids, ends] = ["", ""];
    for (const e of part) {
      if (e.seq < min) min = e.seq;
      if (e.seq > max) max = e.seq;
      if (e.id !== null) ids += `,${idHash(e.id)},${e.seq}`;
      ends += `${JSON.stringify([e.seq, e.id, e.end, e.acceptedAt, e.expiresAt, e.endedAt, e.requeuedFrom, e.digest] satisfies Line)}\n`;
    }
    const count = (into?.count ?? 0) + part.length;
    const block = into?.block ?? (this.#last?.block ?? 0) + 1;
    this.#sql.exec(
      `INSERT INTO journal (block, min_seq, max_seq, count, entered_at, ids, ends) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (block) DO UPDATE SET min_seq = excluded.min_seq, max_seq = excluded.max_seq, count = excluded.count,
         entered_at = excluded.entered_at, ids = ids || excluded.ids, ends = ends || excluded.ends`,
      ...[block, min, max, count, now, ids, ends],
    );
    this.#last = { block, count, min, max };
    this.#lastEnteredAt = now;
    this.#oldestEnteredAt = undefined;
    // Blocks are numbered without holes and all but the last are full, so the number of ends follows from the numbers.
    if (into === undefined) this.#forgetThrough(block - BLOCKS_MAX);
  }

  #forgetThrough(block: number): void {
    const gone = this.#sql.exec<{ ids: string }>(`DELETE FROM journal WHERE block <= ? RETURNING ids`, block);
    for (const row of gone) this.#forgotten = this.#forgotten.concat(idsOf(row));
    if ((this.#last?.block ?? 0) <= block) this.#last = undefined;
    this.#oldestEnteredAt = undefined;
  }
}

const idsOf = ({ ids }: { readonly ids: string }): readonly number[] => JSON.parse(`[${ids.slice(1)}]`);

const endsOf = (ends: string): readonly Ended[] =>
  ends
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [seq, id, end, acceptedAt, expiresAt, endedAt, requeuedFrom, digest] = JSON.parse(line) as Line;
      return { seq, id, end, acceptedAt, expiresAt, endedAt, requeuedFrom, digest };
    });
