import { afterAll, beforeAll, expect, test } from "vitest";
import { race } from "../proofs/race.ts";
import { Backend } from "../support/backend.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime();
});
afterAll(() => runtime?.stop());

// `node test/proofs/races.ts` is the long form: the same code, with 1,000 attaches and more.
test.each([1, 2])(
  "[C1, C2, C3, D2, D5] messages sent within 50 ms around an attach are neither lost nor repeated (seed %i)",
  async (seed) => {
    const report = await race(new Backend(runtime.url), { seed, attaches: 75 });
    expect(report.violations).toEqual([]);
    // Both sides of the race were run: some waited for the attach, some came after it.
    expect(report.backlog).toBeGreaterThan(50);
    expect(report.live).toBeGreaterThan(50);
  },
);
