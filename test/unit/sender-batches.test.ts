import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { type Receipt, SendError } from "../../src/sender/sender.ts";
import { type Answer, accepted, inTime, problem, type Request, senderUnderTest } from "./sender-under-test.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

interface Sent {
  readonly to: string;
  readonly id: string;
  readonly data: unknown;
}
type Result = Answer & { readonly status: number; readonly body: object };

/** One result for each message, as the server gives them (S9). */
const results = (
  request: Request,
  resultOf: (message: Sent) => Answer,
  retryAfter: Readonly<Record<string, number>> = {},
): Answer => ({
  status: 200,
  body: {
    results: request.body.messages.map((message: Sent) => {
      const { status, body } = resultOf(message) as Result;
      const seconds = retryAfter[message.to];
      return { ...body, ...(seconds === undefined ? {} : { retry_after: seconds }), http_status: status };
    }),
  },
});
const full: Answer = problem("outbox_full", 429, "later");
const summary = (outcomes: readonly (Receipt | SendError)[]): readonly string[] =>
  outcomes.map((outcome) => (outcome instanceof SendError ? outcome.code : outcome.status));
const sent = (requests: readonly Request[]): readonly (readonly unknown[])[] =>
  requests.map(({ body }) => body.messages.map(({ data }: Sent) => data));

test("[S9] only what may be tried again goes again, in its order and under its ids", async () => {
  const { sender, requests } = senderUnderTest((request, index) =>
    results(request, ({ data, id }) => {
      if (data === 2) return problem("id_reused", 422, "no");
      return index === 0 && [1, 3, 4].includes(data as number) ? full : accepted(id);
    }),
  );
  const messages = [0, 1, 2, 3, 4].map((data) => ({ to: data < 3 ? "ada" : "bob", type: "t", data, id: `m${data}` }));
  const outcomes = await inTime(sender.sendBatch(messages));
  expect(summary(outcomes)).toEqual(["queued", "queued", "id_reused", "queued", "queued"]);
  expect(outcomes.map((outcome) => outcome.id)).toEqual(messages.map(({ id }) => id));
  expect(sent(requests)).toEqual([
    [0, 1, 2, 3, 4],
    [1, 3, 4],
  ]);
  expect(outcomes[2]).toMatchObject({ attempts: 1, status: 422 });
});

test("[S9] who must wait for longer than there is time keeps nobody else from being tried again", async () => {
  const { sender, requests } = senderUnderTest((request, index) =>
    results(
      request,
      ({ to, id }) => {
        if (index === 1) return accepted(id);
        return to === "ada" ? full : problem("overloaded", 503, "later");
      },
      { ada: 30, bob: 1 },
    ),
  );
  const outcomes = await inTime(sender.sendBatch(["ada", "bob", "ada"].map((to) => ({ to, type: "t" }))));
  expect(summary(outcomes)).toEqual(["outbox_full", "queued", "outbox_full"]);
  expect(requests.map(({ at, body }) => [at, body.messages.length])).toEqual([
    [0, 3],
    [1_200, 1],
  ]);
});

test("[S9] an answer that is lost is asked for again, whole, under the same ids of the SDK's own", async () => {
  const { sender, requests } = senderUnderTest((request, index) =>
    index < 2 ? "lost" : results(request, ({ id }) => accepted(id)),
  );
  const outcomes = await inTime(sender.sendBatch([1, 2].map((data) => ({ to: "ada", type: "t", data }))));
  expect(summary(outcomes)).toEqual(["queued", "queued"]);
  expect(requests[2]?.body).toEqual(requests[0]?.body);
  expect(new Set(requests[0]?.body.messages.map(({ id }: Sent) => id)).size).toBe(2);
});

test("[S13] of a batch whose answer was lost, what has no id is not sent again", async () => {
  const { sender, requests } = senderUnderTest((request, index) =>
    index === 0 ? "cut" : results(request, ({ id }) => accepted(id)),
  );
  const outcomes = await inTime(
    sender.sendBatch([
      { to: "ada", type: "t", data: 1, id: false },
      { to: "bob", type: "t", data: 2 },
    ]),
  );
  expect(summary(outcomes)).toEqual(["network", "queued"]);
  expect(sent(requests)).toEqual([[1, 2], [2]]);
});

test("[S9] more than a batch may have goes in several, one after another", async () => {
  const { sender, requests } = senderUnderTest((request) => results(request, ({ id }) => accepted(id)));
  const count = 2 * LIMITS.batchMaxMessages + 1;
  const outcomes = await inTime(
    sender.sendBatch(Array.from({ length: count }, (_, n) => ({ to: `u${n % 7}`, type: "t", data: n }))),
  );
  expect(outcomes).toHaveLength(count);
  expect(requests.map(({ body }) => body.messages.length)).toEqual([1_000, 1_000, 1]);
  expect(sent(requests).flat()).toEqual(Array.from({ length: count }, (_, n) => n));
});

test("[S9] no batch is larger than the server takes, in bytes of UTF-8", async () => {
  const { sender, requests } = senderUnderTest((request) => results(request, ({ id }) => accepted(id)));
  // Three bytes for each character.
  const data = "€".repeat(80_000);
  await inTime(sender.sendBatch(Array.from({ length: 100 }, () => ({ to: "ada", type: "t", data }))));
  const sizes = requests.map(({ body }) => new TextEncoder().encode(JSON.stringify(body)).length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(LIMITS.batchMaxBytes);
  expect(sizes.length).toBe(Math.ceil(100 / Math.floor(LIMITS.batchMaxBytes / 240_100)));
});

test("[S9, D2] where a message could not be sent in time, the user's later ones are not sent past it", async () => {
  const { sender, requests } = senderUnderTest((request) =>
    results(request, ({ to, id }) => (to === "ada" ? full : accepted(id))),
  );
  const messages = Array.from({ length: 1_500 }, (_, n) => ({ to: n % 2 === 0 ? "ada" : "bob", type: "t", data: n }));
  const outcomes = await inTime(sender.sendBatch(messages));
  expect(new Set(summary(outcomes.filter((_, n) => n % 2 === 0)))).toEqual(new Set(["outbox_full"]));
  expect(new Set(summary(outcomes.filter((_, n) => n % 2 === 1)))).toEqual(new Set(["queued"]));
  const second = requests.at(-1)?.body.messages as readonly Sent[];
  expect(new Set(second.map(({ to }) => to))).toEqual(new Set(["bob"]));
  expect(outcomes[1_200]).toMatchObject({ code: "outbox_full", attempts: 0, id: expect.any(String) });
});

test("[S9] it never rejects: where all of it fails, each message has the error", async () => {
  const refused = senderUnderTest(() => problem("invalid_key", 401, "no"));
  expect(summary(await inTime(refused.sender.sendBatch([1, 2].map(() => ({ to: "ada", type: "t" })))))).toEqual([
    "invalid_key",
    "invalid_key",
  ]);
  const short = senderUnderTest(() => ({ status: 200, body: { results: [] } }), { timeoutMs: 100 });
  expect(summary(await inTime(short.sender.sendBatch([{ to: "ada", type: "t" }])))).toEqual(["foreign_reply"]);
  const { signal } = (() => {
    const over = new AbortController();
    over.abort();
    return over;
  })();
  expect(summary(await refused.sender.sendBatch([{ to: "ada", type: "t" }], { signal }))).toEqual(["aborted"]);
});

test("[S9] what no request can carry is refused by itself, and the rest is sent", async () => {
  const { sender, requests } = senderUnderTest((request) => results(request, ({ id }) => accepted(id)));
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const outcomes = await inTime(
    sender.sendBatch([
      { to: "..", type: "t", data: 1 },
      { to: "ada", type: "t", data: cycle },
      { to: "ada", type: "t", data: 3n },
      { to: "ada", type: "t", data: 4 },
    ]),
  );
  expect(summary(outcomes)).toEqual(["invalid_user", "invalid_request", "invalid_request", "queued"]);
  expect(sent(requests)).toEqual([[4]]);
  expect(await sender.sendBatch([])).toEqual([]);
  expect(requests).toHaveLength(1);
});
