import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { CarrierEvents, CarrierRequest, OutgoingFrame } from "../../src/client/carrier.ts";
import { Connection, type Ending, type Rejected } from "../../src/client/connection.ts";
import type { Entry } from "../../src/client/processing.ts";
import { TokenSource } from "../../src/client/token-source.ts";

const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

interface Established {
  readonly cursor?: number;
  readonly window?: number;
  readonly lifeMs?: number;
  /** How far the server's clock is ahead of this machine's. */
  readonly aheadMs?: number;
}

/** A connection whose other end is this test: what it sent, what it received, and how it ended. */
const stage = async (token: () => string | Promise<string> = () => "a.b.c") => {
  const sent: OutgoingFrame[] = [];
  const closes: number[] = [];
  const received: Entry[] = [];
  const endings: Ending[] = [];
  const state = { processed: 0, rejects: new Map<number, Rejected>() };
  const tokens = new TokenSource(token);
  let events: CarrierEvents | undefined;
  let request: CarrierRequest | undefined;
  const connection = new Connection({
    canPing: true,
    open: (asked, told) => {
      events = told;
      request = asked;
      return { send: (frame) => sent.push(frame), close: (code) => closes.push(code) };
    },
    base: new URL("https://restante.example/"),
    query: new URLSearchParams(),
    token: await tokens.get(),
    tokens,
    connectTimeoutMs: 10_000,
    processed: () => state.processed,
    checkpoint: (seq) => seq,
    rejects: state.rejects,
    established: () => {},
    received: (entries) => received.push(...entries),
    caughtUp: () => {},
    answered: () => {},
    ended: (ending) => endings.push(ending),
  });
  const take = (frame: unknown) => events?.frame(JSON.stringify(frame));
  return {
    connection,
    sent,
    closes,
    endings,
    state,
    take,
    seqs: () => received.map(({ seq }) => seq),
    text: () => request?.token().text,
    closed: (code: number, reason = "") => events?.closed({ code, reason }),
    establish: ({ cursor = 0, window = 256, lifeMs = HOUR_MS, aheadMs = 0 }: Established = {}) => {
      state.processed = Math.max(state.processed, cursor);
      const now = Date.now() + aheadMs;
      take({
        type: "connection_established",
        connection_id: "c.1",
        user: "ada",
        device: "phone",
        timestamp: new Date(now).toISOString(),
        cursor,
        pending: 0,
        window,
        // Not what is tested here.
        heartbeat_ms: 24 * HOUR_MS,
        expires_at: new Date(now + lifeMs).toISOString(),
      });
    },
    messages: (prev: number, ...seqs: readonly number[]) =>
      take({ type: "messages", prev, messages: seqs.map((seq) => ({ seq, id: `${seq}`, type: "t", timestamp: "" })) }),
  };
};

test("[C3] frames that hang together are passed on, gaps among them; `prev` of the first is the cursor", async () => {
  const { establish, messages, take, seqs, endings } = await stage();
  establish({ cursor: 10 });
  messages(10, 11, 15);
  take({ type: "gap", prev: 15, seq: 20, count: 2, reasons: { expired: 2, overtaken: 0 } });
  messages(20, 21);
  expect(seqs()).toEqual([11, 15, 20, 21]);
  expect(endings).toEqual([]);
});

test.each([
  ["the first frame", (s: Awaited<ReturnType<typeof stage>>) => s.messages(11, 12)],
  [
    "a later frame",
    (s: Awaited<ReturnType<typeof stage>>) => {
      s.messages(10, 11);
      s.messages(12, 13);
    },
  ],
  ["a gap", (s: Awaited<ReturnType<typeof stage>>) => s.take({ type: "gap", prev: 9, seq: 12, count: 1, reasons: {} })],
])("[C3] where %s does not follow what came before, it closes with 4000 and takes nothing more", async (_, lose) => {
  const staged = await stage();
  staged.establish({ cursor: 10 });
  lose(staged);
  const before = staged.seqs();
  expect(staged.closes).toEqual([4000]);
  expect(staged.endings).toEqual([{ code: 4000, reason: "frame_lost", livedMs: 0 }]);
  staged.messages(10, 11);
  staged.connection.progressed(true);
  staged.closed(1006);
  expect(staged.seqs()).toEqual(before);
  expect(staged.endings).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("[C5] never acks beyond what came on this connection, whatever an earlier one brought", async () => {
  const { connection, establish, messages, sent, state } = await stage();
  state.processed = 30;
  establish({ cursor: 10 });
  connection.progressed(true);
  messages(10, 11, 20);
  messages(20, 40);
  state.processed = 40;
  connection.progressed(true);
  expect(sent.map((frame) => "seq" in frame && frame.seq)).toEqual([10, 20, 40]);
});

test("[C6] a reject goes before the ack that would undo it, and only once its message came on this connection", async () => {
  const { connection, establish, messages, sent, state } = await stage();
  establish({ cursor: 10 });
  state.rejects.set(12, [11, "no"]);
  connection.progressed(false);
  messages(10, 11, 12, 13);
  state.processed = 12;
  connection.progressed(false);
  state.processed = 13;
  connection.progressed(true);
  connection.progressed(true);
  expect(sent.map((frame) => `${frame.type} ${"seq" in frame ? frame.seq : ""}`)).toEqual([
    "reject 12",
    "ack 13",
    "ack 13",
  ]);
});

test("[C6, C3] of what came as one each is rejected that comes one by one, and nothing beside it", async () => {
  const { connection, establish, messages, sent, state } = await stage();
  establish({ cursor: 10 });
  state.rejects.set(14, [11, "no"]);
  state.processed = 15;
  messages(10, 11, 12);
  messages(12, 13);
  messages(13, 14, 15);
  connection.progressed(true);
  expect(sent.map((frame) => `${frame.type} ${"seq" in frame ? frame.seq : ""}`)).toEqual([
    "reject 12",
    "ack 12",
    "reject 13",
    "ack 13",
    "reject 14",
    "ack 15",
    "ack 15",
  ]);
});

test("[C6] a reject is remembered until a connection starts above it, which says that the server has it", async () => {
  const first = await stage();
  first.establish();
  first.messages(0, 1, 2);
  first.state.rejects.set(1, [0, "no"]).set(2, [1, "no"]);
  first.state.processed = 2;
  first.connection.progressed(true);
  expect([...first.state.rejects.keys()]).toEqual([1, 2]);
  first.establish({ cursor: 1 });
  expect([...first.state.rejects.keys()]).toEqual([2]);
});

test("[C11] the error that came before a close says why", async () => {
  const { establish, take, closed, endings } = await stage();
  establish();
  vi.setSystemTime(Date.now() + 5_000);
  take({ type: "error", code: "bad_frame", detail: "Frames are text." });
  closed(4400, "bad_frame");
  expect(endings).toEqual([{ code: 4400, reason: "bad_frame", detail: "Frames are text.", livedMs: 5_000 }]);
});

test("[C11] frames that it does not know, and their fields, are nothing to it", async () => {
  const { establish, take, messages, seqs, endings } = await stage();
  take({ type: "hello" });
  establish();
  take({ type: "weather", prev: 7 });
  messages(0, 1);
  expect(seqs()).toEqual([1]);
  expect(endings).toEqual([]);
});

test("[C1] without a confirmation in time it gives up, and says so once", async () => {
  const { closes, endings, closed } = await stage();
  await vi.advanceTimersByTimeAsync(9_999);
  expect(endings).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  closed(1006);
  expect(closes).toEqual([4001]);
  expect(endings).toMatchObject([{ code: 1006, reason: "connect_timeout" }]);
  expect(endings[0]?.livedMs).toBeUndefined();
});

test("[C5] closed by its owner it acks what is processed, and is silent from then on", async () => {
  const { connection, establish, messages, closes, sent, state, seqs, endings } = await stage();
  establish();
  messages(0, 1);
  state.processed = 1;
  connection.close();
  connection.close();
  messages(1, 2);
  expect(sent).toEqual([{ type: "ack", seq: 1 }]);
  expect(closes).toEqual([1000]);
  expect(seqs()).toEqual([1]);
  expect(endings).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

/** A server that renews, in turn, with these answers; the last is repeated. */
const renewals = (...answers: readonly (() => Response)[]) => {
  const asked: {
    readonly url: string;
    readonly method: unknown;
    readonly token: string | null;
    readonly at: number;
  }[] = [];
  const fetched = vi.fn(async (url: URL, init: RequestInit) => {
    const token = new Headers(init.headers).get("authorization");
    asked.push({ url: url.href, method: init.method, token, at: Date.now() });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer === undefined) throw new TypeError("fetch failed");
    return answer();
  });
  vi.stubGlobal("fetch", fetched);
  return asked;
};
const granted =
  (lifeMs: number, aheadMs = 0) =>
  () =>
    Response.json({ expires_at: new Date(Date.now() + aheadMs + lifeMs).toISOString() });
const refused = (status: number) => () => Response.json({ code: "no" }, { status });
/** Tokens with names that tell them apart. */
const numbered = () => {
  let n = 0;
  return () => {
    n += 1;
    return `token.${n}.x`;
  };
};

test("[C9] the token is renewed at three quarters of its life, and again of the next one's, on the same connection", async () => {
  const asked = renewals(granted(HOUR_MS));
  const { establish, text, endings } = await stage(numbered());
  const from = Date.now();
  establish();
  await vi.advanceTimersByTimeAsync(0.75 * HOUR_MS - 1);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toEqual([
    {
      url: "https://restante.example/v1/connections/c.1/token",
      method: "PUT",
      token: "Bearer token.2.x",
      at: from + 0.75 * HOUR_MS,
    },
  ]);
  expect(text()).toBe("token.2.x");
  await vi.advanceTimersByTimeAsync(0.75 * HOUR_MS);
  expect(asked.map(({ token }) => token)).toEqual(["Bearer token.2.x", "Bearer token.3.x"]);
  expect(endings).toEqual([]);
});

test("[C9] a token that the app's backend gave a second time is renewed by what is left of it, not by its whole life", async () => {
  const asked = renewals(granted(0.2 * HOUR_MS), granted(HOUR_MS));
  const { establish } = await stage(() => "the.same.token");
  establish();
  await vi.advanceTimersByTimeAsync(0.75 * HOUR_MS);
  await vi.advanceTimersByTimeAsync(0.75 * 0.2 * HOUR_MS);
  expect(asked).toHaveLength(2);
});

test.each([-HOUR_MS * 24, HOUR_MS * 24])("[C9] a clock that is %i ms off changes nothing", async (aheadMs) => {
  const asked = renewals(granted(HOUR_MS, aheadMs));
  const { establish } = await stage();
  const from = Date.now();
  establish({ aheadMs });
  await vi.advanceTimersByTimeAsync(1.5 * HOUR_MS);
  expect(asked.map(({ at }) => at - from)).toEqual([0.75 * HOUR_MS, 1.5 * HOUR_MS]);
});

test("[C9] a renewal that fails is tried again, every five seconds, until it passes", async () => {
  const unreachable = () => {
    throw new TypeError("fetch failed");
  };
  const asked = renewals(unreachable, refused(503), refused(401), granted(HOUR_MS));
  let calls = 0;
  const { establish, endings } = await stage(() => {
    calls += 1;
    if (calls === 2) throw new Error("the app's backend is away");
    return "a.b.c";
  });
  const from = Date.now();
  establish();
  await vi.advanceTimersByTimeAsync(0.75 * HOUR_MS + 60_000);
  expect(asked.map(({ at }) => at - from - 0.75 * HOUR_MS)).toEqual([5_000, 10_000, 15_000, 20_000]);
  expect(endings).toEqual([]);
});

test.each([403, 404])(
  "[C9] a renewal that is answered %i ends the connection, to be made anew with that token",
  async (status) => {
    renewals(refused(status));
    const { establish, endings, closes } = await stage();
    establish();
    await vi.advanceTimersByTimeAsync(0.75 * HOUR_MS);
    expect(closes).toEqual([1000]);
    expect(endings).toEqual([{ code: 4000, reason: "", livedMs: 0.75 * HOUR_MS }]);
  },
);

test("[C9] a life that is all but over does not make it ask in a circle", async () => {
  const asked = renewals(granted(-1_000));
  const { establish } = await stage();
  establish({ lifeMs: 0 });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.length).toBeLessThanOrEqual(10);
});
