/** A short fuzz with a seed of always and one of now; `node test/proofs/fuzz.ts` is the long one. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { fuzz } from "../proofs/fuzz-run.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const COUNT = 3_000;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime();
});
afterAll(() => runtime?.stop());

test.each([8725, Date.now() % 1_000_000_000])(
  "[E2, A6] mutated frames and requests, seed %i: no 5xx, no stack, no other user's data, nothing half done",
  async (seed) => {
    const report = await fuzz(runtime, { count: COUNT, seed });
    expect(report.violations).toEqual([]);
    expect(report.requests + report.frames + report.publisherFrames).toBeGreaterThanOrEqual(COUNT);
    // Mutations that all met the same answer would test nothing.
    expect(Object.keys(report.replies).length).toBeGreaterThan(12);
    expect(Object.keys(report.ends).length).toBeGreaterThan(3);
    expect(Object.keys(report.published).length).toBeGreaterThan(5);
    expect(runtime.logs).not.toContain('"level":"error"');
  },
);
