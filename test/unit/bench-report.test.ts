import { expect, test } from "vitest";
import { chartOf, tableOf, targetsOf } from "../bench/report.ts";
import { percentile } from "../support/percentile.ts";

const rows = [
  { name: "a <b>", durable: "no", perSecond: 1_000, p99Ms: 3.126, cpuMs: 100 },
  { group: "g", name: "c", durable: "on the disk", perSecond: 12_345.6, p99Ms: 31.4, generator: 0.5 },
  { group: "g", name: "d", durable: "no: in memory", perSecond: undefined },
];

test("percentiles are of the values as they lie", () => {
  const values = [5, 1, 4, 2, 3];
  expect([0, 0.5, 0.99].map((p) => percentile(values, p))).toEqual([1, 3, 5]);
  expect(values).toEqual([5, 1, 4, 2, 3]);
});

test("the table says each figure, its part of the floor, and where a group begins", () => {
  expect(tableOf(rows, 1_000).split("\n").slice(2)).toEqual([
    "| a <b> | no | 1,000 | 1.00 | 3.13 | 100 | – |",
    "| **g** | | | | | | |",
    "| c | on the disk | 12,346 | 12.35 | 31 | – | 0.50 |",
    "| d | no: in memory | – | – | – | – | – |",
  ]);
});

test("a target is met, not met, or shown elsewhere", () => {
  const target = { what: "w", wanted: "1", figure: "2" };
  const lines = targetsOf([true, false, undefined].map((isMet) => ({ ...target, isMet })))
    .split("\n")
    .slice(2);
  expect(lines).toEqual(["| w | 1 | 2 | met |", "| w | 1 | 2 | **not met** |", "| w | 1 | 2 |  |"]);
});

test("the chart has a bar for each figure, the longest for the most, and no text that is markup", () => {
  const svg = chartOf('"T"', "s", "v", rows);
  const widths = [...svg.matchAll(/<rect class="(\w+)" x="340"[^>]*width="([\d.]+)"/g)].map((m) => [
    m[1],
    Number(m[2]),
  ]);
  expect(widths).toEqual([
    ["volatile", expect.any(Number)],
    ["durable", 440],
  ]);
  expect(widths[0]?.[1]).toBeGreaterThan(0);
  expect(svg).toContain("a &lt;b&gt;");
  expect(svg).not.toContain("<b>");
});
