/** The axes of the dashboard's charts. */
import { describe, expect, test } from "vitest";
import { DECIMAL, instants, linear, logarithmic, TIME, WHOLE } from "../../src/console/page/dashboard/scales.ts";
import { duration } from "../../src/console/page/dashboard/units.ts";
import { RANGES, type Range } from "../../src/protocol/monitor-api.ts";
import { NOW } from "../support/monitor-replies.ts";

const plain = (text: string) => text.replaceAll("\u00a0", " ");

describe("[M1] an axis", () => {
  test("begins at zero, ends above the largest value, and has at most four round numbers", () => {
    expect(linear(WHOLE, 5)(0)).toEqual({ bottom: 0, top: 6, ticks: [0, 2, 4, 6] });
    expect(linear(WHOLE, 5)(1_234).ticks).toEqual([0, 500, 1_000, 1_500]);
    expect(linear(DECIMAL, 0.01)(0.3).ticks).toEqual([0, 0.1, 0.2, 0.3]);
    expect(linear(TIME, 10)(70_000).ticks.map(duration).map(plain)).toEqual(["0 ms", "30 s", "1 min", "1.5 min"]);
    for (const steps of [WHOLE, DECIMAL, TIME]) {
      for (let max = 0.001; max < 1e9; max *= 1.37) {
        const { top, ticks } = linear(steps, 0)(max);
        expect(top).toBeGreaterThanOrEqual(max);
        expect(ticks.length).toBeLessThanOrEqual(4);
        expect(ticks.at(-1)).toBeCloseTo(top, 6);
      }
    }
  });

  test("of times that may be of milliseconds or of days has a line for each tenfold, or fewer", () => {
    expect(logarithmic(1).ticks.map(duration).map(plain)).toEqual(["1 ms", "10 ms", "100 ms", "1 s"]);
    expect(
      logarithmic(5 * 86_400_000)
        .ticks.map(duration)
        .map(plain),
    ).toEqual(["10 ms", "10 s", "1 h", "7 d"]);
    for (let max = 1; max < 2.6e9; max *= 1.9) {
      const { top, ticks } = logarithmic(max);
      expect(top).toBeGreaterThanOrEqual(max);
      expect(ticks.length).toBeLessThanOrEqual(5);
    }
  });

  test("of time has round instants only, and no more than there is room for", () => {
    for (const range of ["15m", "6h", "7d"] as Range[]) {
      const { slotMs, slots } = RANGES[range];
      for (let now = NOW; now < NOW + 86_400_000; now += 7 * 61_000) {
        const all = instants(range, now - slotMs * slots, now, 4);
        expect(all.length).toBeGreaterThanOrEqual(range === "7d" ? 3 : 2);
        expect(all.length).toBeLessThanOrEqual(4);
        for (const at of all) expect(new Date(at).getSeconds() + new Date(at).getMilliseconds()).toBe(0);
        if (range === "7d") for (const at of all) expect(new Date(at).getHours()).toBe(0);
      }
    }
  });
});
