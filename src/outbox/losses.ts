/** Where messages ended without a device that they were meant for: what a `gap` is made of (C4). */
import type { LossCounts } from "../protocol/frames.ts";
import type { Device } from "./devices.ts";
import type { Messages } from "./messages.ts";
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
  /** An expression of SQL that yields what the constructor takes. */
  static readonly STORED = `(SELECT json_array(COUNT(*), COALESCE(MAX(seq), 0)) FROM losses)`;

  readonly #sql: Sql;
  readonly #messages: Messages;
  #rows: number;
  #compactAbove = ROWS_MAX;
  #highest: number;

  constructor(sql: Sql, messages: Messages, [rows, highest]: readonly [number, number]) {
    this.#sql = sql;
    this.#messages = messages;
    this.#rows = rows;
    this.#highest = highest;
  }

  /** The place of the last loss; 0 where there never was one. */
  get highest(): number {
    return this.#highest;
  }

  get count(): number {
    return this.#rows;
  }

  /**
   * What was lost in `(after, before)` for a reader to whom losses up to the instant `cleanFrom` are none, as one gap. What
   * is over but not swept yet counts as lost (D8).
   */
  between(
    after: number,
    before: number,
    cleanFrom: number,
    now: number,
  ): { readonly seq: number; readonly lost: LossCounts } | undefined {
    const over = this.#messages.over(after, before, cleanFrom, now);
    const gap =
      this.#rows === 0
        ? undefined
        : first(
            this.#sql.exec<{ [K in keyof LossCounts | "seq"]: number | null }>(
              `SELECT MAX(seq) AS seq, SUM(expired) AS expired, SUM(overtaken) AS overtaken, SUM(undeliverable) AS undeliverable
               FROM losses WHERE seq > ? AND seq < ? AND lost_at > ?`,
              after,
              before,
              cleanFrom,
            ),
          );
    const seq = Math.max(gap?.seq ?? 0, over.at(-1)?.seq ?? 0);
    if (seq === 0) return undefined;
    const lost = {
      expired: (gap?.expired ?? 0) + over.length,
      overtaken: gap?.overtaken ?? 0,
      undeliverable: gap?.undeliverable ?? 0,
    };
    return { seq, lost };
  }

  /** Marks the places of losses, in one statement. */
  add(lost: readonly { readonly seq: number; readonly lostAt: number }[], reason: LossReason): void {
    const one = (r: LossReason) => (r === reason ? 1 : 0);
    const [expired, overtaken, undeliverable] = [one("expired"), one("overtaken"), one("undeliverable")];
    this.#insert(lost.map(({ seq, lostAt }) => ({ seq, firstSeq: seq, lostAt, expired, overtaken, undeliverable })));
    this.#rows += lost.length;
  }

  /** Forgets what every device has passed. */
  forgetThrough(seq: number): void {
    if (this.#rows === 0) return;
    this.#sql.exec(`DELETE FROM losses WHERE seq <= ?`, seq);
    this.#rows = first(this.#sql.exec<{ rows: number }>(`SELECT COUNT(*) AS rows FROM losses`))?.rows ?? 0;
  }

  /**
   * Merges neighbours, once there are many. Two become one only where nobody could tell: no held message, no device's cursor and none
   * of `placesOf`, up to where connections were sent, lies between them, and each device counts both or neither.
   */
  compactIfMany(devices: readonly Device[], placesOf: () => readonly number[]): void {
    if (this.#rows <= this.#compactAbove) return;
    const places = placesOf();
    const rows = this.#sql.exec<Row>(`SELECT * FROM losses ORDER BY seq`);
    const merged: Loss[] = [];
    let nextHeld: number | undefined;
    for (const row of rows) {
      const next = fromRow(row);
      const before = merged.at(-1);
      const heldBetween = nextHeld !== undefined && nextHeld < next.firstSeq;
      const isApart =
        before === undefined ||
        heldBetween ||
        devices.some((device) => tellsApart(device, before, next)) ||
        places.some((place) => liesBetween(place, before, next));
      if (isApart) {
        merged.push(next);
      } else {
        merged[merged.length - 1] = merge(before, next);
      }
      nextHeld = this.#messages.firstAbove(next.seq);
    }
    if (merged.length < rows.length) {
      this.#sql.exec(`DELETE FROM losses`);
      this.#insert(merged);
      this.#rows = merged.length;
    }
    this.#compactAbove = Math.max(ROWS_MAX, 2 * this.#rows);
  }

  #insert(losses: readonly Loss[]): void {
    this.#sql.exec(
      `INSERT INTO losses (seq, first_seq, lost_at, expired, overtaken, undeliverable)
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?)`,
      JSON.stringify(losses.map((l) => [l.seq, l.firstSeq, l.lostAt, l.expired, l.overtaken, l.undeliverable])),
    );
    for (const { seq } of losses) if (seq > this.#highest) this.#highest = seq;
  }
}

/** Whether one of the two counts for a device and the other does not. */
const tellsApart = (device: Device, before: Loss, next: Loss): boolean =>
  liesBetween(device.cursor, before, next) || before.lostAt > device.cleanFrom !== next.lostAt > device.cleanFrom;

const liesBetween = (place: number, before: Loss, next: Loss): boolean => place >= before.firstSeq && place < next.seq;

const merge = (before: Loss, next: Loss): Loss => ({
  seq: next.seq,
  firstSeq: before.firstSeq,
  lostAt: Math.max(before.lostAt, next.lostAt),
  expired: before.expired + next.expired,
  overtaken: before.overtaken + next.overtaken,
  undeliverable: before.undeliverable + next.undeliverable,
});
