/** A soak of seconds: that it runs, finds nothing, and would find something; `npm run soak` is the long one, `-- --planted` has all the bugs. */
import { expect, test } from "vitest";
import { caught } from "../soak/planted.ts";
import { soak } from "../soak/soak.ts";

test("[D1, D2, D3] everything at once, with kills: each accepted message is processed once, in order, or told of", async () => {
  const report = await soak({ seed: Date.now() % 1_000_000, durationMs: 10_000 });
  expect(report.violations, `seed ${report.seed}`).toEqual([]);
  // Of a soak in which little happened it would prove little.
  const { kills, deploys, newcomers, producers, direct, ways } = report;
  expect(kills + deploys).toBeGreaterThan(0);
  for (const count of [newcomers, producers.frames, producers.streams, direct.unwritten, ways.batch, ways.wait])
    expect(count).toBeGreaterThan(0);
  expect(report.delivered).toBeGreaterThan(report.accepted / 2);
});

test("[D1] the soak notices a server that drops messages", async () => {
  expect(await caught("drops-a-message", 7, 5_000)).toMatch(/neither shown nor told of/);
});
