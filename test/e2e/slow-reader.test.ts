import { expect, test } from "vitest";
import { slowReader } from "../proofs/slow-reader.ts";

// `node test/proofs/slow-readers.ts` is the long form, with 10,000 messages.
test("[C7, D2, D8] sockets that stop reading cost a window each, hurt nobody, and get all of it in order after a hibernation", async () => {
  const [messages, bytes, tabs] = [1_500, 4_000, 12];
  const report = await slowReader({ messages, bytes, tabs });
  expect(report.violations).toEqual([]);
  // A window is 256 messages or 1 MiB, whichever is less.
  for (const sent of report.inFlight) {
    expect(sent).toBeGreaterThan(200);
    expect(sent).toBeLessThanOrEqual(256);
  }
  // 12 windows are 12 MiB. What the tabs are not sent, and a server without windows would keep for them, is six times as much.
  const backlogBytes = messages * bytes * tabs;
  expect(report.slowGrowthBytes - report.controlGrowthBytes).toBeLessThan(backlogBytes / 2);
  // The sender does not notice.
  expect(report.slowMs.p50).toBeLessThan(3 * report.controlMs.p50 + 10);
  expect(report.otherReceived).toBe(messages);
  expect(report.hibernatedAfterMs).toBeGreaterThan(5_000);
}, 90_000);
