/** Many users at once (M1): how many reports the Monitors take of them, and that what they store stays within its bounds. */
import { describe, expect, test } from "vitest";
import { Gathering, type OpenSockets } from "../../src/mailbox/gathering.ts";
import { BUCKETS } from "../../src/measures/histogram.ts";
import { Measured } from "../../src/measures/measured.ts";
import { Tally } from "../../src/measures/tally.ts";
import { Shard } from "../../src/monitor/shard.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { RANGES, type Range, shardName, shardOf } from "../../src/protocol/monitor-api.ts";
import { sha256 } from "../../src/protocol/sha256.ts";
import { Random } from "../support/random.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 86_400 * SECOND_MS;
const NOW = Date.UTC(2026, 10, 27, 12);
const SLOTS = Object.values(RANGES).reduce((sum, { slots }) => sum + slots, 0);

/** A shard on a database of its own, counting what it is told and what it writes. */
class Monitor {
  readonly sql = new NodeSql();
  readonly shard = new Shard(this.sql);
  reports = 0;
  writes = 0;
  #dirty = false;

  take(pairs: readonly number[], now: number): void {
    this.reports += 1;
    this.#dirty = true;
    this.shard.take({ pairs, version: "v1" }, now);
  }

  write(now: number): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.writes += 1;
    this.sql.transaction(() => this.shard.write(now));
  }

  get rows(): number {
    const [row] = this.sql.exec<{ n: number }>(
      "SELECT (SELECT COUNT(*) FROM slots) + (SELECT COUNT(*) FROM sums) AS n",
    );
    return row?.n ?? Number.NaN;
  }

  get bytes(): number {
    const [row] = this.sql.exec<{ n: number }>(
      "SELECT (SELECT SUM(LENGTH(slot)) FROM slots) + (SELECT SUM(LENGTH(value)) FROM sums) AS n",
    );
    return row?.n ?? Number.NaN;
  }

  /** Of the longest value: a row of a Durable Object takes 2 MB. */
  get longest(): number {
    const [row] = this.sql.exec<{ n: number }>(
      "SELECT MAX((SELECT MAX(LENGTH(slot)) FROM slots), (SELECT MAX(LENGTH(value)) FROM sums)) AS n",
    );
    return row?.n ?? Number.NaN;
  }
}

/** A connected user's Mailbox, as far as it gathers: the real thing, beside sockets that are open or not. */
const mailboxOf = (handOver: (pairs: readonly number[]) => void) => {
  const open = new Set(["phone"]);
  const sockets: OpenSockets = {
    get count() {
      return open.size;
    },
    has: (id: string) => open.has(id),
    any: () => [...open][0],
    keepGathered: () => {},
  };
  const gathering = new Gathering(sockets, handOver);
  gathering.restore([{ id: "phone" }]);
  return { gathering, leave: () => open.clear() };
};

test("[M1] 10,000 users who send and receive make at most one report each in 10 s, the Monitors a row of each slot, and no number is off", {
  timeout: 120_000,
}, () => {
  const [users, minutes, stepMs, shards] = [10_000, 3, 5 * SECOND_MS, 8];
  const random = new Random(7);
  const monitors = new Map(Array.from({ length: shards }, (_, shard) => [shardName(shard), new Monitor()]));
  let now = NOW;
  const gaps: number[] = [];
  const mailboxes = Array.from({ length: users }, (_, n) => {
    const monitor = monitors.get(shardOf(sha256(`u:user-${n}`), shards)) as Monitor;
    let reportedAt: number | undefined;
    return mailboxOf((pairs) => {
      if (reportedAt !== undefined) gaps.push(now - reportedAt);
      reportedAt = now;
      monitor.take(pairs, now);
    });
  });
  const turn = (at: number, what: (measured: Measured) => void): void => {
    const measured = new Measured();
    what(measured);
    mailboxes[at]?.gathering.add(measured.take());
    mailboxes[at]?.gathering.endTurn(now);
  };
  const endsAt = NOW + DAY_MS;
  const pass = (ms: number): void => {
    now += ms;
    for (const monitor of monitors.values()) monitor.write(now);
  };
  for (let at = 0; at < users; at += 1) turn(at, (measured) => measured.began("open", NOW, endsAt, now));
  let sent = 0;
  for (let step = 0; step < (minutes * MINUTE_MS) / stepMs; step += 1) {
    for (let at = 0; at < users; at += 1) {
      // Some rest for a while: a report then comes with what they do next.
      if (random.below(4) === 0) continue;
      sent += 1;
      turn(at, (measured) => {
        measured.count("messages_accepted");
        measured.count("messages_delivered");
        measured.time("delivery", 1 + random.below(60_000));
      });
    }
    pass(stepMs);
  }
  expect(gaps.filter((gap) => gap < 10 * SECOND_MS)).toEqual([]);
  const perUser = [...monitors.values()].reduce((sum, { reports }) => sum + reports, 0) / users;
  expect(perUser).toBeLessThanOrEqual(1 + (minutes * MINUTE_MS) / (10 * SECOND_MS));
  expect(perUser).toBeGreaterThan(minutes * 3);

  for (const [at, { leave }] of mailboxes.entries()) {
    leave();
    turn(at, (measured) => measured.ended("open", NOW, endsAt, now));
  }
  pass(stepMs);
  const total = new Tally();
  let open = 0;
  for (const { shard, rows, writes } of monitors.values()) {
    // What it has stored is what it knows.
    const reading = shard.read("15m", now);
    total.add(reading.pairs);
    open += reading.open.count;
    expect(rows).toBeLessThanOrEqual(SLOTS + 3);
    // However many report to it: it writes once in 5 s.
    expect(writes).toBeLessThanOrEqual((minutes * MINUTE_MS) / stepMs + 1);
  }
  expect([total.count("messages_accepted"), total.count("messages_delivered"), open]).toEqual([sent, sent, 0]);
});

describe("[M1] storage is bounded", () => {
  test("[M1] 90 days of all that there can be take no more than 45 do, and the rings no row more than they have slots", {
    timeout: 120_000,
  }, () => {
    const monitor = new Monitor();
    const random = new Random(11);
    const stepMs = 20 * MINUTE_MS;
    const sizes: number[] = [];
    for (let step = 0; step * stepMs < 90 * DAY_MS; step += 1) {
      const now = NOW + step * stepMs;
      const measured = new Measured();
      for (const name of [
        "connection",
        "connection_client",
        "delivery",
        "delivery_waiting",
        "delivery_wire",
      ] as const) {
        for (let n = 0; n < 8; n += 1) measured.time(name, Math.exp(random.below(2_200) / 100));
      }
      measured.count("messages_accepted", 10);
      // Things of every life that are never said to be over: the worst that lost reports can do.
      for (let n = 0; n < 4; n += 1) {
        measured.began("held", now, now + MINUTE_MS * 2 ** random.below(16), now);
        measured.began("open", now, now + MINUTE_MS * 2 ** random.below(11), now);
      }
      monitor.take(measured.take(), now);
      monitor.write(now);
      if (step % 72 === 71) sizes.push(monitor.bytes);
    }
    expect(monitor.rows).toBe(
      SLOTS - RANGES["15m"].slots - RANGES["6h"].slots + slotsIn("15m", stepMs) + slotsIn("6h", stepMs) + 3,
    );
    const [middle = 0, end = 0] = [sizes[49], sizes.at(-1)];
    expect(end / middle).toBeLessThan(1.1);
    expect(monitor.longest).toBeLessThan(500_000);
    expect(end).toBeLessThan(3_000_000);
    // As long as a restart has to read.
    const again = new Shard(monitor.sql);
    const now = NOW + 90 * DAY_MS - stepMs;
    expect(again.read("7d", now)).toEqual(monitor.shard.read("7d", now));
    expect(BUCKETS).toBeLessThan(999);
  });
});

/** Places of a ring that are filled by a step that is longer than its slots. */
const slotsIn = (range: Range, stepMs: number): number => {
  const { slotMs, slots } = RANGES[range];
  const places = new Set<number>();
  for (let n = 0; n < 10_000; n += 1) places.add(((NOW + n * stepMs) / slotMs) % slots);
  return places.size;
};
