/** What Workers Analytics Engine is given where it is bound (M2), as its SQL would see it: a weighted quantile, a sum. */
import { expect, test } from "vitest";
import { COUNTER_NAMES, TIMING_NAMES } from "../../src/measures/catalogue.ts";
import { RELATIVE_ERROR } from "../../src/measures/histogram.ts";
import { Measured } from "../../src/measures/measured.ts";
import { Analytics, type Dataset, datasetOf } from "../../src/monitor/analytics.ts";
import { Random } from "../support/random.ts";

const NOW = Date.UTC(2026, 10, 27, 12);

type Point = Parameters<Dataset["writeDataPoint"]>[0];

const written = () => {
  const points: Point[] = [];
  const analytics = new Analytics({ writeDataPoint: (point) => void points.push(point) }, "sys:monitor:3");
  const write = () => analytics.write({ held: { count: 7, oldestAt: NOW - 90_000 }, open: { count: 2 } }, NOW);
  return { points, analytics, write };
};

const sumOf = (points: readonly Point[], name: string): number =>
  points.reduce((sum, { blobs, doubles }) => sum + (blobs[0] === name ? (doubles[0] ?? 0) : 0), 0);

/** As `quantileExactWeighted(q)(double2, double1)`. */
const quantileOf = (points: readonly Point[], name: string, q: number): number => {
  const times = points
    .filter(({ blobs }) => blobs[0] === name)
    .flatMap(({ doubles: [count = 0, ms = 0] }) => Array.from({ length: count }, () => ms))
    .toSorted((a, b) => a - b);
  return times[Math.max(1, Math.ceil(q * times.length)) - 1] ?? Number.NaN;
};

test("[M2] every counter and time comes, with its own name, as often as it was measured, and no point is beyond the platform's limits", () => {
  const { points, analytics, write } = written();
  const random = new Random(5);
  const measured = new Measured();
  for (const name of COUNTER_NAMES) measured.count(name, 1 + random.below(9));
  const times: number[] = [];
  for (let n = 0; n < 5_000; n += 1) {
    const ms = Math.exp(random.below(1_100) / 100);
    times.push(ms);
    for (const name of TIMING_NAMES) measured.time(name, ms);
  }
  measured.began("held", NOW, NOW + 60_000, NOW);
  const pairs = measured.take();
  analytics.add(pairs);
  let writes = 0;
  let before: number;
  do {
    before = points.length;
    write();
    writes += 1;
    expect(points.length - before).toBeLessThanOrEqual(250);
  } while (points.length > before + 2);
  // More than one invocation may write: what is left comes with the next.
  expect(writes).toBeGreaterThan(2);
  const one = new Measured();
  for (const name of COUNTER_NAMES) {
    one.count(name);
    const id = one.take()[0] as number;
    expect(sumOf(points, name), name).toBe(pairs[pairs.indexOf(id) + 1]);
  }
  times.sort((a, b) => a - b);
  for (const name of TIMING_NAMES) {
    expect(sumOf(points, name)).toBe(times.length);
    for (const q of [0.5, 0.95, 0.99]) {
      const exact = times[Math.ceil(q * times.length) - 1] as number;
      expect(Math.abs(quantileOf(points, name, q) - exact) / exact).toBeLessThanOrEqual(RELATIVE_ERROR + 1e-9);
    }
  }
  for (const { indexes, blobs, doubles } of points) {
    expect([indexes, blobs.length, doubles.length <= 2]).toEqual([["sys:monitor:3"], 1, true]);
    expect(doubles.every(Number.isFinite)).toBe(true);
  }
});

test("[M2] what is held and open now is a point of each write, with the oldest's age in seconds", () => {
  const { points, write } = written();
  write();
  expect(points.map(({ blobs, doubles }) => [blobs[0], ...doubles])).toEqual([
    ["held_messages", 7, 90],
    ["open_connections", 2, 0],
  ]);
});

test("[M2] a number that another release measures is no point", () => {
  const { points, analytics, write } = written();
  analytics.add([999, 4, 777_777, 1]);
  write();
  expect(points).toHaveLength(2);
});

test("[M2] it is off where no dataset is bound", () => {
  expect([datasetOf({}), datasetOf({ ANALYTICS: "restante" })]).toEqual([undefined, undefined]);
  const dataset: Dataset = { writeDataPoint: () => {} };
  expect(datasetOf({ ANALYTICS: dataset })).toBe(dataset);
});
