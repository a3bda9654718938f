import { expect, test } from "vitest";
import { herdProof } from "../proofs/herd-run.ts";

// `npm run proof -- herd` is the long form: the same code, with 1,000 inboxes and more.
test("[C11, D3] inboxes whose server is killed come back spread out, after a few attempts each, and with everything", async () => {
  const report = await herdProof(100, { how: "killed", downMs: 2_000 });
  expect(report.violations).toEqual([]);
  expect(report.attempts.median).toBeGreaterThanOrEqual(2);
  expect(report.attempts.max).toBeLessThanOrEqual(10);
  // The first wait alone is spread over four steps, and each later one over twice as many.
  expect(report.peakShare).toBeLessThan(0.3);
}, 90_000);

test("[C11, D3] inboxes closed with 1012 come back with one attempt each, within about a second", async () => {
  const report = await herdProof(100, { how: "closed 1012" });
  expect(report.violations).toEqual([]);
  expect(report.attempts).toMatchObject({ median: 1, max: 1, all: 100 });
  expect(report.peakShare).toBeLessThan(0.45);
  expect(report.backMs.all).toBeLessThan(5_000);
}, 60_000);
