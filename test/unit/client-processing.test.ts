import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { InboxError } from "../../src/client/inbox-error.ts";
import { type Entry, Processing } from "../../src/client/processing.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const message = (seq: number, id = `id-${seq}`): Entry => ({
  kind: "message",
  seq,
  message: { seq, id, type: "t", data: seq, timestamp: "2026-11-23T18:40:00.000Z" },
});
const messages = (...seqs: readonly number[]): readonly Entry[] => seqs.map((seq) => message(seq));
const gap = (seq: number): Entry => ({ kind: "gap", seq, gap: { seq, count: 1, reasons: { expired: 1 } } });

/** A processing whose log tells in order what happened: `+7` handed over, `=7` processed up to 7, `!7` failed. */
const stage = (handle: (entry: Entry) => unknown = () => {}) => {
  const log: string[] = [];
  const errors: InboxError[] = [];
  const processing = new Processing({
    handle: (entry) => {
      log.push(`+${entry.seq}`);
      return handle(entry);
    },
    processed: (isIdle) => log.push(`=${processing.processed}${isIdle ? " idle" : ""}`),
    failed: (error) => {
      errors.push(error);
      log.push(`!${error.seq ?? "gap"}`);
    },
  });
  return { processing, log, errors };
};

/** A handler that ends when it is told to. */
const held = () => {
  const ends = new Map<number, PromiseWithResolvers<void>>();
  return {
    handle: (entry: Entry) => {
      const end = Promise.withResolvers<void>();
      ends.set(entry.seq, end);
      return end.promise;
    },
    async end(seq: number) {
      ends.get(seq)?.resolve();
      await vi.advanceTimersByTimeAsync(0);
    },
  };
};

const settle = () => vi.advanceTimersByTimeAsync(0);
/** As full as jitter can make a pause. */
const longestPauses = () => vi.spyOn(Math, "random").mockReturnValue(1);

test("[D2, D3] entries are handed over one after another, each when the one before has resolved", async () => {
  const { handle, end } = held();
  const { processing, log } = stage(handle);
  processing.startAt(0);
  processing.take(messages(1, 2));
  processing.take([gap(3)]);
  expect(log).toEqual(["+1"]);
  await end(1);
  expect(log).toEqual(["+1", "=1", "+2"]);
  await end(2);
  await end(3);
  expect(log).toEqual(["+1", "=1", "+2", "=2", "+3", "=3 idle"]);
});

test("[D3] what comes again falls away, whether it is done, is being handled, or waits for its turn", async () => {
  const { handle, end } = held();
  const { processing, log } = stage(handle);
  processing.startAt(0);
  processing.take(messages(1, 2, 3));
  await end(1);
  processing.take(messages(1, 2, 3, 4));
  for (const seq of [2, 3, 4]) await end(seq);
  processing.take(messages(1, 2, 3, 4));
  await settle();
  expect(log.filter((line) => line.startsWith("+"))).toEqual(["+1", "+2", "+3", "+4"]);
  expect(processing.processed).toBe(4);
});

test("[D3] a second message under a known id is not handed over, but counts as processed; after 1,000 others it would be", async () => {
  const { processing, log } = stage();
  processing.take([message(1, "twice"), message(2, "twice")]);
  await settle();
  expect(log).toEqual(["+1", "=1", "=2 idle"]);
  processing.take(Array.from({ length: 999 }, (_, n) => message(3 + n)));
  processing.take([message(2_000, "twice")]);
  await settle();
  expect(log).not.toContain("+2000");
  processing.take([message(2_001), message(2_002, "twice")]);
  await settle();
  expect(log).toContain("+2002");
});

test.each([
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
  [
    "returns a thenable that rejects",
    // biome-ignore lint/suspicious/noThenProperty: such as a query builder returns
    () => ({ then: (_: unknown, failed: (cause: Error) => void) => failed(new Error("no")) }),
  ],
])(
  "[C6] a handler that %s is called three times, with growing pauses, and then the stream goes on",
  async (_, fail) => {
    longestPauses();
    const { processing, log, errors } = stage((entry) => (entry.seq === 1 ? fail() : undefined));
    processing.take(messages(1, 2));
    await settle();
    expect(log).toEqual(["+1"]);
    await vi.advanceTimersByTimeAsync(374);
    expect(log).toEqual(["+1"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(log).toEqual(["+1", "+1"]);
    await vi.advanceTimersByTimeAsync(1_499);
    expect(log).toEqual(["+1", "+1"]);
    await vi.advanceTimersByTimeAsync(1);
    // Told as failed before it counts as processed: a reject must go before the ack (C6).
    expect(log).toEqual(["+1", "+1", "+1", "!1", "=1", "+2", "=2 idle"]);
    expect(errors[0]).toMatchObject({ code: "handler_failed", seq: 1, cause: new Error("no") });
    expect(errors[0]?.message).toContain("Error: no");
  },
);

test("[C6] one that throws twice and then does not is processed, and nothing is told", async () => {
  let calls = 0;
  const { processing, log } = stage(() => {
    calls += 1;
    if (calls < 3) throw new Error("not yet");
  });
  processing.take([message(1)]);
  await vi.runAllTimersAsync();
  expect(log).toEqual(["+1", "+1", "+1", "=1 idle"]);
});

test("[C6] what failed under an id may come again under it, and is handed over then", async () => {
  let fails = true;
  const { processing, log } = stage(() => {
    if (fails) throw new Error("no");
  });
  processing.take([message(1, "order-7")]);
  await vi.runAllTimersAsync();
  fails = false;
  processing.take([message(2, "order-7")]);
  await settle();
  expect(log.slice(-2)).toEqual(["+2", "=2 idle"]);
});

test("[C4, C6] a gap's handler that fails is told of without a seq: there is no message to reject", async () => {
  const { processing, log, errors } = stage(() => Promise.reject("only words"));
  processing.take([gap(1)]);
  await vi.runAllTimersAsync();
  expect(log.at(-1)).toBe("=1 idle");
  expect(errors.map((error) => error.seq)).toEqual([undefined]);
  expect(errors[0]?.message).toContain("only words");
});

test("[D3] after dropWaiting what runs may end and is not handed over again; what waited comes again, once", async () => {
  const { handle, end } = held();
  const { processing, log } = stage(handle);
  processing.take(messages(1, 2, 3));
  processing.dropWaiting();
  await end(1);
  expect(log).toEqual(["+1", "=1 idle"]);
  processing.take(messages(1, 2, 3));
  for (const seq of [2, 3]) await end(seq);
  expect(log.filter((line) => line.startsWith("+"))).toEqual(["+1", "+2", "+3"]);
});

test("[D3] dropWaiting between two tries lets the entry have its others", async () => {
  const { processing, log } = stage((entry) => {
    if (log.filter((line) => line === `+${entry.seq}`).length < 3) throw new Error("not yet");
  });
  processing.take(messages(1, 2));
  processing.dropWaiting();
  processing.take(messages(1));
  await vi.runAllTimersAsync();
  expect(log).toEqual(["+1", "+1", "+1", "=1 idle"]);
});

test("[D3] dropWaiting where nothing runs lets everything above what is processed come again", async () => {
  const { processing, log } = stage();
  processing.take(messages(1, 2));
  await settle();
  processing.dropWaiting();
  processing.take(messages(2, 3));
  await settle();
  expect(log.filter((line) => line.startsWith("+"))).toEqual(["+1", "+2", "+3"]);
});

test("[A6] after forgetUser the old handler's end says nothing, and the new user's lower seqs and same ids are new", async () => {
  const { handle, end } = held();
  const { processing, log } = stage(handle);
  processing.take([message(99, "order-6"), message(100, "order-7"), message(101)]);
  await end(99);
  processing.forgetUser();
  expect(processing.processed).toBeUndefined();
  processing.startAt(5);
  expect(processing.processed).toBe(5);
  await end(100);
  processing.take([message(6, "order-6"), message(7, "order-7")]);
  await end(6);
  await end(7);
  expect(log).toEqual(["+99", "=99", "+100", "+6", "=6", "+7", "=7 idle"]);
});

test("[A6] after forgetUser between two tries the old entry is not tried again", async () => {
  const { processing, log } = stage((entry) => {
    if (entry.seq === 100) throw new Error("no");
  });
  processing.take([message(100)]);
  await settle();
  processing.forgetUser();
  processing.take([message(6)]);
  await vi.runAllTimersAsync();
  expect(log).toEqual(["+100", "+6", "=6 idle"]);
});

test("[C1, C4] a connection that starts above what came is a gap in its place; the first one, or a lower one, is none", async () => {
  const { handle, end } = held();
  const { processing, log } = stage(handle);
  expect(processing.processed).toBeUndefined();
  processing.startAt(5);
  expect(processing.processed).toBe(5);
  processing.take(messages(10, 11));
  for (const cursor of [5, 10, 11]) processing.startAt(cursor);
  await end(10);
  // 11 is not processed, whatever the server holds.
  processing.startAt(20);
  expect(processing.processed).toBe(10);
  await end(11);
  await end(20);
  expect(processing.processed).toBe(20);
  expect(log).toEqual(["+10", "=10", "+11", "=11", "+20", "=20 idle"]);
});
