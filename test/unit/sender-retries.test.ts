import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ERRORS } from "../../src/protocol/errors.ts";
import { SendError, type Sender } from "../../src/sender/sender.ts";
import { type Answer, accepted, inTime, problem, senderUnderTest } from "./sender-under-test.ts";

// What the network and the server do is scripted, and time is driven: the real ones are in test/e2e/sender*.test.ts.

beforeEach(() => {
  vi.useFakeTimers();
  // The longest that jitter can be.
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const message = { type: "order", data: { n: 7 } };
/** First these, and then it is accepted. */
const first =
  (...answers: readonly Answer[]) =>
  (request: { readonly body: { readonly id: string } }, index: number): Answer =>
    answers[index] ?? accepted(request.body.id);
const errorOf = (settling: Promise<unknown>): Promise<SendError> =>
  inTime(
    settling.then(
      (value) => {
        throw new Error(`It did not fail: ${JSON.stringify(value)}`);
      },
      (error: unknown) => {
        if (error instanceof SendError) return error;
        throw error;
      },
    ),
  );

const TABLE = Object.entries(ERRORS).flatMap(([code, { status, retry }]) =>
  status === undefined ? [] : [[code, status, retry] as const],
);

test.each(TABLE)(
  "[E1, S4] the problem %s (%i), retry %s: sent again as the table says",
  async (code, status, retry) => {
    const { sender, requests } = senderUnderTest(first(problem(code, status, retry)));
    if (retry === "no") {
      const error = await errorOf(sender.send("ada", message));
      expect(error).toMatchObject({ code, status, retry, attempts: 1, detail: `About ${code}.` });
      expect(error.problem).toMatchObject({ code, title: code });
    } else {
      expect(await inTime(sender.send("ada", message))).toMatchObject({ seq: 7, replayed: false });
    }
    expect(requests).toHaveLength(retry === "no" ? 1 : 2);
  },
);

test.each(TABLE)(
  "[S13] without an id the problem %s (%i), retry %s is tried again only where nothing was done",
  async (...row) => {
    const [code, status, retry] = row;
    const { sender, requests } = senderUnderTest(first(problem(code, status, retry)));
    const sending = sender.send("ada", { ...message, id: false });
    if (retry === "later") await inTime(sending);
    else expect(await errorOf(sending)).toMatchObject({ code, id: undefined });
    expect(requests).toHaveLength(retry === "later" ? 2 : 1);
    expect(requests.every(({ body }) => !("id" in body))).toBe(true);
  },
);

test.each([
  ["no connection", "lost"],
  ["a reply that breaks off", "cut"],
  ["no answer", "silent"],
  ["a proxy's 500", { status: 500, body: "<html>" }],
  ["a proxy's 502", { status: 502, body: { message: "Bad Gateway" } }],
  ["a proxy's 503", { status: 503, body: "" }],
  ["a proxy's 504", { status: 504, body: "upstream timed out" }],
  ["a proxy's 408", { status: 408, body: "" }],
  ["a proxy's 429", { status: 429, body: "slow down" }],
] as const)("[S4] %s: sent again, under one id", async (_, answer) => {
  const { sender, requests } = senderUnderTest(first(answer, answer));
  await inTime(sender.send("ada", message));
  expect(requests).toHaveLength(3);
  expect(new Set(requests.map(({ body }) => body.id)).size).toBe(1);
  expect(requests[0]?.body).toEqual({ ...message, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
});

test.each([
  ["a page of 200", { status: 200, body: "<html>Log in</html>" }],
  ["another API's 200", { status: 200, body: { ok: true } }],
  ["a redirect", { status: 301, body: "", headers: { location: "https://elsewhere.test/" } }],
  ["a proxy's 403", { status: 403, body: "<html>Blocked</html>" }],
  ["a proxy's 404", { status: 404, body: "nothing here" }],
] as const)("[E1] %s is no Restante, and is said to be none", async (_, answer) => {
  const { sender, requests } = senderUnderTest(first(answer));
  const error = await errorOf(sender.send("ada", message));
  expect(error).toMatchObject({ code: "foreign_reply", retry: "no", status: answer.status });
  expect(error.detail).toContain(answer.status === 301 ? "to https://elsewhere.test/" : "is not Restante");
  expect(requests).toHaveLength(1);
});

test("[S13] without an id no lost answer is asked for again", async () => {
  for (const answer of ["lost", "cut", "silent", { status: 502, body: "" }] as const) {
    const { sender, requests } = senderUnderTest(first(answer));
    const error = await errorOf(sender.send("ada", { ...message, id: false }));
    expect([error.retry, error.attempts, requests.length]).toEqual(["same_id", 1, 1]);
  }
});

test("[S4] the caller's own id is kept, and stands in the error", async () => {
  const { sender, requests } = senderUnderTest(() => "lost", { timeoutMs: 1_000 });
  const error = await errorOf(sender.send("ada", { ...message, id: "order-7" }));
  expect(error).toMatchObject({ code: "network", id: "order-7", retry: "same_id", attempts: requests.length });
  expect(error.detail).toContain("fetch failed: ECONNREFUSED");
  expect(error.cause).toBeInstanceOf(TypeError);
  expect(new Set(requests.map(({ body }) => body.id))).toEqual(new Set(["order-7"]));
});

test("[S4] pauses double up to 5 s, and end with the time that there is", async () => {
  const { sender, requests } = senderUnderTest(() => "lost");
  const error = await errorOf(sender.send("ada", message));
  const pauses = requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0));
  expect(pauses).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
  expect(error.attempts).toBe(10);
});

test("[S4] the jitter is full: a pause may be none", async () => {
  vi.mocked(Math.random).mockReturnValue(0);
  const { sender, requests } = senderUnderTest(() => "lost", { maxAttempts: 6 });
  expect(await errorOf(sender.send("ada", message))).toMatchObject({ code: "network", attempts: 6 });
  expect(requests.map(({ at }) => at)).toEqual([0, 0, 0, 0, 0, 0]);
});

const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toUTCString();

test.each([
  ["seconds", () => ({ "retry-after": "3" }), 3_000],
  ["a date", () => ({ "retry-after": inSeconds(4) }), 4_000],
  [
    "a date by a clock that is an hour ahead",
    () => ({ "retry-after": inSeconds(3_605), date: inSeconds(3_600) }),
    5_000,
  ],
  ["a date in the past", () => ({ "retry-after": inSeconds(-9) }), 0],
  ["no time at all", () => ({ "retry-after": "soon" }), 0],
] as const)("[S8] Retry-After in %s is the least, and jitter comes on top", async (_, headers, leastMs) => {
  vi.setSystemTime("2026-11-23T18:40:00.000Z");
  const { sender, requests } = senderUnderTest(first(problem("outbox_full", 429, "later", headers())));
  await inTime(sender.send("ada", message));
  expect(requests.map(({ at }) => at)).toEqual([0, leastMs + 200]);
});

test("[S8] what may be tried again only after its time is over fails at once, and says when", async () => {
  const { sender, requests } = senderUnderTest(() => problem("outbox_full", 429, "later", { "retry-after": "60" }));
  const error = await errorOf(sender.send("ada", message));
  expect(error).toMatchObject({ code: "outbox_full", retryAfterMs: 60_000, attempts: 1 });
  expect([requests.length, vi.getTimerCount()]).toEqual([1, 0]);
});

test("[S3] the time for trying comes on top of the wait, of which each attempt asks for what is left", async () => {
  const { sender, requests } = senderUnderTest(first("silent", "silent"), { attemptTimeoutMs: 1_000 });
  await inTime(sender.send("ada", message, { wait: 10 }));
  // The first is given up when the wait and its margin are over, 11 s; nothing is left for the others.
  expect(requests.map(({ at, headers }) => [at, headers.prefer])).toEqual([
    [0, "wait=10"],
    [11_200, "wait=0"],
    [12_600, "wait=0"],
  ]);
  const { sender: other, requests: others } = senderUnderTest(first("lost", "lost"));
  await inTime(other.send("ada", message, { wait: 2.5 }));
  expect(others.map(({ headers }) => headers.prefer)).toEqual(["wait=2.5", "wait=2.3", "wait=1.9"]);
});

test("[S3] a wait beyond the server's is the server's; what is no wait is refused before anything is sent", async () => {
  const { sender, requests } = senderUnderTest(first());
  await inTime(sender.send("ada", message, { wait: 90 }));
  expect(requests[0]?.headers.prefer).toBe("wait=30");
  for (const wait of [-1, Number.NaN]) {
    expect(await errorOf(sender.send("ada", message, { wait }))).toMatchObject({
      code: "invalid_request",
      attempts: 0,
    });
  }
  expect(requests).toHaveLength(1);
});

test("[E1] an attempt without an answer ends at its own time, and all of it at the deadline", async () => {
  const { sender, requests } = senderUnderTest(() => "silent", { timeoutMs: 10_000, attemptTimeoutMs: 4_000 });
  const error = await errorOf(sender.send("ada", message));
  expect(error).toMatchObject({ code: "timeout", retry: "same_id", attempts: 3, status: undefined });
  expect(requests.map(({ at }) => at)).toEqual([0, 4_200, 8_600]);
});

test("[E1] the caller's signal ends an attempt, a pause, and what has not begun", async () => {
  for (const answer of ["silent", "lost"] as const) {
    const ending = new AbortController();
    const { signal } = ending;
    const { sender, requests } = senderUnderTest(() => answer);
    const sending = sender.send("ada", { ...message, id: "a" }, { signal }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(100);
    ending.abort(new Error("closing"));
    const aborted = { code: "aborted", retry: "same_id", cause: new Error("closing") };
    expect(await sending).toMatchObject({ ...aborted, id: "a", attempts: 1 });
    expect(await errorOf(sender.send("ada", message, { signal }))).toMatchObject({ ...aborted, attempts: 0 });
    expect([requests.length, vi.getTimerCount()]).toEqual([1, 0]);
  }
});

const ONCE: readonly (readonly [name: string, call: (sender: Sender) => Promise<unknown>, body: unknown])[] = [
  ["recall", (s) => s.recall("ada", "a"), { status: "recalled", sent: true }],
  ["requeue", (s) => s.requeue("ada", { seq: 7 }), { requeued: [], left: 0 }],
  ["discard", (s) => s.discard("ada", { all: true }), { discarded: 1 }],
];

test.each(ONCE)(
  "[S13] %s is tried again where it was refused, and not where its outcome is unknown",
  async (_, call, body) => {
    const later = senderUnderTest((_, index) =>
      index === 0 ? problem("overloaded", 503, "later") : { status: 200, body },
    );
    await inTime(call(later.sender));
    expect(later.requests).toHaveLength(2);
    for (const answer of ["lost", problem("outcome_unknown", 503, "same_id"), { status: 502, body: "" }] as const) {
      const unknown = senderUnderTest(() => answer);
      expect(await errorOf(call(unknown.sender))).toMatchObject({ attempts: 1, retry: "same_id" });
    }
  },
);
