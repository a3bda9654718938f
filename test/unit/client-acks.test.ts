import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Acks } from "../../src/client/acks.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { Random } from "../support/random.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface Sent {
  readonly seq: number;
  readonly at: number;
}

const stage = (window: number = LIMITS.windowMaxMessages) => {
  const sent: Sent[] = [];
  const acks = new Acks({ window, send: (seq) => sent.push({ seq, at: Date.now() }) });
  return { acks, sent, seqs: () => sent.map(({ seq }) => seq) };
};

/** The most frames that any second saw. */
const mostInASecond = (sent: readonly Sent[]): number =>
  Math.max(...sent.map(({ at }, first) => sent.slice(first).filter((later) => later.at < at + 1_000).length));

test("[C5] an ack goes at once where nothing else will follow, so that a waiting sender has its answer", () => {
  const { acks, seqs } = stage();
  acks.add(7, true);
  expect(seqs()).toEqual([7]);
});

test("[C5] acks that follow one another closely go together, 20 ms after the first", async () => {
  const { acks, seqs } = stage();
  acks.add(1, false);
  await vi.advanceTimersByTimeAsync(15);
  acks.add(2, false);
  acks.add(3, false);
  await vi.advanceTimersByTimeAsync(4);
  expect(seqs()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(seqs()).toEqual([3]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seqs()).toEqual([3]);
});

test.each([
  [256, 128],
  [7, 4],
  [2, 1],
  [1, 1],
])("[C7] with a window of %i the ack goes at once when %i are gathered", (window, half) => {
  const { acks, seqs } = stage(window);
  for (let seq = 1; seq < half; seq += 1) acks.add(seq, false);
  expect(seqs()).toEqual([]);
  acks.add(half, false);
  expect(seqs()).toEqual([half]);
});

test.each([
  ["one a millisecond, each the last that waits", 1, () => true],
  ["one a millisecond, none of them the last", 1, () => false],
  ["bursts after pauses of up to 3 s", 3_000, (random: Random) => random.chance(0.5)],
  ["steadily, just below the limit of frames", 11, () => true],
])("[C11] %s: never above 95 frames in any second, and the last ack is not late", async (_, pauseMs, isIdle) => {
  for (const window of [1, 8, 256]) {
    const random = new Random(window);
    const { acks, sent } = stage(window);
    const endsAt = Date.now() + 20_000;
    let seq = 0;
    while (Date.now() < endsAt) {
      const burst = pauseMs < 1_000 ? 1 : random.int(1, 200);
      for (let n = 0; n < burst; n += 1) {
        seq += 1;
        acks.add(seq, isIdle(random));
        if (burst > 1) await vi.advanceTimersByTimeAsync(random.int(0, 2));
      }
      await vi.advanceTimersByTimeAsync(pauseMs < 1_000 ? pauseMs : random.int(0, pauseMs));
    }
    await vi.advanceTimersByTimeAsync(45);
    expect(sent.at(-1)?.seq).toBe(seq);
    expect(sent.map((ack) => ack.seq)).toEqual([...new Set(sent.map((ack) => ack.seq))].sort((a, b) => a - b));
    // Room for a few rejects and another spelling of a ping.
    expect(mostInASecond(sent)).toBeLessThanOrEqual(LIMITS.clientFramesPerSecond - 5);
  }
});

test("[C5] flush sends what is due at once, even above the rate, and only once", async () => {
  const { acks, seqs } = stage();
  for (let seq = 1; seq <= 60; seq += 1) acks.add(seq, true);
  expect(seqs()).toHaveLength(45);
  acks.flush();
  expect(seqs().at(-1)).toBe(60);
  acks.flush();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seqs()).toHaveLength(46);
});

test("[C5] stop forgets what is due", async () => {
  const { acks, seqs } = stage();
  acks.add(1, false);
  acks.stop();
  acks.flush();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(seqs()).toEqual([]);
});

test("[C5] a clock that jumps back or ahead neither stops the acks nor lets too many through", async () => {
  const { acks, sent } = stage();
  const startedAt = Date.now();
  for (let seq = 1; seq <= 45; seq += 1) acks.add(seq, true);
  vi.setSystemTime(startedAt - 3_600_000);
  acks.add(46, true);
  await vi.advanceTimersByTimeAsync(100);
  expect(sent.at(-1)?.seq).toBe(46);
  vi.setSystemTime(startedAt + 3_600_000);
  const before = sent.length;
  for (let seq = 47; seq <= 200; seq += 1) acks.add(seq, true);
  expect(sent.length - before).toBeLessThanOrEqual(45);
});
