import { expect, test } from "vitest";
import type { EstablishedFrame, Frame } from "../support/received.ts";
import { StreamCheck } from "../support/stream-check.ts";

// The check that every e2e test leans on must itself be able to find fault.

const established: EstablishedFrame = {
  type: "connection_established",
  connection_id: "tag.1",
  user: "ada",
  device: "default",
  timestamp: "2026-11-23T00:00:00.000Z",
  resumed: true,
  cursor: 5,
  pending: 2,
  window: 256,
  heartbeat_ms: 30_000,
  expires_at: "2026-11-23T01:00:00.000Z",
  protocol: "restante.v1",
};
const messages = (prev: number, ...seqs: number[]): Frame => ({
  type: "messages",
  prev,
  messages: seqs.map((seq) => ({ seq, id: `~${seq}`, type: "t", timestamp: "2026-11-23T00:00:00.000Z" })),
});
const gap = (prev: number, seq: number, count = 1): Frame => ({
  type: "gap",
  prev,
  seq,
  count,
  reasons: { expired: count, overtaken: 0 },
});
const caughtUp: Frame = { type: "caught_up", seq: 9 };

const violationsOf = (...frames: readonly Frame[]): string => {
  const check = new StreamCheck();
  for (const frame of frames) check.accept(frame);
  return check.violations.join("\n");
};

test("[C1, C2, C3, C4] a right stream has no violations", () => {
  expect(violationsOf(established, messages(5, 6, 8), gap(8, 9), caughtUp, messages(9, 12), { type: "pong" })).toBe("");
});

test.each([
  ["[C1] messages before the confirmation", /C1.*first/, [messages(0, 6)]],
  ["[C1] two confirmations", /C1.*second/, [established, established]],
  ["[C3] a frame that was lost", /C3.*prev is not 5/, [established, messages(6, 7)]],
  ["[C3] a frame of nothing", /C3.*without/, [established, messages(5)]],
  ["[C4] a gap out of the chain", /C4.*prev is not 6/, [established, messages(5, 6), gap(5, 7)]],
  ["[C4] a gap of nothing", /C4.*nothing/, [established, gap(5, 7, 0)]],
  ["[D2] a message twice", /D2.*6 after 6/, [established, messages(5, 6, 6)]],
  ["[D2] a lower seq", /D2.*3 after 5/, [established, messages(5, 3)]],
  ["[C2] caught_up twice", /C2.*second/, [established, caughtUp, caughtUp]],
] satisfies [string, RegExp, Frame[]][])("%s is found", (_, expected, frames) => {
  expect(violationsOf(...frames)).toMatch(expected);
});
