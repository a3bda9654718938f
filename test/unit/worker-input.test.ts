/** What the backend plane takes of a body, a header and a query, and what it makes of it. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { NewMessage } from "../../src/protocol/message.ts";
import { API_KEY } from "../support/credentials.ts";
import { type Reply, type Touch, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const MESSAGES = "/v1/users/ada/messages";
const encoder = new TextEncoder();

const post = async (body: unknown, headers: Readonly<Record<string, string>> = {}) => {
  const worker = workerUnderTest();
  const reply = await worker.backend("POST", MESSAGES, body, headers);
  const call = worker.touches[0]?.args[0] as { readonly messages: readonly NewMessage[] } | undefined;
  return { reply, message: call?.messages[0], call };
};
const refused = async (body: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply> => {
  const { reply, message } = await post(body, headers);
  expect(message).toBeUndefined();
  expect(reply.headers.get("content-type")).toBe("application/problem+json");
  return reply;
};

describe("[S] a send's fields", () => {
  test("[S] become a message, its data compact JSON and its size that of type and data", async () => {
    const { message } = await post(
      '{ "type" : "agent_started", "data" : {"b": [1, 2.50, "\\u00e9"] , "a":null}, "id":"m 1/é"}'.replace("/é", "/e"),
    );
    const data = '{"b":[1,2.5,"é"],"a":null}';
    expect(message).toEqual({
      type: "agent_started",
      data,
      bytes: encoder.encode(`{"type":"agent_started","data":${data}}`).length,
      id: "m 1/e",
      digest: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect((await post({ type: "x" })).message).toEqual({ type: "x", bytes: 12 });
    expect((await post({ type: "x", data: null })).message).toMatchObject({ data: "null", bytes: 24 });
  });

  test("[S4] the digest is of type and data alone, whatever the order of keys and the way of writing", async () => {
    const digest = async (body: string) => (await post(body)).message?.digest;
    const first = await digest('{"type":"a","id":"1","data":{"x":1,"y":[{"p":1,"q":2}]}}');
    expect(await digest('{"ttl":5,"topic":"t","data":{"y":[{"q":2.0,"p":1e0}],"x":1},"id":"2","type":"\\u0061"}')).toBe(
      first,
    );
    for (const other of [
      '{"type":"b","id":"1","data":{"x":1,"y":[{"p":1,"q":2}]}}',
      '{"type":"a","id":"1","data":{"x":"1","y":[{"p":1,"q":2}]}}',
      '{"type":"a","id":"1","data":{"x":1,"y":[{"p":2,"q":1}]}}',
      '{"type":"a","id":"1","data":null}',
      '{"type":"a","id":"1"}',
    ]) {
      expect(await digest(other)).not.toBe(first);
    }
    expect((await post({ type: "a" })).message).not.toHaveProperty("digest");
  });

  test.each([
    [0, 0],
    [0.0001, 1],
    [0.5, 500],
    [60, 60_000],
    [1e300, LIMITS.ttlMaxMs],
  ])("[S5] ttl %d is %d ms: only 0 itself is 0", async (ttl, ttlMs) => {
    expect((await post({ type: "x", ttl })).message?.ttlMs).toBe(ttlMs);
  });

  test.each<readonly [string, string]>([
    ['{"data":1}', "/type"],
    ['{"type":""}', "/type"],
    [`{"type":"${"t".repeat(129)}"}`, "/type"],
    ['{"type":"\\ud800"}', "/type"],
    ['{"type":7}', "/type"],
    ['{"type":"a","id":""}', "/id"],
    ['{"type":"a","id":"~7"}', "/id"],
    ['{"type":"a","id":"é"}', "/id"],
    [`{"type":"a","id":"${"i".repeat(129)}"}`, "/id"],
    ['{"type":"a","id":null}', "/id"],
    ['{"type":"a","ttl":-1}', "/ttl"],
    ['{"type":"a","ttl":"5"}', "/ttl"],
    ['{"type":"a","topic":""}', "/topic"],
    ['{"type":"a","topic":"a\\u0000"}', "/topic"],
    ['{"type":"a","location":"mars"}', "/location"],
    ['{"type":"a","to":"eve"}', "/to"],
    ['{"type":"a","constructor":1}', "/constructor"],
    ['{"type":"a","a/b~c":1}', "/a~1b~0c"],
    ['{"type":"a","__proto__":{}}', "/__proto__"],
    ['{"type":"a","data":{"x":[{"__proto__":1}]}}', "/data/x/0/__proto__"],
    ['{"type":"a","data":{"n":[1,{"a/b":9007199254740993}]}}', "/data/n/1/a~1b"],
    ['{"type":"a","data":1e400}', "/data"],
    ["[]", ""],
    ["null", ""],
    ['"text"', ""],
    ["", ""],
    ["{", ""],
    ['{"type":"a"} x', ""],
    ['\ufeff{"type":"a"}', ""],
    ["NaN", ""],
  ])("[E2] the body %s is 400, with a pointer to %o", async (body, pointer) => {
    const reply = await refused(body);
    expect(reply.body).toMatchObject({ status: 400, code: "invalid_request", retry: "no" });
    expect(reply.body.errors[0]).toEqual({ pointer, detail: expect.any(String) });
    expect(JSON.stringify(reply.body).length).toBeLessThan(2_000);
  });

  test("[E1] several faults are all told, and never the values of a large one", async () => {
    const { body } = await refused({ type: 1, id: "~", ttl: "x".repeat(100_000), topic: [] });
    expect(body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(["/type", "/id", "/ttl", "/topic"]);
    expect(JSON.stringify(body).length).toBeLessThan(2_000);
  });

  test("[E2] bytes that are not UTF-8, and nesting beyond the limit, are 400 and not 500", async () => {
    const worker = workerUnderTest();
    const headers = { authorization: `Bearer ${API_KEY}` };
    const bad = Uint8Array.from([...encoder.encode('{"type":"'), 0xff, ...encoder.encode('"}')]);
    expect((await worker.fetch("POST", MESSAGES, { headers, body: bad })).status).toBe(400);
    expect(worker.touches).toEqual([]);
    const nested = (depth: number) => `{"type":"a","data":${"[".repeat(depth)}${"]".repeat(depth)}}`;
    expect((await post(nested(LIMITS.jsonMaxDepth - 1))).message).toBeDefined();
    expect((await refused(nested(LIMITS.jsonMaxDepth))).status).toBe(400);
    expect((await refused(nested(400_000))).status).toBe(400);
    expect((await refused(`{"type":"a","data":${'{"a":'.repeat(150_000)}1${"}".repeat(150_000)}}`)).status).toBe(400);
  });
});

describe("[S] sizes", () => {
  const withDataOf = (bytes: number, filler = "a") => {
    const frame = encoder.encode('{"type":"x","data":""}').length;
    return { type: "x", data: filler.repeat((bytes - frame) / encoder.encode(filler).length) };
  };

  test("[S] a message of exactly the limit is taken, one byte more is 413", async () => {
    expect((await post(withDataOf(LIMITS.messageMaxBytes))).message?.bytes).toBe(LIMITS.messageMaxBytes);
    expect((await post(withDataOf(LIMITS.messageMaxBytes, "é"))).message?.bytes).toBe(LIMITS.messageMaxBytes);
    const reply = await refused(withDataOf(LIMITS.messageMaxBytes + 1));
    expect(reply.body).toMatchObject({ status: 413, code: "message_too_large" });
  });

  test("[S] white space and escapes count for the body, not for the message", async () => {
    const body = `{"type":"x",${" ".repeat(LIMITS.bodyMaxBytes - 100)}"data":"\\u0061"}`;
    expect((await post(body)).message).toMatchObject({ data: '"a"' });
  });

  test("[E2] a body over its limit is 413, declared or in pieces, and is not read to its end", async () => {
    expect((await refused(`{"type":"x"}${" ".repeat(LIMITS.bodyMaxBytes)}`)).status).toBe(413);
    const worker = workerUnderTest();
    const headers = { authorization: `Bearer ${API_KEY}` };
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(64 * 1_024).fill(0x20));
      },
    });
    const init = { headers, body: endless, duplex: "half" } as RequestInit;
    expect((await worker.fetch("POST", MESSAGES, init)).status).toBe(413);
    expect(pulled).toBeLessThan(LIMITS.bodyMaxBytes / (64 * 1_024) + 4);
    const declared = {
      headers: { ...headers, "content-length": String(LIMITS.bodyMaxBytes + 1) },
      body: encoder.encode("{}"),
    };
    expect((await worker.fetch("POST", MESSAGES, declared)).status).toBe(413);
    expect(worker.touches).toEqual([]);
  });

  test.each([
    ["application/json", 1],
    ["application/json; charset=utf-8", 1],
    ["APPLICATION/JSON", 1],
    ["application/vnd.acme+json", 1],
    ["text/plain", 0],
    ["application/x-www-form-urlencoded", 0],
    ["application/jsonp", 0],
    ["application/x-ndjson", 0],
    ["text/json", 0],
  ])("[E2] content type %s: taken %d", async (type, taken) => {
    const { reply, message } = await post({ type: "x" }, { "content-type": type });
    expect(message === undefined ? 0 : 1).toBe(taken);
    if (taken === 0) expect(reply.body).toMatchObject({ status: 415, code: "unsupported_media_type" });
  });
});

describe("[S] headers that are other names of fields", () => {
  test.each<readonly [Readonly<Record<string, string>>, object]>([
    [{ "idempotency-key": "k-1" }, { id: "k-1" }],
    [{ "idempotency-key": '"k-1"' }, { id: "k-1" }],
    [{ "idempotency-key": '"a \\"b\\" \\\\"' }, { id: 'a "b" \\' }],
    [{ "idempotency-key": '"half' }, { id: '"half' }],
    [{ ttl: "60" }, { ttlMs: 60_000 }],
    [{ ttl: "0" }, { ttlMs: 0 }],
    [{ topic: "progress" }, { topic: "progress" }],
  ])("[S] %o", async (headers, expected) => {
    expect((await post({ type: "x" }, headers)).message).toMatchObject(expected);
  });

  test("[S] one that says the same as the body is taken, one that differs is 400", async () => {
    const body = { type: "x", id: "a", ttl: 5, topic: "t" };
    const same = { "idempotency-key": '"a"', ttl: "5", topic: "t" };
    expect((await post(body, same)).message).toMatchObject({ id: "a", ttlMs: 5_000, topic: "t" });
    for (const [header, value] of [
      ["idempotency-key", "b"],
      ["ttl", "6"],
      ["topic", "u"],
    ] as const) {
      const reply = await refused(body, { ...same, [header]: value });
      expect([reply.status, reply.body.code]).toEqual([400, "invalid_request"]);
      expect(reply.body.detail.toLowerCase()).toContain(header);
    }
  });

  test.each<readonly [string, string]>([
    ["idempotency-key", "~7"],
    ["idempotency-key", '""'],
    ["idempotency-key", "\u00e9"],
    ["idempotency-key", "i".repeat(129)],
    ["ttl", "1.5"],
    ["ttl", "-1"],
    ["ttl", "soon"],
    ["topic", "t".repeat(129)],
  ])("[E2] the header %s: %s is 400", async (header, value) => {
    expect((await refused({ type: "x" }, { [header]: value })).body.errors[0]).toHaveProperty("header");
  });
});

describe("[S12] where a Mailbox is born", () => {
  test.each<readonly [string, object, string | undefined | 400]>([
    ["", {}, undefined],
    ["?location=weur", {}, "weur"],
    ["", { location: "oc" }, "oc"],
    ["?location=oc", { location: "oc" }, "oc"],
    ["?location=oc", { location: "afr" }, 400],
    ["?location=", {}, 400],
    ["?location=weur&location=weur", {}, 400],
    ["?colour=red", {}, 400],
  ])("[S12] query %o with body %o", async (query, body, expected) => {
    const worker = workerUnderTest();
    const reply = await worker.backend("POST", `${MESSAGES}${query}`, { type: "x", ...body });
    if (expected === 400) expect([reply.status, worker.touches]).toEqual([400, []]);
    else expect(worker.touches[0]?.options.locationHint).toBe(expected);
  });

  test("[S12, E2] every backend route takes a location, and no other parameter but its own", async () => {
    const worker = workerUnderTest();
    for (const [method, path] of [
      ["GET", "/v1/users/ada"],
      ["DELETE", "/v1/users/ada"],
      ["DELETE", "/v1/users/ada/tokens"],
      ["GET", MESSAGES],
      ["GET", `${MESSAGES}/a`],
      ["DELETE", `${MESSAGES}/a`],
      ["GET", "/v1/users/ada/dead-letters"],
      ["DELETE", "/v1/users/ada/dead-letters"],
      ["POST", "/v1/users/ada/dead-letters/requeue"],
      ["DELETE", "/v1/users/ada/dead-letters/7"],
      ["POST", "/v1/users/ada/dead-letters/7/requeue"],
    ] as const) {
      const before = worker.touches.length;
      expect((await worker.backend(method, `${path}?x=1`)).status).toBe(400);
      expect(worker.touches.length).toBe(before);
      await worker.backend(method, `${path}?location=eeur`);
      expect(worker.touches.slice(before).map((touch) => touch.options.locationHint)).toContain("eeur");
    }
  });
});

describe("[S10, D7] pages and selections", () => {
  const argsOf = async (method: string, path: string, body?: unknown): Promise<Touch["args"] | number> => {
    const worker = workerUnderTest();
    const reply = await worker.backend(method, path, body);
    return worker.touches[0]?.args ?? reply.status;
  };

  test.each<readonly [string, string, unknown, Touch["args"] | number]>([
    ["GET", MESSAGES, undefined, [{ after: 0, limit: LIMITS.pageDefault }]],
    ["GET", `${MESSAGES}?after=7&limit=1`, undefined, [{ after: 7, limit: 1 }]],
    ["GET", `${MESSAGES}?limit=1000`, undefined, [{ after: 0, limit: 1_000 }]],
    ["GET", `${MESSAGES}?limit=1001`, undefined, [{ after: 0, limit: 1_000 }]],
    ["GET", `${MESSAGES}?limit=0`, undefined, 400],
    ["GET", `${MESSAGES}?after=-1`, undefined, 400],
    ["GET", `${MESSAGES}?reason=expired`, undefined, 400],
    [
      "GET",
      "/v1/users/ada/dead-letters?reason=expired&after=3",
      undefined,
      [{ after: 3, limit: 100, reason: "expired" }],
    ],
    ["GET", "/v1/users/ada/dead-letters?reason=delivered", undefined, 400],
    ["DELETE", "/v1/users/ada/dead-letters", undefined, [{ all: true }]],
    ["DELETE", "/v1/users/ada/dead-letters?reason=rejected", undefined, [{ reason: "rejected" }]],
    ["DELETE", "/v1/users/ada/dead-letters?seq=1", undefined, 400],
    ["DELETE", "/v1/users/ada/dead-letters/12", undefined, [{ seq: 12 }]],
    ["POST", "/v1/users/ada/dead-letters/12/requeue", undefined, [{ seq: 12 }]],
    ["POST", "/v1/users/ada/dead-letters/12/requeue", { ttl: 60 }, [{ seq: 12 }, 60_000]],
    ["POST", "/v1/users/ada/dead-letters/12/requeue", { ttl: 0 }, 400],
    ["POST", "/v1/users/ada/dead-letters/12/requeue?reason=expired", {}, 400],
    ["POST", "/v1/users/ada/dead-letters/requeue?reason=expired", { ttl: 1.5 }, [{ reason: "expired" }, 1_500]],
    ["POST", "/v1/users/ada/dead-letters/requeue", { x: 1 }, 400],
  ])("[S10, D7] %s %s %o", async (method, path, body, expected) => {
    expect(await argsOf(method, path, body)).toEqual(expected);
  });
});
