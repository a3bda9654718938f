/** What is measured, as numbers alone: percentiles and their error, merging, and how much there is of something at a time. */
import { describe, expect, test } from "vitest";
import { COUNTERS, COUNTS_END, SUM, TIMINGS } from "../../src/measures/catalogue.ts";
import {
  BUCKETS,
  bucketOf,
  estimateMs,
  quantileMs,
  RELATIVE_ERROR,
  upperBoundMs,
} from "../../src/measures/histogram.ts";
import { Leases, leaseId } from "../../src/measures/leases.ts";
import { Measured } from "../../src/measures/measured.ts";
import { Tally } from "../../src/measures/tally.ts";
import { Random } from "../support/random.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2026, 10, 27, 12);

/** By the nearest rank, of the times themselves. */
const exact = (times: readonly number[], q: number): number =>
  times.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * times.length)) - 1] as number;

describe("[M1] a histogram", () => {
  test("[M1] takes every time from 1 ms to 30 days for one that is at most 5 % away", () => {
    for (let ms = 1; ms < 30 * DAY_MS; ms = ms * 1.0007 + 0.001) {
      const bucket = bucketOf(ms);
      expect(Math.abs(estimateMs(bucket) - ms) / ms, `${ms} ms`).toBeLessThanOrEqual(RELATIVE_ERROR + 1e-9);
      expect(upperBoundMs(bucket)).toBeGreaterThanOrEqual(ms * (1 - 1e-9));
      if (bucket > 0) expect(upperBoundMs(bucket - 1)).toBeLessThan(ms * (1 + 1e-9));
    }
  });

  test.each([0, -5, 0.4, 1, Number.NaN])("[M1] takes %d ms, which no clock resolves, into its first bucket", (ms) => {
    expect(bucketOf(ms)).toBe(0);
  });

  test("[M1] has a last bucket for all that is longer", () => {
    expect(bucketOf(365 * DAY_MS)).toBe(BUCKETS - 1);
    expect(bucketOf(Number.POSITIVE_INFINITY)).toBe(BUCKETS - 1);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "[M1] of any load has p50, p95 and p99 within 5 %%, whole or in 8 parts (seed %i)",
    (seed) => {
      const random = new Random(seed);
      const shapes = [
        () => 1 + random.below(60_000),
        () => Math.exp(random.below(1_100) / 100),
        () => (random.below(100) < 97 ? 3 + random.below(5) : 20_000 + random.below(40_000)),
      ];
      for (const shape of shapes) {
        const times = Array.from({ length: 1 + random.below(5_000) }, shape).map((ms) =>
          Math.min(60_000, Math.max(1, ms)),
        );
        const shards = Array.from({ length: 8 }, () => new Measured());
        const whole = new Measured();
        for (const ms of times) {
          whole.time("delivery", ms);
          shards[random.below(8)]?.time("delivery", ms);
        }
        const alone = new Tally(whole.take());
        const merged = new Tally();
        for (const shard of shards) merged.add(shard.take());
        for (const q of [0.5, 0.95, 0.99]) {
          const truth = exact(times, q);
          expect(Math.abs((merged.quantileMs("delivery", q) as number) - truth) / truth).toBeLessThanOrEqual(
            RELATIVE_ERROR + 1e-9,
          );
          expect(merged.quantileMs("delivery", q)).toBe(alone.quantileMs("delivery", q));
        }
        expect(merged.sumMs("delivery")).toBeCloseTo(
          times.reduce((a, b) => a + b, 0),
          3,
        );
      }
    },
  );

  test("[M1] of nothing has no percentile", () => {
    expect(quantileMs(new Map(), 0.5)).toBeUndefined();
  });
});

describe("[M1] the catalogue", () => {
  test("[M1] gives each thing a number of its own, below those of what is there at a time", () => {
    const counters = Object.values(COUNTERS).map(({ id }) => id);
    const timings = Object.values(TIMINGS).flatMap(({ id }) => [...Array(BUCKETS).keys(), SUM].map((n) => id + n));
    const all = [...counters, ...timings];
    expect(new Set(all).size).toBe(all.length);
    expect(Math.max(...all)).toBeLessThan(COUNTS_END);
    expect(BUCKETS).toBeLessThan(SUM);
    expect(leaseId("held", 0, 0, 0)).toBe(0);
    expect(leaseId("held", Date.UTC(2020, 0), Date.UTC(2020, 0), Date.UTC(2020, 0))).toBeGreaterThan(COUNTS_END);
  });

  test("[M1] goes through pairs and back, and what comes and goes in between leaves nothing", () => {
    const measured = new Measured();
    measured.count("messages_accepted", 3);
    measured.count("messages_rescued", 0);
    measured.began("held", NOW, NOW + DAY_MS, NOW);
    measured.ended("held", NOW, NOW + DAY_MS, NOW);
    const tally = new Tally(measured.take());
    expect(tally.pairs()).toEqual([COUNTERS.messages_accepted.id, 3]);
    expect(new Tally(tally.take()).count("messages_accepted")).toBe(3);
    expect([tally.size, measured.take()]).toEqual([0, []]);
  });
});

describe("[M1] what is held", () => {
  const pairsOf = (work: (measured: Measured) => void): readonly number[] => {
    const measured = new Measured();
    work(measured);
    return measured.take();
  };

  test.each([1, 2, 3, 4])(
    "[M1] is counted to the last one while every report comes, and its oldest is known to within a slot (seed %i)",
    (seed) => {
      const random = new Random(seed);
      const leases = new Leases();
      const held = new Map<number, { readonly beganAt: number; readonly endsAt: number }>();
      let now = NOW;
      for (let step = 0; step < 4_000; step += 1) {
        now += random.below(2) === 0 ? random.below(20_000) : random.below(10 * MINUTE_MS);
        const endsAt = now + MINUTE_MS * 2 ** random.below(16) + random.below(1_000);
        held.set(step, { beganAt: now, endsAt });
        leases.add(pairsOf((m) => m.began("held", now, endsAt, now)));
        for (const [key, one] of held) {
          if (one.endsAt > now && random.below(20) !== 0) continue;
          held.delete(key);
          leases.add(pairsOf((m) => m.ended("held", one.beganAt, one.endsAt, now)));
        }
        // As a shard does that hears of something now and then.
        if (random.below(10) !== 0) continue;
        leases.age(now);
        const { count, oldestAt } = leases.level("held");
        expect(count).toBe(held.size);
        const oldest = Math.min(...[...held.values()].map(({ beganAt }) => beganAt));
        if (held.size > 0)
          expect((oldest - (oldestAt as number)) / Math.max(10_000, now - oldest)).toBeLessThanOrEqual(1);
      }
      expect(leases.pairs().length / 2).toBeLessThan(2_000);
    },
  );

  test("[M1] heals once the longest life of what a lost report spoke of is over", () => {
    const leases = new Leases();
    // The report of its end never comes.
    leases.add(pairsOf((m) => m.began("held", NOW, NOW + HOUR_MS, NOW)));
    leases.add(pairsOf((m) => m.began("held", NOW, NOW + 7 * DAY_MS, NOW)));
    leases.age(NOW + HOUR_MS);
    expect(leases.level("held").count).toBe(2);
    leases.age(NOW + 3 * HOUR_MS + MINUTE_MS);
    expect(leases.level("held").count).toBe(1);
    leases.age(NOW + 15 * DAY_MS);
    expect(leases.level("held")).toEqual({ count: 0 });
    expect(leases.pairs()).toEqual([]);
  });

  test("[M1] is never below zero where the report of a beginning was lost, and takes nothing from the others", () => {
    const leases = new Leases();
    leases.add(pairsOf((m) => m.ended("held", NOW - HOUR_MS, NOW + HOUR_MS, NOW)));
    leases.add(pairsOf((m) => m.began("held", NOW, NOW + HOUR_MS, NOW)));
    leases.age(NOW);
    expect(leases.level("held").count).toBe(1);
  });

  test("[M1] tells what is held from what is open", () => {
    const leases = new Leases();
    leases.add(pairsOf((m) => m.began("open", NOW, NOW + HOUR_MS, NOW)));
    expect([leases.level("held"), leases.level("open")]).toEqual([{ count: 0 }, { count: 1, oldestAt: NOW }]);
  });
});
