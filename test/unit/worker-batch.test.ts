/** `POST /v1/messages` in the Worker (S9): which calls it makes to which Mailboxes, and what becomes of their answers. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { refuse } from "../../src/protocol/errors.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { SendCall, Sent } from "../../src/protocol/mailbox-api.ts";
import type { NewMessage } from "../../src/protocol/message.ts";
import { mailboxNameOf, type Touch, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const messagesOf = (touch: Touch): readonly NewMessage[] => (touch.args[0] as SendCall).messages;

/** A Mailbox that takes everything. */
const accepted = (touch: Touch): readonly Sent[] =>
  messagesOf(touch).map((message, at) => ({
    ok: true,
    replayed: message.id === "again",
    message: {
      id: message.id ?? `~${at + 1}`,
      seq: at + 1,
      status: message.id === "again" ? "delivered" : "queued",
      devices: 0,
      sentTo: 0,
      acceptedAt: 0,
      expiresAt: 1_000,
    },
  }));

const post = (worker: ReturnType<typeof workerUnderTest>, messages: readonly unknown[], query = "", headers = {}) =>
  worker.backend("POST", `/v1/messages${query}`, { messages }, headers);

test("[S9] messages for one user cost one call, in their order, whatever stands between them", async () => {
  const worker = workerUnderTest(undefined, accepted);
  const reply = await post(worker, [
    { to: "ada", type: "a1", data: { n: 1 } },
    { to: "bob", type: "b1" },
    { to: "ada", type: "a2", id: "again", ttl: 60, topic: "t" },
    { to: "ada", nonsense: true },
    { to: "cy", type: "c1", ttl: 0 },
    { to: "bob", type: "b2" },
    { to: "ada", type: "a3" },
  ]);
  expect(reply.status).toBe(200);
  expect(worker.touches.map(({ method }) => method)).toEqual(["send", "send", "send"]);
  // Which user's goes first is left to chance.
  const typesOf = (user: string) =>
    worker.touches
      .filter(({ mailbox }) => mailbox === mailboxNameOf(user))
      .map((touch) => messagesOf(touch).map(({ type }) => type));
  expect(typesOf("ada")).toEqual([["a1", "a2", "a3"]]);
  expect(typesOf("bob")).toEqual([["b1", "b2"]]);
  expect(typesOf("cy")).toEqual([["c1"]]);
  const known = worker.touches.flatMap(messagesOf).find(({ id }) => id === "again");
  expect(known).toMatchObject({ type: "a2", ttlMs: 60_000, topic: "t" });
  // No wait is asked for: a message that is never stored waits as long as it does by itself.
  for (const touch of worker.touches) expect(Object.keys(touch.args[0] as SendCall)).toEqual(["user", "messages"]);
  expect(
    reply.body.results.map((result: Record<string, unknown>) => [result.id ?? result.code, result.http_status]),
  ).toEqual([
    ["~1", 202],
    ["~1", 202],
    ["again", 200],
    ["invalid_request", 400],
    ["~1", 202],
    ["~2", 202],
    ["~3", 202],
  ]);
  expect(reply.body.results[0]).toEqual({
    ...{ id: "~1", seq: 1, status: "queued", devices: 0, sent_to: 0 },
    ...{ accepted_at: "1970-01-01T00:00:00.000Z", expires_at: "1970-01-01T00:00:01.000Z", http_status: 202 },
  });
  expect(reply.body.results[2]).toMatchObject({ replayed: true, status: "delivered" });
});

test("[S9, S13] a call whose outcome is not known is tried again only where all of its messages have ids", async () => {
  const lost = Object.assign(new Error("lost"), { retryable: true, durableObjectReset: true });
  const worker = workerUnderTest(undefined, (touch) => {
    if (touch.mailbox === mailboxNameOf("well")) return accepted(touch);
    throw lost;
  });
  const reply = await post(worker, [
    { to: "ids", type: "t", id: "1" },
    { to: "some", type: "t", id: "2" },
    { to: "well", type: "t" },
    { to: "some", type: "t" },
    { to: "ids", type: "t", id: "3" },
  ]);
  const codes = reply.body.results.map((result: Record<string, unknown>) => result.code ?? result.status);
  expect(codes).toEqual(["outcome_unknown", "outcome_unknown", "queued", "outcome_unknown", "outcome_unknown"]);
  expect(reply.body.results[0]).toMatchObject({ http_status: 503, status: 503, retry: "same_id" });
  const calls = (user: string) => worker.touches.filter((touch) => touch.mailbox === mailboxNameOf(user)).length;
  expect([calls("ids") > 1, calls("some"), calls("well")]).toEqual([true, 1, 1]);
});

test("[S9, S8] a refusal of the Mailbox is its message's own, with when to try again", async () => {
  const full = refuse("outbox_full", "Full.", { retryAfterSeconds: 30 });
  const worker = workerUnderTest(undefined, (touch) => [accepted(touch)[0], full, full]);
  const reply = await post(
    worker,
    [1, 2, 3].map((n) => ({ to: "ada", type: `t${n}` })),
  );
  expect(reply.body.results.map((result: Record<string, unknown>) => result.code ?? result.status)).toEqual([
    "queued",
    "outbox_full",
    "outbox_full",
  ]);
  expect(reply.body.results[1]).toMatchObject({
    type: "urn:restante:error:outbox_full",
    status: 429,
    http_status: 429,
    retry_after: 30,
  });
});

test("[S9, S12] the first location that is named for a user is where its Mailbox is born; one that contradicts the query's is refused", async () => {
  const worker = workerUnderTest(undefined, accepted);
  const each = (messages: readonly object[]) => messages.map((message) => ({ type: "t", ...message }));
  await post(
    worker,
    each([{ to: "ada" }, { to: "ada", location: "weur" }, { to: "ada", location: "oc" }, { to: "bob" }]),
  );
  const hints = worker.touches.map(({ mailbox, options }) => [mailbox, options.locationHint]);
  expect(new Map(hints as [string, string | undefined][])).toEqual(
    new Map([
      [mailboxNameOf("ada"), "weur"],
      [mailboxNameOf("bob"), undefined],
    ]),
  );
  const reply = await post(
    worker,
    each([{ to: "ada" }, { to: "bob", location: "weur" }, { to: "cy", location: "oc" }]),
    "?location=weur",
  );
  expect(worker.touches.slice(2).map((touch) => touch.options.locationHint)).toEqual(["weur", "weur"]);
  expect(reply.body.results.map((result: Record<string, unknown>) => result.http_status)).toEqual([202, 202, 400]);
});

test("[S9, E2] what is wrong with one message is a problem in its place, with pointers into it", async () => {
  const worker = workerUnderTest(undefined, accepted);
  const deep = JSON.parse(`${"[".repeat(64)}${"]".repeat(64)}`);
  const cases: readonly (readonly [string, string, string])[] = [
    ['"text"', "invalid_request", ""],
    ["null", "invalid_request", ""],
    ["[]", "invalid_request", ""],
    ['[{"to":"ada","type":"t"}]', "invalid_request", ""],
    ["{}", "invalid_request", "/to"],
    ['{"to":"ada"}', "invalid_request", "/type"],
    ['{"to":7,"type":"t"}', "invalid_request", "/to"],
    ['{"to":"..","type":"t"}', "invalid_request", "/to"],
    ['{"to":"a\\u0000","type":"t"}', "invalid_request", "/to"],
    [`{"to":"${"a".repeat(257)}","type":"t"}`, "invalid_request", "/to"],
    ['{"to":"ada","type":""}', "invalid_request", "/type"],
    ['{"to":"ada","type":"t","wait":5}', "invalid_request", "/wait"],
    ['{"to":"ada","type":"t","ttl":-1}', "invalid_request", "/ttl"],
    ['{"to":"ada","type":"t","id":"~1"}', "invalid_request", "/id"],
    ['{"to":"ada","type":"t","data":{"a~b":[1,12345678901234567890]}}', "invalid_request", "/data/a~0b/1"],
    ['{"to":"ada","type":"t","data":{"__proto__":1}}', "invalid_request", "/data/__proto__"],
    [`{"to":"ada","type":"t","data":${JSON.stringify(deep)}}`, "invalid_request", `/data${"/0".repeat(63)}`],
  ];
  const list = cases.map(([text]) => text).join(",");
  const reply = await worker.backend("POST", "/v1/messages", `{"messages":[${list},{"to":"ada","type":"good"}]}`);
  expect(reply.status).toBe(200);
  for (const [at, [text, code, pointer]] of cases.entries()) {
    const { http_status, errors, ...problem } = reply.body.results[at];
    expect([text, http_status, problem.code, errors[0].pointer]).toEqual([text, 400, code, pointer]);
  }
  expect(reply.body.results.at(-1).http_status).toBe(202);
  expect(worker.touches.map((touch) => messagesOf(touch).map(({ type }) => type))).toEqual([["good"]]);

  const large = "x".repeat(LIMITS.messageMaxBytes - '{"type":"t","data":""}'.length);
  const edge = await post(
    worker,
    [large, `${large}x`].map((data) => ({ to: "ada", type: "t", data })),
  );
  expect(edge.body.results.map((result: Record<string, unknown>) => result.code ?? result.status)).toEqual([
    "queued",
    "message_too_large",
  ]);
});

test("[S9, E2] what is no batch at all is refused as a whole, and touches no Mailbox", async () => {
  const worker = workerUnderTest();
  const bodies: readonly (readonly [unknown, string])[] = [
    ["", ""],
    ["{", ""],
    ["[]", ""],
    ['[{"to":"ada","type":"t"}]', ""],
    ["null", ""],
    [{}, "/messages"],
    [{ messages: {} }, "/messages"],
    [{ messages: [] }, "/messages"],
    [{ messages: [{ to: "ada", type: "t" }], wait: 5 }, "/wait"],
    ['{"messages":[{"to":"ada","type":"t"}],"__proto__":1}', "/__proto__"],
    ["\ufeff{}", ""],
  ];
  for (const [body, pointer] of bodies) {
    const reply = await worker.backend("POST", "/v1/messages", body);
    expect([body, reply.status, reply.body.code]).toEqual([body, 400, "invalid_request"]);
    expect([body, reply.body.errors[0].pointer]).toEqual([body, pointer]);
  }
  const good = [{ to: "ada", type: "t" }];
  for (const [header, value] of [
    ["idempotency-key", "7"],
    ["ttl", "60"],
    ["topic", "t"],
  ] as const) {
    const reply = await post(worker, good, "", { [header]: value });
    expect([header, reply.status, reply.body.code]).toEqual([header, 400, "invalid_request"]);
  }
  expect((await post(worker, good, "?wait=5")).status).toBe(400);
  expect((await post(worker, good, "", { "content-type": "text/plain" })).status).toBe(415);
  expect((await post(worker, good, "", { "content-type": "application/ndjson" })).status).toBe(415);
  const invalid = await worker.fetch("POST", "/v1/messages", {
    headers: { authorization: "Bearer rk_for-tests-and-nothing-else" },
    body: new Uint8Array([0x22, 0xff, 0x22]),
  });
  expect([invalid.status, invalid.body.errors[0].detail]).toEqual([400, "It is not UTF-8."]);
  expect(worker.touches).toEqual([]);
});

test("[S9] NDJSON is a message a line, with blank ones at its end; a line that is no JSON is a problem in its place", async () => {
  const worker = workerUnderTest(undefined, accepted);
  const ndjson = (text: string, type = "application/x-ndjson") =>
    worker.backend("POST", "/v1/messages", text, { "content-type": type });
  const line = (type: string) => JSON.stringify({ to: "ada", type });
  const reply = await ndjson(
    [
      line("one"),
      "{",
      "",
      "\ufeff{}",
      `${line("two")}\r`,
      `[${line("no")}]`,
      '{"to":"ada","type":"t","data":1e999}',
      line("three"),
      "",
      " ",
      "",
    ].join("\n"),
    "Application/X-NDJSON; charset=utf-8",
  );
  expect(reply.status).toBe(200);
  expect(reply.body.results.map((result: Record<string, unknown>) => result.http_status)).toEqual([
    ...[202, 400, 400, 400, 202, 400, 400, 202],
  ]);
  expect(reply.body.results[1].detail).toBe("The message: It is not JSON (RFC 8259).");
  expect(reply.body.results[6].errors[0].pointer).toBe("/data");
  expect(worker.touches.map((touch) => messagesOf(touch).map(({ type }) => type))).toEqual([["one", "two", "three"]]);

  for (const text of ["", "\n", " \r\n\n"]) {
    const none = await ndjson(text);
    expect([text, none.status, none.body.code]).toEqual([text, 400, "invalid_request"]);
  }
  const lines = Array.from({ length: LIMITS.batchMaxMessages }, (_, n) => line(`t${n}`));
  expect((await ndjson(`${lines.join("\n")}\n`)).body.results).toHaveLength(LIMITS.batchMaxMessages);
  expect((await ndjson([...lines, line("more")].join("\n"))).status).toBe(400);
  // A JSON batch is no line of NDJSON, and the other way round.
  expect((await ndjson(JSON.stringify({ messages: [] }))).body.results[0].http_status).toBe(400);
  expect((await ndjson(lines.slice(0, 2).join("\n"), "application/json")).status).toBe(400);
});

test("[S9] a traceparent of the request is every message's", async () => {
  const worker = workerUnderTest(undefined, accepted);
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await post(
    worker,
    [
      { to: "ada", type: "t" },
      { to: "bob", type: "t" },
    ],
    "",
    { traceparent },
  );
  expect(worker.touches.flatMap(messagesOf).map((message) => message.traceparent)).toEqual([traceparent, traceparent]);
});
