/** The durable readers of one outbox, each with its cursor (D5). All of them fit in memory; a change writes one row. */
import { LIMITS } from "../protocol/limits.ts";
import type { Sql } from "./sql.ts";

export interface Device {
  readonly name: string;
  /** Where it starts when it comes back without its memory; never goes back. */
  readonly cursor: number;
  /** The highest seq that one of its connections has acked. */
  readonly acked: number;
  /** No connection of it that has ended was sent anything above. */
  readonly sent: number;
  /** Whether a connection of it is open: where none is found after a crash, it may have been sent anything. */
  readonly open: boolean;
  /** Losses up to this instant are not its own (C4): 0 for a user's first device, which hears of all. */
  readonly cleanFrom: number;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  /** How many connections in a row ended with 4408 while `strikeSeq` was their first un-acked (D6). */
  readonly strikes: number;
  readonly strikeSeq: number;
  /** How many connections in a row ended with 4408, whatever they failed on (N4). */
  readonly timeouts: number;
}

/** As read: a column each. */
type Row = [string, number, number, number, number, number, number, number, number, number, number];

const fromRow = ([
  name,
  cursor,
  acked,
  sent,
  open,
  cleanFrom,
  firstSeenAt,
  lastSeenAt,
  strikes,
  strikeSeq,
  timeouts,
]: Row): Device => ({
  name,
  cursor,
  acked,
  sent,
  open: open === 1,
  cleanFrom,
  firstSeenAt,
  lastSeenAt,
  strikes,
  strikeSeq,
  timeouts,
});

export class Devices {
  /** An expression of SQL that yields what the constructor takes. */
  static readonly STORED =
    `(SELECT json_group_array(json_array(name, cursor, acked, sent, open, clean_from, first_seen_at,
    last_seen_at, strikes, strike_seq, timeouts)) FROM devices)`;

  readonly #sql: Sql;
  readonly #byName: Map<string, Device>;

  constructor(sql: Sql, stored: readonly Row[]) {
    this.#sql = sql;
    this.#byName = new Map(stored.map((row) => [row[0], fromRow(row)]));
  }

  get count(): number {
    return this.#byName.size;
  }

  get(name: string): Device | undefined {
    return this.#byName.get(name);
  }

  all(): readonly Device[] {
    return [...this.#byName.values()];
  }

  /** The lowest cursor: what lies at or below it is needed by nobody. Undefined where there is no device. */
  get lowestCursor(): number | undefined {
    let lowest: number | undefined;
    for (const { cursor } of this.#byName.values()) {
      if (lowest === undefined || cursor < lowest) lowest = cursor;
    }
    return lowest;
  }

  get anyOpen(): boolean {
    for (const { open } of this.#byName.values()) if (open) return true;
    return false;
  }

  get highestAcked(): number {
    let highest = 0;
    for (const { acked } of this.#byName.values()) if (acked > highest) highest = acked;
    return highest;
  }

  /** The most 4408s in a row that one of them has. */
  get timeouts(): number {
    let most = 0;
    for (const { timeouts } of this.#byName.values()) if (timeouts > most) most = timeouts;
    return most;
  }

  save(device: Device): void {
    this.#byName.set(device.name, device);
    this.#sql.exec(
      `INSERT INTO devices (name, cursor, acked, sent, open, clean_from, first_seen_at, last_seen_at, strikes, strike_seq, timeouts)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor, acked = excluded.acked, sent = excluded.sent,
         open = excluded.open, last_seen_at = excluded.last_seen_at, strikes = excluded.strikes, strike_seq = excluded.strike_seq,
         timeouts = excluded.timeouts`,
      device.name,
      device.cursor,
      device.acked,
      device.sent,
      device.open ? 1 : 0,
      device.cleanFrom,
      device.firstSeenAt,
      device.lastSeenAt,
      device.strikes,
      device.strikeSeq,
      device.timeouts,
    );
  }

  forget(name: string): void {
    this.#byName.delete(name);
    this.#sql.exec(`DELETE FROM devices WHERE name = ?`, name);
  }

  /** Devices not seen for 30 days, of those that `connected` does not hold. */
  unseen(now: number, connected: ReadonlySet<string>): readonly Device[] {
    const unseen: Device[] = [];
    for (const device of this.#byName.values()) {
      if (device.lastSeenAt + LIMITS.deviceTtlMs <= now && !connected.has(device.name)) unseen.push(device);
    }
    return unseen;
  }

  /** The one longest away, of those that `connected` does not hold. */
  longestAway(connected: ReadonlySet<string>): Device | undefined {
    return this.all()
      .filter((d) => !connected.has(d.name))
      .sort((a, b) => a.lastSeenAt - b.lastSeenAt || (a.name < b.name ? -1 : 1))[0];
  }
}
