/** Where messages ended without a device that they were meant for: what a `gap` is made of (C4). */
import type { LossCounts } from "../protocol/frames.ts";
import type { Device } from "./devices.ts";
import { first, type Sql } from "./sql.ts";

export type LossReason = keyof LossCounts;

/** One or several neighbouring losses with no held message between them; its place in the order is `seq`, its last. */
export interface Loss extends LossCounts {
  readonly seq: number;
  readonly firstSeq: number;
  /** The first instant at which the last of them was no longer there. */
  readonly lostAt: number;
}

interface Row {
  readonly seq: number;
  readonly first_seq: number;
  readonly lost_at: number;
  readonly expired: number;
  readonly overtaken: number;
  readonly undeliverable: number;
}

const fromRow = (r: Row): Loss => ({
  seq: r.seq,
  firstSeq: r.first_seq,
  lostAt: r.lost_at,
  expired: r.expired,
  overtaken: r.overtaken,
  undeliverable: r.undeliverable,
});

/** Above so many rows neighbours are merged: a user who stays away for a year must not cost a row for each message. */
const ROWS_MAX = 1_000;

export class Losses {
  readonly #sql: Sql;
  #rows: number;
  #compactAbove = ROWS_MAX;
  #highest: number;

  constructor(sql: Sql) {
    this.#sql = sql;
    const known = first(
      sql.exec<{ rows: number; highest: number }>(
        `SELECT COUNT(*) AS rows, COALESCE(MAX(seq), 0) AS highest FROM losses`,
      ),
    );
    this.#rows = known?.rows ?? 0;
    this.#highest = known?.highest ?? 0;
  }

  /** The place of the last loss; 0 where there never was one. */
  get highest(): number {
    return this.#highest;
  }

  get count(): number {
    return this.#rows;
  }

  /** Losses in `(after, through]`, in order. */
  between(after: number, through: number): readonly Loss[] {
    if (this.#rows === 0 || after >= this.#highest) return [];
    return this.#sql
      .exec<Row>(`SELECT * FROM losses WHERE seq > ? AND seq <= ? ORDER BY seq`, after, through)
      .map(fromRow);
  }

  add(seq: number, reason: LossReason, lostAt: number): void {
    const one = (r: LossReason) => (r === reason ? 1 : 0);
    this.#insert({
      seq,
      firstSeq: seq,
      lostAt,
      expired: one("expired"),
      overtaken: one("overtaken"),
      undeliverable: one("undeliverable"),
    });
    this.#rows += 1;
    this.#highest = Math.max(this.#highest, seq);
  }

  /** Forgets what every device has passed. */
  forgetThrough(seq: number): void {
    if (this.#rows === 0) return;
    this.#sql.exec(`DELETE FROM losses WHERE seq <= ?`, seq);
    this.#rows = first(this.#sql.exec<{ rows: number }>(`SELECT COUNT(*) AS rows FROM losses`))?.rows ?? 0;
  }

  /**
   * Merges neighbours, once there are many. Two become one only where nobody could tell: no held message and no device's
   * cursor lies between them, and each device counts both or neither.
   */
  compactIfMany(devices: readonly Device[]): void {
    if (this.#rows <= this.#compactAbove) return;
    const held = this.#sql.exec<{ seq: number }>(`SELECT seq FROM messages ORDER BY seq`).map((r) => r.seq);
    let heldAt = 0;
    let last: Loss | undefined;
    for (const next of this.#sql.exec<Row>(`SELECT * FROM losses ORDER BY seq`).map(fromRow)) {
      while (heldAt < held.length && (held[heldAt] as number) < (last?.seq ?? 0)) heldAt += 1;
      const heldBetween = heldAt < held.length && (held[heldAt] as number) < next.firstSeq;
      const before: Loss | undefined = last;
      const toldApart =
        before === undefined ||
        heldBetween ||
        devices.some(
          (d) =>
            (d.cursor >= before.firstSeq && d.cursor < next.seq) ||
            before.lostAt > d.cleanFrom !== next.lostAt > d.cleanFrom,
        );
      if (before === undefined || toldApart) {
        last = next;
        continue;
      }
      last = {
        seq: next.seq,
        firstSeq: before.firstSeq,
        lostAt: Math.max(before.lostAt, next.lostAt),
        expired: before.expired + next.expired,
        overtaken: before.overtaken + next.overtaken,
        undeliverable: before.undeliverable + next.undeliverable,
      };
      this.#sql.exec(`DELETE FROM losses WHERE seq IN (?, ?)`, before.seq, next.seq);
      this.#insert(last);
      this.#rows -= 1;
    }
    this.#compactAbove = Math.max(ROWS_MAX, 2 * this.#rows);
  }

  #insert(loss: Loss): void {
    this.#sql.exec(
      `INSERT INTO losses (seq, first_seq, lost_at, expired, overtaken, undeliverable) VALUES (?, ?, ?, ?, ?, ?)`,
      loss.seq,
      loss.firstSeq,
      loss.lostAt,
      loss.expired,
      loss.overtaken,
      loss.undeliverable,
    );
  }
}
