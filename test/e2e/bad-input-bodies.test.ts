/** Bad headers and bodies over raw TCP (E2): each has its code, and nothing of it is taken. */
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { BadInputGround, INVALID, JSON_TYPE, type Meant } from "../support/fuzz-ground.ts";
import { repliesIn, replyFaults, requestBytes } from "../support/fuzz-http.ts";
import { ALL_SCOPES } from "../support/fuzz-keys.ts";

const ground = new BadInputGround();
const USER = ground.user;
const MESSAGES = ground.messages;

describe("headers", () => {
  const BODY = '{"type":"a"}';
  test.each<readonly [string, readonly string[], Meant]>([
    ["text/plain", ["Content-Type: text/plain"], [415, "unsupported_media_type"]],
    ["a form", ["Content-Type: application/x-www-form-urlencoded"], [415, "unsupported_media_type"]],
    ["jsonp", ["Content-Type: application/jsonp"], [415, "unsupported_media_type"]],
    ["two content types", [JSON_TYPE, "Content-Type: text/plain"], [415, "unsupported_media_type"]],
    ["TTL of words", [JSON_TYPE, "TTL: soon"], INVALID],
    ["TTL NaN", [JSON_TYPE, "TTL: NaN"], INVALID],
    ["TTL -1", [JSON_TYPE, "TTL: -1"], INVALID],
    ["TTL 1.5", [JSON_TYPE, "TTL: 1.5"], INVALID],
    ["TTL 1e9", [JSON_TYPE, "TTL: 1e9"], INVALID],
    ["TTL Infinity", [JSON_TYPE, "TTL: Infinity"], INVALID],
    ["an empty TTL", [JSON_TYPE, "TTL:"], INVALID],
    ["two TTLs", [JSON_TYPE, "TTL: 5", "TTL: 5"], INVALID],
    ["two keys of idempotency that differ", [JSON_TYPE, "Idempotency-Key: a", "Idempotency-Key: b"], INVALID],
    ["two topics that differ", [JSON_TYPE, "Topic: a", "Topic: b"], INVALID],
    ["an empty Idempotency-Key", [JSON_TYPE, "Idempotency-Key:"], INVALID],
    ["a quoted empty Idempotency-Key", [JSON_TYPE, 'Idempotency-Key: ""'], INVALID],
    ["one with a tilde", [JSON_TYPE, "Idempotency-Key: ~1"], INVALID],
    ["one not ASCII", [JSON_TYPE, "Idempotency-Key: \xe9"], INVALID],
    ["one too long", [JSON_TYPE, `Idempotency-Key: ${"k".repeat(129)}`], INVALID],
    ["a topic too long", [JSON_TYPE, `Topic: ${"t".repeat(129)}`], INVALID],
    ["an empty topic", [JSON_TYPE, "Topic:"], INVALID],
    ["a header with NUL", [JSON_TYPE, "X: a\x00b"], "runtime"],
    ["a header without a colon", [JSON_TYPE, "nonsense"], "runtime"],
    ["a header with a space in its name", [JSON_TYPE, "X y: 1"], "runtime"],
    ["two lengths", [JSON_TYPE, "Content-Length: 3"], "runtime"],
  ])("[E2] %s", async (_, headers, meant) => {
    await ground.meets(ground.post(BODY, ...headers), meant);
  });

  test.each([
    ['{"type":"a","id":"x"}', "Idempotency-Key: y"],
    ['{"type":"a","id":"x"}', 'Idempotency-Key: "X"'],
    ['{"type":"a","ttl":5}', "TTL: 6"],
    ['{"type":"a","ttl":0.5}', "TTL: 0"],
    ['{"type":"a","topic":"x"}', "Topic: y"],
  ])("[S, E2] the body %s contradicts %s", async (body, header) => {
    await ground.meets(ground.post(body, JSON_TYPE, header), INVALID);
  });

  test.each([
    ["Basic", ["Authorization: Basic YTpi"], [401, "missing_key"]],
    ["two schemes", ["Authorization: Basic YTpi", "Authorization: Bearer x"], [401, "missing_key"]],
    ["two keys", ["Authorization: Bearer a", "Authorization: Bearer b"], [400, "conflicting_credentials"]],
    ["a key with a comma", ["Authorization: Bearer a,b"], [401, "invalid_key"]],
    ["a key with a space", ["Authorization: Bearer a b"], [400, "conflicting_credentials"]],
    ["a key of Latin-1", ["Authorization: Bearer \xff"], [401, "invalid_key"]],
    ["100,000 letters", [`Authorization: Bearer ${"x".repeat(100_000)}`], [401, "invalid_key"]],
  ] as const)("[A1, E2] a credential of %s", async (_, headers, meant) => {
    await ground.meets(requestBytes("GET", `/v1/users/${USER}`, { headers }), meant);
  });

  // Each took seconds of CPU, once, without or with a credential: what grows with the square of its length.
  test.each([
    ["Authorization of 130,000 spaces", [`Authorization: Bearer${" ".repeat(130_000)}x y`]],
    ["Prefer of 100,000 spaces", [ALL_SCOPES, `Prefer: wait=${" ".repeat(100_000)}x y`]],
    ["Prefer of 50,000 open quotes", [ALL_SCOPES, `Prefer: "${'\\"'.repeat(50_000)}`]],
    ["Prefer of 10,000 waits", [ALL_SCOPES, `Prefer: ${"wait=x,".repeat(10_000)}`]],
    ["an Idempotency-Key of 50,000 backslashes", [ALL_SCOPES, `Idempotency-Key: "${"\\\\".repeat(25_000)}`]],
  ])("[E2] %s is answered at once", async (_, headers) => {
    const beganAt = performance.now();
    const reply = await ground.raw(requestBytes("GET", `/v1/users/${USER}`, { headers }));
    expect(replyFaults(reply)).toEqual([]);
    expect(performance.now() - beganAt).toBeLessThan(1_000);
  });

  test("[E2] a number of 300,000 digits is refused at once", async () => {
    const beganAt = performance.now();
    await ground.meets(ground.post(`{"type":"a","data":1.${"0".repeat(300_000)}1}`), INVALID);
    expect(performance.now() - beganAt).toBeLessThan(1_000);
  });

  test.each(["a b[", "[::1", "x:99999", "%", "x<y>", "ex ample", "a@b@c", "\xff"])(
    "[E2] the Host %j with an Origin is no error of ours",
    async (host) => {
      const headers = ["Origin: https://app.example.com"];
      const reply = await ground.raw(requestBytes("GET", "/v1/socket", { headers, host }));
      expect(replyFaults(reply)).toEqual([]);
      expect(reply.status).toBeLessThan(500);
    },
  );
});

describe("bodies", () => {
  test.each<readonly [string, string | Buffer]>([
    ["nothing", ""],
    ["not JSON", "{"],
    ["two documents", '{"type":"a"}{"type":"b"}'],
    ["a comment", '{"type":"a"/**/}'],
    ["a comma at the end", '{"type":"a",}'],
    ["single quotes", "{'type':'a'}"],
    ["NaN", '{"type":"a","ttl":NaN}'],
    ["Infinity", '{"type":"a","ttl":Infinity}'],
    ["a byte order mark", '\ufeff{"type":"a"}'],
    ["not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ["UTF-16", Buffer.from('{"type":"a"}', "utf16le")],
    ["gzip", gzipSync('{"type":"a"}')],
    ["a NUL at the end", '{"type":"a"}\0'],
    ["null", "null"],
    ["an array", "[]"],
    ["a list of messages", '[{"type":"a"}]'],
    ["a text", '"a"'],
    ["a number", "1"],
    ["no type", "{}"],
    ["a type that is null", '{"type":null}'],
    ["a type that is a number", '{"type":1}'],
    ["an empty type", '{"type":""}'],
    ["a type of 129", JSON.stringify({ type: "a".repeat(129) })],
    ["a type with half a surrogate", '{"type":"\\ud800"}'],
    ["an unknown field", '{"type":"a","x":1}'],
    ["a field of every object", '{"type":"a","constructor":1}'],
    ["a prototype", '{"type":"a","__proto__":{"ttl":0}}'],
    ["a prototype in data", '{"type":"a","data":{"__proto__":{"x":1}}}'],
    ["a field in other letters", '{"Type":"a"}'],
    ["ttl -1", '{"type":"a","ttl":-1}'],
    ["ttl as text", '{"type":"a","ttl":"60"}'],
    ["ttl null", '{"type":"a","ttl":null}'],
    ["ttl 1e400", '{"type":"a","ttl":1e400}'],
    ["ttl true", '{"type":"a","ttl":true}'],
    ["an empty id", '{"type":"a","id":""}'],
    ["an id of the server", '{"type":"a","id":"~1795456854049"}'],
    ["an id of 129", JSON.stringify({ type: "a", id: "i".repeat(129) })],
    ["an id that is not ASCII", '{"type":"a","id":"é"}'],
    ["an id with a newline", '{"type":"a","id":"a\\nb"}'],
    ["an id that is a number", '{"type":"a","id":1}'],
    ["an empty topic", '{"type":"a","topic":""}'],
    ["a topic that is null", '{"type":"a","topic":null}'],
    ["a location that is none", '{"type":"a","location":"mars"}'],
    ["a number above 2^53", '{"type":"a","data":9007199254740993}'],
    ["a number below -2^53", '{"type":"a","data":[-9007199254740992]}'],
    ["a number over a double", '{"type":"a","data":{"x":1e999}}'],
    ["a number under a double", '{"type":"a","data":1e-999}'],
    ["a number with too many digits", '{"type":"a","data":0.12345678901234567890123}'],
    ["65 arrays in one another", `{"type":"a","data":${"[".repeat(64)}${"]".repeat(64)}}`],
    ["100,000 arrays in one another", `{"type":"a","data":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["100,000 with a doubtful number", `{"type":"a","data":${"[".repeat(100_000)}1e400${"]".repeat(100_000)}}`],
    ["500,000 open brackets", "[".repeat(500_000)],
  ])("[E2, S4] a send whose body is %s", async (_, body) => {
    const reply = await ground.meets(ground.post(body, JSON_TYPE), INVALID);
    expect(JSON.parse(reply.text).errors.length).toBeGreaterThan(0);
  });

  test.each<readonly [string, string, string]>([
    ["tokens", "POST", '{"ttl":0}'],
    ["tokens", "POST", '{"ttl":NaN}'],
    ["tokens", "POST", '{"ttl":"1"}'],
    ["tokens", "POST", '{"device":""}'],
    ["tokens", "POST", '{"device":"a/b"}'],
    ["tokens", "POST", `{"device":"${"d".repeat(65)}"}`],
    ["tokens", "POST", '{"sub":"eve"}'],
    ["tokens", "POST", "[]"],
    ["dead-letters/requeue", "POST", '{"ttl":0}'],
    ["dead-letters/requeue", "POST", '{"type":"a"}'],
    ["dead-letters/7/requeue", "POST", '{"ttl":-1}'],
  ])("[U2, D7, E2] %s %s %s", async (path, method, body) => {
    const bytes = requestBytes(method, `/v1/users/${USER}/${path}`, { headers: [ALL_SCOPES, JSON_TYPE], body });
    await ground.meets(bytes, INVALID);
  });

  test("[E2] a message over 256 KiB, a body over 1 MiB, and one that only comes to be that long", async () => {
    const large = JSON.stringify({ type: "a", data: "x".repeat(262_144) });
    await ground.meets(ground.post(large, JSON_TYPE), [413, "message_too_large"]);
    const huge = Buffer.alloc(1_048_577, " ");
    await ground.meets(ground.post(huge, JSON_TYPE), [413, "message_too_large"]);
    const chunk = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536, " "), Buffer.from("\r\n")]);
    const chunked = Buffer.concat([
      requestBytes("POST", MESSAGES, { headers: [ALL_SCOPES, JSON_TYPE, "Transfer-Encoding: chunked"] }),
      ...Array.from({ length: 17 }, () => chunk),
      Buffer.from("0\r\n\r\n"),
    ]);
    await ground.meets(chunked, [413, "message_too_large"]);
    // A length beside chunks bounds nothing.
    const both = Buffer.concat([
      requestBytes("POST", MESSAGES, {
        headers: [ALL_SCOPES, JSON_TYPE, "Transfer-Encoding: chunked"],
        contentLength: 3,
      }),
      ...Array.from({ length: 17 }, () => chunk),
      Buffer.from("0\r\n\r\n"),
    ]);
    const reply = await ground.raw(both);
    expect([413, 400]).toContain(reply.status);
    expect(replyFaults(reply)).toEqual([]);
  });

  test.each<readonly [string, Buffer, Meant]>([
    [
      "breaks off",
      requestBytes("POST", MESSAGES, { headers: [ALL_SCOPES, JSON_TYPE], body: '{"type"', contentLength: 100 }),
      INVALID,
    ],
    [
      "breaks off in a chunk",
      Buffer.concat([
        requestBytes("POST", MESSAGES, { headers: [ALL_SCOPES, "Transfer-Encoding: chunked"] }),
        Buffer.from('7\r\n{"type"\r\n'),
      ]),
      INVALID,
    ],
    [
      "has a chunk of no size",
      Buffer.concat([
        requestBytes("POST", MESSAGES, { headers: [ALL_SCOPES, "Transfer-Encoding: chunked"] }),
        Buffer.from('zz\r\n{"type":"a"}\r\n0\r\n\r\n'),
      ]),
      INVALID,
    ],
  ])("[E2] a body that %s is the caller's fault, and nothing of it is taken", async (_, bytes, meant) => {
    await ground.meets(bytes, meant, { halfClose: true });
  });

  test("[E2] a body that nobody reads leaves the connection good for the next request", async () => {
    const body = `{"type":"a","data":"${"x".repeat(300_000)}"}`;
    const refused = `POST ${MESSAGES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer rk_guess\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const next = `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const received: Buffer[] = [];
    await new Promise<void>((done, failed) => {
      const socket = connect(ground.port, "127.0.0.1");
      socket.on("data", (chunk: Buffer) => received.push(chunk));
      socket.on("error", failed);
      socket.on("close", () => done());
      socket.write(refused + next);
    });
    const replies = repliesIn(Buffer.concat(received));
    expect(replies.map(({ status, code }) => [status, code])).toEqual([
      [401, "invalid_key"],
      [200, undefined],
    ]);
  });
});
