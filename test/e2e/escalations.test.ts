import { expect, test } from "vitest";
import { escalationProof } from "../proofs/escalation.ts";

// `npm run proof -- escalations` is the long form: the same code, with 100 kills and more, and alarms alone at the end.
test("[D1, D7, N1, N2, N4, N5] SIGKILL between any two steps of escalation and bulk requeue: no message twice or nowhere, no webhook lost", async () => {
  const report = await escalationProof({ seed: 1, kills: 8, alone: false });
  expect(report.violations).toEqual([]);
  // The kills met what they were aimed at, and something was at stake.
  expect(report.hits.falling).toBeGreaterThanOrEqual(1);
  expect(report.hits.telling).toBeGreaterThanOrEqual(1);
  expect(report.repeated).toBeGreaterThanOrEqual(1);
  expect(report.calledOff).toBeGreaterThan(0);
  expect(report.requeued).toBeGreaterThan(0);
}, 90_000);
