/**
 * What is known of connections and what they were sent (N3). Those that are open say it themselves; of those that have ended, a
 * row is kept where something that they were sent is still held. No row for a message.
 */
import { LIMITS } from "../protocol/limits.ts";
import type { Messages } from "./messages.ts";
import type { Sql } from "./sql.ts";
import { type ConnectionEnd, type ConnectionTrail, type OpenTrail, packed, unpacked } from "./stretches.ts";
import { type TrailTeller, trailOf } from "./trail.ts";

/** Released: it never changes (O2). */
export const TRAILS_TABLE = `CREATE TABLE trails (
  slot INTEGER PRIMARY KEY,
  connection_id TEXT NOT NULL,
  device TEXT NOT NULL,
  from_seq INTEGER NOT NULL,
  through_seq INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  code INTEGER NOT NULL,
  stretches TEXT NOT NULL
)`;

type Summary = readonly [slot: number, from: number, through: number, endedAt: number];

interface Row {
  readonly connection_id: string;
  readonly device: string;
  readonly from_seq: number;
  readonly ended_at: number;
  readonly code: number;
  readonly stretches: string;
}

export class Trails {
  /** An expression of SQL that yields what the constructor takes, as JSON. */
  static readonly STORED = `(SELECT json_group_array(json_array(slot, from_seq, through_seq, ended_at)) FROM trails)`;

  readonly #sql: Sql;
  readonly #messages: Messages;
  readonly #rows: Map<number, { readonly from: number; readonly through: number; readonly endedAt: number }>;
  /** The connections that are open. */
  #open: () => readonly OpenTrail[] = () => [];

  constructor(sql: Sql, messages: Messages, stored: readonly Summary[]) {
    this.#sql = sql;
    this.#messages = messages;
    this.#rows = new Map(stored.map(([slot, from, through, endedAt]) => [slot, { from, through, endedAt }]));
  }

  /** Nothing that is held lies below: of what does, no trail is asked for. */
  get from(): number {
    return this.#messages.lowest;
  }

  watch(open: () => readonly OpenTrail[]): void {
    this.#open = open;
  }

  /** Up to where each connection that is open was sent something. */
  get places(): readonly number[] {
    return this.#open().map(({ sent }) => sent);
  }

  /** Tells trails as of now: what it rests on is read once. */
  teller(): TrailTeller {
    const connections = [...this.#ended(), ...this.#open()];
    return (message, end) => trailOf(message, connections, end);
  }

  /** A connection has ended: what of it is still held outlives it. */
  add({ connection, device, stretches }: ConnectionTrail, { at, code }: ConnectionEnd): void {
    const held = stretches.filter(({ from, through }) => this.#messages.heads(from - 1, through).length > 0);
    const [first, last] = [held[0], held.at(-1)];
    if (first === undefined || last === undefined) return;
    const slot = this.#freeSlot();
    this.#sql.exec(
      `INSERT INTO trails (slot, connection_id, device, from_seq, through_seq, ended_at, code, stretches)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (slot) DO UPDATE SET connection_id = excluded.connection_id, device = excluded.device,
         from_seq = excluded.from_seq, through_seq = excluded.through_seq, ended_at = excluded.ended_at, code = excluded.code,
         stretches = excluded.stretches`,
      ...[slot, connection, device, first.from, last.through, at, code],
      packed(held, first.from, at),
    );
    this.#rows.set(slot, { from: first.from, through: last.through, endedAt: at });
  }

  /** Forgets those of which nothing is held any more; as messages go, in the transaction in which they do. */
  forgetReleased(): void {
    if (this.#rows.size === 0) return;
    const over = [...this.#rows].flatMap(([slot, { from, through }]) =>
      this.#messages.mayHold(from, through) ? [] : slot,
    );
    if (over.length === 0) return;
    this.#sql.exec(`DELETE FROM trails WHERE slot IN (SELECT value FROM json_each(?))`, JSON.stringify(over));
    for (const slot of over) this.#rows.delete(slot);
  }

  /** The row of the one that ended longest ago gives way: it is written over, as to delete it would cost another. */
  #freeSlot(): number {
    for (let slot = 1; slot <= LIMITS.trailConnectionsMax; slot += 1) if (!this.#rows.has(slot)) return slot;
    let [oldest, endedAt] = [1, Number.POSITIVE_INFINITY];
    for (const [slot, row] of this.#rows) if (row.endedAt < endedAt) [oldest, endedAt] = [slot, row.endedAt];
    return oldest;
  }

  #ended(): readonly ConnectionTrail[] {
    if (this.#rows.size === 0) return [];
    return this.#sql
      .exec<Row>(
        `SELECT connection_id, device, from_seq, ended_at, code, stretches FROM trails ORDER BY ended_at, slot`,
      )
      .map((r) => ({
        connection: r.connection_id,
        device: r.device,
        stretches: unpacked(r.stretches, r.from_seq, r.ended_at),
        ended: { at: r.ended_at, code: r.code },
      }));
  }
}
