import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createSender, SendError, type Sender, type SenderOptions } from "../../src/sender/sender.ts";
import { type Answer, accepted, inTime, problem, type Request, senderUnderTest } from "./sender-under-test.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const sendTo = (request: Request): Answer => accepted(request.body?.id ?? "a");

test("[S4] a send is one POST with the key, at the path that the URL has", async () => {
  const { sender, requests } = senderUnderTest(sendTo);
  const terms = { id: "order-7", ttl: 60, topic: "orders", location: "weur" } as const;
  await sender.send("ada/ü?", { type: "order", data: { n: 7 }, ...terms });
  expect(requests).toEqual([
    {
      method: "POST",
      path: "/base/v1/users/ada%2F%C3%BC%3F/messages",
      headers: { authorization: "Bearer rk_test", "content-type": "application/json" },
      body: { type: "order", data: { n: 7 }, ...terms },
      at: 0,
    },
  ]);
});

test("[S4] an answer that is replayed says so, and no http_status is in it", async () => {
  const { sender } = senderUnderTest((request) => {
    const reply = accepted(request.body.id, "delivered") as Exclude<Answer, string>;
    return { ...reply, headers: { "idempotency-replayed": "true" } };
  });
  expect(await sender.send("ada", { type: "order", id: "a" })).toEqual({
    id: "a",
    seq: 7,
    status: "delivered",
    devices: 0,
    sentTo: 0,
    acceptedAt: "2026-11-23T18:40:00.000Z",
    expiresAt: "2026-11-30T18:40:00.000Z",
    replayed: true,
  });
});

test("the app's data keeps its keys as they are", async () => {
  const data = { snake_case: [{ inner_key: 1 }], http_status: 9 };
  const { sender } = senderUnderTest(() => ({ status: 200, body: { messages: [{ id: "a", sent_to: 1, data }] } }));
  const held: unknown[] = [];
  for await (const message of sender.held("ada")) held.push(message);
  expect(held).toEqual([{ id: "a", sentTo: 1, data }]);
});

test("[S10, D7] lists are fetched page by page, as far as they are read", async () => {
  const pages: Answer[] = [
    { status: 200, body: { dead_letters: [{ seq: 1 }, { seq: 2 }], next: 2 } },
    { status: 200, body: { dead_letters: [{ seq: 3 }] } },
  ];
  const { sender, requests } = senderUnderTest((_, index) => pages[index] ?? "lost");
  const seqs: number[] = [];
  for await (const { seq } of sender.deadLetters("ada", { reason: "expired", location: "me" })) {
    seqs.push(seq);
    if (seq === 1) expect(requests).toHaveLength(1);
  }
  expect(seqs).toEqual([1, 2, 3]);
  const path = "/base/v1/users/ada/dead-letters?";
  expect(requests.map((request) => request.path)).toEqual([
    `${path}after=0&reason=expired&location=me`,
    `${path}after=2&reason=expired&location=me`,
  ]);
});

test.each(["", ".", "..", "a\nb", "\ud800", "x".repeat(257), 7])(
  "[E2] the user %o is refused before any request, which could only mean another",
  async (user) => {
    const { sender, requests } = senderUnderTest(sendTo);
    const calls: readonly ((s: Sender, user: string) => Promise<unknown>)[] = [
      (s, user) => s.send(user, { type: "t" }),
      (s, user) => s.state(user),
      (s, user) => s.waitForConnection(user),
      (s, user) => s.erase(user),
      (s, user) => s.held(user)[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls) {
      const error = await call(sender, user as string).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(SendError);
      expect(error).toMatchObject({ code: "invalid_user", retry: "no", attempts: 0 });
    }
    for (const id of [".", "..", "~", "ü"]) {
      await expect(sender.message("ada", id)).rejects.toMatchObject({ code: "invalid_request", attempts: 0 });
    }
    expect(requests).toEqual([]);
  },
);

test("[U1] waiting for a connection asks again as often as it takes, and where it is not made to wait, slowly", async () => {
  const state = (connected: boolean): Answer => ({ status: 200, body: { connected, mailbox: "m", connections: [] } });
  const { sender, requests } = senderUnderTest((_, index) => state(index === 5));
  expect(await inTime(sender.waitForConnection("ada", { timeoutMs: 120_000 }))).toMatchObject({ connected: true });
  expect(requests.map(({ headers }) => headers.prefer)[0]).toBe("wait=30");
  for (const [index, { at }] of requests.entries()) expect(at).toBeGreaterThanOrEqual(500 * index);

  const never = senderUnderTest(() => state(false));
  await expect(inTime(never.sender.waitForConnection("ada", { timeoutMs: 10_000 }))).rejects.toMatchObject({
    code: "timeout",
  });
  expect(never.requests.length).toBeLessThan(20);
  expect(never.requests.at(-1)?.at).toBeLessThanOrEqual(12_000);
});

test("a traceparent that is given goes along; without one, and without OpenTelemetry, there is none", async () => {
  const { sender, requests } = senderUnderTest(sendTo);
  await sender.send("ada", { type: "t" }, { traceparent: TRACEPARENT });
  await sender.send("ada", { type: "t" });
  await sender.send("ada", { type: "t" }, { traceparent: "not\r\none: at all" });
  expect(requests.map(({ headers }) => headers.traceparent)).toEqual([TRACEPARENT, undefined, undefined]);
});

test("an app that uses OpenTelemetry has its active span sent along, with messages and batches", async () => {
  const { sender, requests } = senderUnderTest((request) =>
    request.path.endsWith("/v1/messages") ? { status: 200, body: { results: [] } } : sendTo(request),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  try {
    const [, traceId = "", spanId = ""] = TRACEPARENT.split("-");
    const span = trace.wrapSpanContext({ traceId, spanId, traceFlags: 1 });
    await context.with(trace.setSpan(context.active(), span), async () => {
      await sender.send("ada", { type: "t" });
      await inTime(sender.sendBatch([{ to: "ada", type: "t" }], { timeoutMs: 1 }));
      await sender.send("ada", { type: "t" }, { traceparent: TRACEPARENT.replace("b7", "c8") });
    });
    await sender.send("ada", { type: "t" });
    const [first, ...others] = requests.map(({ headers }) => headers.traceparent);
    expect([first, others[0], others.at(-2), others.at(-1)]).toEqual([
      TRACEPARENT,
      TRACEPARENT,
      TRACEPARENT.replace("b7", "c8"),
      undefined,
    ]);
  } finally {
    propagation.disable();
    context.disable();
  }
});

test.each([
  ["no URL", { url: "restante.example.com", key: "k" }, /url: .*it is restante\.example\.com/],
  ["no HTTP", { url: "ftp://restante.example.com", key: "k" }, /url: /],
  ["no key", { url: "https://restante.example.com", key: undefined }, /key: .*missing/],
  ["a key with a line's end", { url: "https://restante.example.com", key: "rk_x\n" }, /key: /],
  ["no binding", { binding: undefined }, /\[\[services\]\]/],
] as const)("a sender with %s is a mistake that shows at once", (_, options, expected) => {
  expect(() => createSender(options as unknown as SenderOptions)).toThrow(TypeError);
  expect(() => createSender(options as unknown as SenderOptions)).toThrow(expected);
});

test("[E1] a code that a later server has comes through as it is", async () => {
  const { sender } = senderUnderTest(() => problem("brand_new", 418, "no"));
  await expect(sender.state("ada")).rejects.toMatchObject({ code: "brand_new", status: 418, retry: "no" });
});

test("the type of a message says what its data is", async () => {
  interface Events {
    started: { run: string };
    thinking: undefined;
    any: unknown;
  }
  const { sender } = senderUnderTest(sendTo);
  const typed = sender as unknown as Sender<Events>;
  await typed.send("ada", { type: "started", data: { run: "7" } });
  await typed.send("ada", { type: "thinking" });
  await typed.send("ada", { type: "any", data: [1] });
  // @ts-expect-error: its data has a run
  await typed.send("ada", { type: "started", data: { answer: "7" } });
  // @ts-expect-error: its data is missing
  await typed.send("ada", { type: "started" });
  // @ts-expect-error: there is no such event
  await typed.send("ada", { type: "vanished" });
  // @ts-expect-error: a message of a batch is for somebody
  await inTime(typed.sendBatch([{ type: "thinking" }], { timeoutMs: 1 }));
});
