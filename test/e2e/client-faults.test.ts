import { expect, test } from "vitest";
import { faultProof } from "../proofs/fault-run.ts";

// `npm run proof -- faults` is the long form: the same code, with 500 faults and more.
test("[D3] on a network that cuts, freezes, forgets and loses, with a server that is killed, each message is processed once and in order", async () => {
  const report = await faultProof({ seed: 1, faults: 40, clients: 20 });
  expect(report.violations).toEqual([]);
  // It was at stake: connections were lost and came back, over both carriers, and messages came again.
  expect(report.established).toMatchObject({ socket: expect.any(Number), events: expect.any(Number) });
  expect(report.attempts).toBeGreaterThan(50);
  expect(report.accepted).toBeGreaterThan(500);
  expect(report.repeated).toBeGreaterThan(0);
  expect(Object.values(report.kinds).filter(({ faults }) => faults > 0).length).toBeGreaterThan(10);
}, 120_000);
