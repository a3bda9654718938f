import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Heartbeat } from "../../src/client/heartbeat.ts";

const EVERY_MS = 30_000;
/** How long an answer may take, and after doubts. */
const ANSWER_MS = 10_000;
const PROBE_MS = 4_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const stage = ({ everyMs = EVERY_MS, canPing = true } = {}) => {
  const log: string[] = [];
  const plan = { everyMs, dead: () => void log.push("dead") };
  const heartbeat = new Heartbeat(canPing ? { ...plan, ping: () => void log.push("ping") } : plan);
  return { heartbeat, log };
};
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
/** The machine sleeps: its clock goes on, its timers do not. */
const sleep = (ms: number) => vi.setSystemTime(Date.now() + ms);

test("[C8] it pings in every interval, and lives as long as it is answered", async () => {
  const { heartbeat, log } = stage();
  for (let beat = 1; beat <= 5; beat += 1) {
    await pass(beat === 1 ? EVERY_MS : EVERY_MS - ANSWER_MS + 1);
    expect(log).toEqual(Array(beat).fill("ping"));
    await pass(ANSWER_MS - 1);
    heartbeat.heard();
  }
  heartbeat.stop();
});

test("[C8] an answer that does not come in time is the end", async () => {
  const { log } = stage();
  await pass(EVERY_MS + ANSWER_MS - 1);
  expect(log).toEqual(["ping"]);
  await pass(1);
  expect(log).toEqual(["ping", "dead"]);
});

test("[C8] with short intervals the answer has one interval", async () => {
  const { log } = stage({ everyMs: 1_000 });
  await pass(1_999);
  expect(log).toEqual(["ping"]);
  await pass(1);
  expect(log).toContain("dead");
});

test("[C8] anything that comes is an answer, and a later beat asks anew", async () => {
  const { heartbeat, log } = stage();
  await pass(EVERY_MS + 1);
  heartbeat.heard();
  await pass(EVERY_MS - 2);
  expect(log).toEqual(["ping"]);
  await pass(1);
  expect(log).toEqual(["ping", "ping"]);
  await pass(ANSWER_MS);
  expect(log.at(-1)).toBe("dead");
});

test("[C8] a probe asks at once, with a short deadline", async () => {
  const { heartbeat, log } = stage();
  heartbeat.probe();
  expect(log).toEqual(["ping"]);
  await pass(PROBE_MS - 1);
  expect(log).toEqual(["ping"]);
  await pass(1);
  expect(log).toEqual(["ping", "dead"]);
});

test("[C8] a beat that comes late says that the machine slept: it probes, and an answer keeps the connection", async () => {
  const { heartbeat, log } = stage();
  sleep(3_600_000);
  await pass(EVERY_MS);
  expect(log).toEqual(["ping"]);
  heartbeat.heard();
  await pass(PROBE_MS);
  expect(log).toEqual(["ping"]);
  heartbeat.stop();

  const silent = stage();
  sleep(3_600_000);
  await pass(EVERY_MS + PROBE_MS);
  expect(silent.log).toEqual(["ping", "dead"]);
});

test("[C8] asleep while an answer was due, it asks again before it believes in death", async () => {
  const { heartbeat, log } = stage();
  await pass(EVERY_MS);
  sleep(3_600_000);
  await pass(ANSWER_MS);
  expect(log).toEqual(["ping", "ping"]);
  heartbeat.heard();
  await pass(PROBE_MS);
  expect(log).toEqual(["ping", "ping"]);
  heartbeat.stop();

  const silent = stage();
  await pass(EVERY_MS);
  sleep(3_600_000);
  await pass(ANSWER_MS + PROBE_MS);
  expect(silent.log).toEqual(["ping", "ping", "dead"]);
});

test("[C8] a clock that was set back delays nothing and kills nothing", async () => {
  const { heartbeat, log } = stage();
  sleep(-3_600_000);
  await pass(EVERY_MS);
  expect(log).toEqual(["ping"]);
  heartbeat.heard();
  await pass(EVERY_MS);
  expect(log).toEqual(["ping", "ping"]);
  heartbeat.stop();
});

test("[C10] where the other end beats by itself nothing is asked, and two and a half silent intervals are the end", async () => {
  const { heartbeat, log } = stage({ canPing: false });
  heartbeat.probe();
  for (let beat = 0; beat < 5; beat += 1) {
    await pass(EVERY_MS);
    heartbeat.heard();
  }
  expect(log).toEqual([]);
  await pass(EVERY_MS * 2.5 - 1);
  expect(log).toEqual([]);
  await pass(1);
  expect(log).toEqual(["dead"]);
});

test("[C8] stopped, it says nothing more", async () => {
  const { heartbeat, log } = stage();
  await pass(EVERY_MS);
  heartbeat.stop();
  await pass(10 * EVERY_MS);
  expect(log).toEqual(["ping"]);
  expect(vi.getTimerCount()).toBe(0);
});
