/**
 * One Monitor's share of what is measured (M1): merged as it comes, and kept in rings of fixed size.
 *
 * It stores a row for each slot of each ring, over the oldest, and two more: however many users there are and however long it runs, it
 * takes no more. Reports are merged in memory and written together, a few seconds later; a crash loses those seconds.
 */
import { COUNTS_END } from "../measures/catalogue.ts";
import { Leases } from "../measures/leases.ts";
import { Tally } from "../measures/tally.ts";
import type { Sql } from "../outbox/sql.ts";
import { LIMITS } from "../protocol/limits.ts";
import {
  type Levels,
  NAMED_MAX,
  type Named,
  RANGES,
  type Range,
  type Reading,
  type Report,
  type Slot,
} from "../protocol/monitor-api.ts";

const RANGE_NAMES = Object.keys(RANGES) as Range[];
/** In SQL, of the slot in a row. */
const ENDED = `at + CASE range ${RANGE_NAMES.map((range) => `WHEN '${range}' THEN ${RANGES[range].slotMs}`).join(" ")} END`;

/** A slot that is being filled. */
interface Filling {
  readonly at: number;
  readonly tally: Tally;
  readonly failed: Map<string, string[]>;
}

/** Connections of a version that was not heard of for so long while another was are gone: a deploy closes them, and tells nobody. */
const VERSION_SILENT_MS = 120_000;
const VERSIONS_MAX = 4;

export class Shard {
  readonly #sql: Sql;
  readonly #filling = new Map<Range, Filling>();
  #total = new Tally();
  #held = new Leases();
  /** Open connections, by the version of the code that has them. */
  #open = new Map<string, { readonly leases: Leases; heardAt: number }>();

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS slots (range TEXT, place INTEGER, at INTEGER NOT NULL, slot TEXT NOT NULL,
      PRIMARY KEY (range, place)) WITHOUT ROWID`);
    sql.exec(`CREATE TABLE IF NOT EXISTS sums (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`);
    this.#load();
  }

  take({ pairs, version, failed }: Report, now: number): void {
    const counts: number[] = [];
    const held: number[] = [];
    const open: number[] = [];
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const [id, count] = [pairs[at] as number, pairs[at + 1] as number];
      if (!Number.isFinite(id) || !Number.isFinite(count)) continue;
      if (id < COUNTS_END) counts.push(id, count);
      else (Leases.isOf("held", id) ? held : open).push(id, count);
    }
    // A slot that is over is closed with what there was then.
    for (const range of RANGE_NAMES) {
      const slot = this.#slotAt(range, now);
      slot.tally.add(counts);
      for (const [what, names] of Object.entries(failed ?? {})) name(slot.failed, what, names);
    }
    this.#total.add(counts);
    this.#held.add(held);
    this.#ofVersion(version, now).add(open);
  }

  /** Writes what has come since the last time. */
  write(now: number): void {
    this.#age(now);
    for (const [range, filling] of this.#filling) this.#store(range, filling);
    this.#sum("total", this.#total.pairs());
    this.#sum("held", this.#held.pairs());
    this.#sum(
      "open",
      [...this.#open].map(([version, { leases, heardAt }]) => [version, heardAt, leases.pairs()]),
    );
  }

  read(range: Range, now: number): Reading {
    this.#age(now);
    const { slotMs, slots } = RANGES[range];
    const since = (Math.floor(now / slotMs) - slots + 1) * slotMs;
    const stored = this.#sql
      .exec<{ slot: string }>(`SELECT slot FROM slots WHERE range = ? AND at >= ? ORDER BY at`, range, since)
      .map(({ slot }) => JSON.parse(slot) as Slot);
    const filling = this.#filling.get(range);
    const isNew = filling !== undefined && filling.at >= since;
    const known = isNew ? [...stored.filter(({ at }) => at < filling.at), this.#slotOf(filling)] : stored;
    return {
      pairs: this.#total.pairs(),
      ...this.levels(),
      before: this.#before(since, known[0]),
      waiting: this.#waiting(now),
      slots: known,
    };
  }

  /** As they were when a range began, of which this is the first slot: before the first of all there was nothing. */
  #before(since: number, first: Slot | undefined): Levels {
    if (first === undefined) return this.levels();
    // Each slot of the range has its own: what was before is asked for only where one is missing at its beginning.
    if (first.at === since) return { held: first.held, open: first.open };
    const last = this.#sql.exec<{ slot: string }>(
      `SELECT slot, ${ENDED} AS ended FROM slots WHERE ended <= ? ORDER BY ended DESC LIMIT 1`,
      since,
    )[0];
    if (last === undefined) return { held: { count: 0 }, open: { count: 0 } };
    const { held, open } = JSON.parse(last.slot) as Slot;
    return { held, open };
  }

  /** Of waits that began and have not ended; a wait is over after 30 s, so that no lost report is remembered for longer. */
  #waiting(now: number): number {
    const recent = new Tally();
    const since = now - LIMITS.waitMaxMs - 2 * RANGES["15m"].slotMs;
    const stored = this.#sql.exec<{ at: number; slot: string }>(
      `SELECT at, slot FROM slots WHERE range = '15m' AND at >= ?`,
      since,
    );
    const filling = this.#filling.get("15m");
    for (const { at, slot } of stored) if (at !== filling?.at) recent.add((JSON.parse(slot) as Slot).pairs);
    if (filling !== undefined && filling.at >= since) recent.add(filling.tally.pairs());
    return Math.max(0, recent.count("waits_started") - recent.count("waits_ended"));
  }

  /** As of the last write or read. */
  levels(): Levels {
    const opens = [...this.#open.values()].map(({ leases }) => leases.level("open"));
    const began = opens.flatMap(({ oldestAt }) => oldestAt ?? []);
    const count = opens.reduce((sum, level) => sum + level.count, 0);
    return {
      held: this.#held.level("held"),
      open: began.length === 0 ? { count } : { count, oldestAt: Math.min(...began) },
    };
  }

  #slotAt(range: Range, now: number): Filling {
    const { slotMs } = RANGES[range];
    const at = Math.floor(now / slotMs) * slotMs;
    const filling = this.#filling.get(range);
    if (filling !== undefined && at <= filling.at) return filling;
    if (filling !== undefined) {
      this.#age(now);
      this.#store(range, filling);
    }
    const next = { at, tally: new Tally(), failed: new Map() };
    this.#filling.set(range, next);
    return next;
  }

  #slotOf({ at, tally, failed }: Filling): Slot {
    const named = failed.size === 0 ? {} : { failed: Object.fromEntries(failed) };
    return { at, pairs: tally.pairs(), ...this.levels(), ...named };
  }

  #store(range: Range, filling: Filling): void {
    const { slotMs, slots } = RANGES[range];
    this.#sql.exec(
      `INSERT INTO slots (range, place, at, slot) VALUES (?, ?, ?, ?)
       ON CONFLICT (range, place) DO UPDATE SET at = excluded.at, slot = excluded.slot`,
      ...[range, (filling.at / slotMs) % slots, filling.at, JSON.stringify(this.#slotOf(filling))],
    );
  }

  #sum(what: string, value: unknown): void {
    this.#sql.exec(
      `INSERT INTO sums (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      ...[what, JSON.stringify(value)],
    );
  }

  #load(): void {
    const sums = this.#sql.exec<{ name: string; value: string }>(`SELECT name, value FROM sums`);
    for (const { name, value } of sums) {
      if (name === "total") this.#total = new Tally(JSON.parse(value));
      if (name === "held") this.#held = new Leases(JSON.parse(value));
      if (name !== "open") continue;
      for (const [version, heardAt, pairs] of JSON.parse(value) as [string, number, number[]][]) {
        this.#open.set(version, { leases: new Leases(pairs), heardAt });
      }
    }
    for (const range of RANGE_NAMES) {
      const last = this.#sql.exec<{ at: number; slot: string }>(
        `SELECT at, slot FROM slots WHERE range = ? ORDER BY at DESC LIMIT 1`,
        range,
      )[0];
      if (last === undefined) continue;
      const { pairs, failed = {} } = JSON.parse(last.slot) as Slot;
      const named = new Map(Object.entries(failed).map(([what, names]) => [what, [...names]]));
      this.#filling.set(range, { at: last.at, tally: new Tally(pairs), failed: named });
    }
  }

  #ofVersion(version: string, now: number): Leases {
    const known = this.#open.get(version) ?? { leases: new Leases(), heardAt: now };
    known.heardAt = now;
    this.#open.delete(version);
    this.#open.set(version, known);
    // In the order in which they were heard.
    for (const other of [...this.#open.keys()].slice(0, -VERSIONS_MAX)) this.#open.delete(other);
    return known.leases;
  }

  #age(now: number): void {
    this.#held.age(now);
    const heardAt = Math.max(...[...this.#open.values()].map((version) => version.heardAt));
    for (const [version, known] of this.#open) {
      if (known.heardAt < heardAt - VERSION_SILENT_MS) this.#open.delete(version);
      else known.leases.age(now);
    }
  }
}

const name = (named: Map<string, string[]>, what: string, names: Named[string]): void => {
  const known = named.get(what) ?? [];
  for (const mailbox of names) if (known.length < NAMED_MAX && !known.includes(mailbox)) known.push(mailbox);
  named.set(what, known);
};
