/** What is remembered of messages that are no longer held: their ids (S4) and how they ended (S10). */

import { LIMITS } from "../protocol/limits.ts";
import type { MessageEnd } from "../protocol/message.ts";
import { first, type Sql } from "./sql.ts";

/** How one message ended. */
export interface Ended {
  readonly seq: number;
  /** The sender's id; absent where the server made it. */
  readonly id: string | null;
  readonly end: MessageEnd;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly endedAt: number;
  readonly requeuedFrom: number | null;
}

/** As stored, one JSON array a line: [seq, id, end, accepted_at, expires_at, ended_at, requeued_from]. */
type Line = [number, string | null, MessageEnd, number, number, number, number | null];

/** Ends per journal row: one row written for as many messages, and a row stays within a few pages of the database. */
const BLOCK = 128;
const BLOCKS_MAX = Math.ceil(LIMITS.receiptsMin / BLOCK) + 1;

const toLine = (e: Ended): string =>
  `${JSON.stringify([e.seq, e.id, e.end, e.acceptedAt, e.expiresAt, e.endedAt, e.requeuedFrom] satisfies Line)}\n`;

const fromLine = (text: string): Ended => {
  const [seq, id, end, acceptedAt, expiresAt, endedAt, requeuedFrom] = JSON.parse(text) as Line;
  return { seq, id, end, acceptedAt, expiresAt, endedAt, requeuedFrom };
};

const fromBlock = (ends: string): readonly Ended[] => ends.trimEnd().split("\n").map(fromLine);

/**
 * Receipts map a sender's id to its seq; the journal, in blocks of lines, says how each seq ended. The journal is also the
 * order in which receipts are forgotten, so that neither needs an index.
 */
export class Receipts {
  readonly #sql: Sql;
  #last: { block: number; count: number; min: number; max: number } | undefined;
  /** When the oldest block was last entered; `undefined` = not read yet, `null` = there is none. */
  #oldestEnteredAt: number | null | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  find(id: string): { readonly seq: number; readonly digest: string } | undefined {
    return first(this.#sql.exec<{ seq: number; digest: string }>(`SELECT seq, digest FROM receipts WHERE id = ?`, id));
  }

  add(id: string, seq: number, digest: string): void {
    this.#sql.exec(`INSERT INTO receipts (id, seq, digest) VALUES (?, ?, ?)`, id, seq, digest);
  }

  /** Enters ends in the journal, in blocks. */
  enter(ended: readonly Ended[], now: number): void {
    let rest = ended;
    while (rest.length > 0) {
      const last = this.#lastBlock();
      const room = last === undefined || last.count >= BLOCK ? 0 : BLOCK - last.count;
      const part = rest.slice(0, room === 0 ? BLOCK : room);
      rest = rest.slice(part.length);
      this.#enterBlock(part, room === 0 ? undefined : last, now);
    }
  }

  /** How a message ended; undefined where it is not known (any more). */
  endOf(seq: number): Ended | undefined {
    const blocks = this.#sql.exec<{ ends: string }>(
      `SELECT ends FROM journal WHERE min_seq <= ? AND max_seq >= ? ORDER BY block DESC`,
      seq,
      seq,
    );
    for (const { ends } of blocks) {
      const found = fromBlock(ends).find((e) => e.seq === seq);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** When the last end was entered; 0 where none is known. */
  get lastEnteredAt(): number {
    return (
      first(this.#sql.exec<{ at: number }>(`SELECT entered_at AS at FROM journal ORDER BY block DESC LIMIT 1`))?.at ?? 0
    );
  }

  /** The instant at which the next block may be forgotten. */
  get dueAt(): number | undefined {
    if (this.#oldestEnteredAt === undefined) {
      this.#oldestEnteredAt =
        first(this.#sql.exec<{ at: number }>(`SELECT entered_at AS at FROM journal ORDER BY block LIMIT 1`))?.at ??
        null;
    }
    return this.#oldestEnteredAt === null ? undefined : this.#oldestEnteredAt + LIMITS.receiptTtlMs;
  }

  /** Forgets blocks that are over; at most `limit` of them, and says whether more are. */
  forgetDue(now: number, limit: number): boolean {
    if ((this.dueAt ?? Number.POSITIVE_INFINITY) > now) return false;
    const blocks = this.#sql.exec<{ block: number; ends: string }>(
      `SELECT block, ends FROM journal WHERE entered_at <= ? ORDER BY block LIMIT ?`,
      now - LIMITS.receiptTtlMs,
      limit,
    );
    for (const block of blocks) this.#forget(block.block, block.ends);
    return blocks.length === limit;
  }

  #lastBlock() {
    if (this.#last === undefined) {
      this.#last = first(
        this.#sql.exec<{ block: number; count: number; min: number; max: number }>(
          `SELECT block, count, min_seq AS min, max_seq AS max FROM journal ORDER BY block DESC LIMIT 1`,
        ),
      );
    }
    return this.#last;
  }

  #enterBlock(
    part: readonly Ended[],
    into: { block: number; count: number; min: number; max: number } | undefined,
    now: number,
  ) {
    const seqs = part.map((e) => e.seq);
    const min = Math.min(into?.min ?? Number.POSITIVE_INFINITY, ...seqs);
    const max = Math.max(into?.max ?? 0, ...seqs);
    const count = (into?.count ?? 0) + part.length;
    const ends = part.map(toLine).join("");
    if (into === undefined) {
      const block = (this.#last?.block ?? 0) + 1;
      this.#sql.exec(
        `INSERT INTO journal (block, min_seq, max_seq, count, entered_at, ends) VALUES (?, ?, ?, ?, ?, ?)`,
        block,
        min,
        max,
        count,
        now,
        ends,
      );
      this.#last = { block, count, min, max };
      this.#forgetBeyondMax(block);
    } else {
      this.#sql.exec(
        `UPDATE journal SET min_seq = ?, max_seq = ?, count = ?, entered_at = ?, ends = ends || ? WHERE block = ?`,
        min,
        max,
        count,
        now,
        ends,
        into.block,
      );
      this.#last = { block: into.block, count, min, max };
    }
    this.#oldestEnteredAt = undefined;
  }

  /** Blocks are numbered without holes and all but the last are full, so the number of ids follows from the numbers. */
  #forgetBeyondMax(newest: number): void {
    for (const block of this.#sql.exec<{ block: number; ends: string }>(
      `SELECT block, ends FROM journal WHERE block <= ?`,
      newest - BLOCKS_MAX,
    )) {
      this.#forget(block.block, block.ends);
    }
  }

  #forget(block: number, ends: string): void {
    // A message that was requeued, or sent again after its id was forgotten, may have taken the id over: `seq` tells.
    for (const e of fromBlock(ends)) {
      if (e.id !== null) this.#sql.exec(`DELETE FROM receipts WHERE id = ? AND seq = ?`, e.id, e.seq);
    }
    this.#sql.exec(`DELETE FROM journal WHERE block = ?`, block);
    if (this.#last?.block === block) this.#last = undefined;
    this.#oldestEnteredAt = undefined;
  }
}
