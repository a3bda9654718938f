import { expect, test } from "vitest";
import { killProof } from "../proofs/kill.ts";

// `node test/proofs/kills.ts` is the long form: the same code, with 100 kills and more.
test("[D1, D2, D7, D9, D10, S4, S13] SIGKILL under load, in the middle of expiry and requeue, loses, doubles and reorders nothing", async () => {
  const report = await killProof({ seed: 1, kills: 9 });
  expect(report.violations).toEqual([]);
  // The kills met what they were aimed at, and something was at stake.
  expect(report.hits.sending).toBeGreaterThanOrEqual(6);
  expect(report.hits.expiring).toBeGreaterThanOrEqual(1);
  expect(report.hits.requeuing).toBeGreaterThanOrEqual(1);
  expect(report.retried).toBeGreaterThan(0);
  expect(report.accepted).toBeGreaterThan(100);
  expect(report.held).toBeGreaterThan(0);
}, 90_000);
