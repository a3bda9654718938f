import { afterEach, expect, test, vi } from "vitest";
import { Backoff } from "../../src/client/backoff.ts";
import { Random } from "../support/random.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const waits = (backoff: Backoff, count: number, isFar = false): readonly number[] =>
  Array.from({ length: count }, () => backoff.next(isFar));
/** What `Math.random` gives at most, so that a wait is its bound. */
const longest = () => vi.spyOn(Math, "random").mockReturnValue(1);

test("[C11] waits double from one second to half a minute", () => {
  longest();
  expect(waits(new Backoff(), 8)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("[C11] where the server asked to stay away they begin at eight seconds", () => {
  longest();
  expect(waits(new Backoff(), 4, true)).toEqual([8_000, 16_000, 30_000, 30_000]);
});

test("[C11] after thousands of failures a wait is still one", () => {
  longest();
  expect(waits(new Backoff(), 5_000).at(-1)).toBe(30_000);
});

test("[C11] the jitter is full: each wait is spread evenly from nothing to its bound", () => {
  const random = new Random(1);
  vi.spyOn(Math, "random").mockImplementation(() => random.next());
  const clients = 10_000;
  const quarters = [0, 0, 0, 0];
  for (let client = 0; client < clients; client += 1) {
    const wait = waits(new Backoff(), 3).at(-1) ?? 0;
    quarters[Math.floor(wait / 1_000)] = (quarters[Math.floor(wait / 1_000)] ?? 0) + 1;
  }
  for (const count of quarters) expect(Math.abs(count - clients / 4)).toBeLessThan(clients * 0.02);
});

test("[C11] only a connection that lived for ten seconds lets the waits begin anew", () => {
  longest();
  const backoff = new Backoff();
  waits(backoff, 3);
  backoff.lived(0);
  backoff.lived(9_999);
  expect(backoff.next(false)).toBe(8_000);
  backoff.lived(10_000);
  expect(backoff.next(false)).toBe(1_000);
});
