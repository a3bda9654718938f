import { describe, expect, test } from "vitest";
import { utf8Bytes } from "../../src/protocol/identifiers.ts";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { call, User } from "./ground/user.ts";

const KIB = 1_024;

/** Data that makes `{"type":"a","data":…}` exactly so long. */
const dataFor = (bytes: number): string => "x".repeat(bytes - '{"type":"a","data":""}'.length);

/** A well-formed ack, padded to so many bytes. */
const ackOf = (bytes: number): string => {
  const text = '{"type":"ack","seq":0}';
  return `${" ".repeat(bytes - text.length)}${text}`;
};

describe("a message's size", () => {
  test("[E2] 256 KiB exactly is taken, delivered whole, and one byte more is 413", async () => {
    const user = new User();
    const client = await user.connect();
    const data = dataFor(256 * KIB);
    expect((await user.send({ type: "a", data })).status).toBe(202);
    const [message] = await client.received(1);
    expect(message?.data).toBe(data);
    const refused = await user.send({ type: "a", data: `${data}x` });
    expect(refused).toMatchObject({ status: 413, body: { code: "message_too_large" } });
    expect((await user.held()).body.messages).toHaveLength(1);
  });

  test("[E2] the size counts bytes of UTF-8, not characters", async () => {
    const user = new User();
    const data = "é".repeat((256 * KIB - '{"type":"a","data":""}'.length) / 2);
    expect((await user.send({ type: "a", data })).status).toBe(202);
    expect((await user.send({ type: "a", data: `${data}é` })).status).toBe(413);
  });
});

describe("a client's frames", () => {
  test("[C11] 16 KiB exactly is taken, and one byte more is 4413, after an error frame", async () => {
    const user = new User();
    const client = await user.connect();
    client.text(ackOf(16 * KIB));
    await client.settle();
    expect(client.of("error")).toEqual([]);
    client.text(ackOf(16 * KIB + 1));
    expect(await client.closed()).toEqual({ code: 4413, reason: "frame_too_large" });
    expect(client.frames.at(-1)).toMatchObject({ type: "error", code: "frame_too_large" });
  });

  test("[C11] the size counts bytes of UTF-8: a short text of long characters is too large", async () => {
    const user = new User();
    const client = await user.connect();
    const frame = (reason: string) => JSON.stringify({ type: "reject", seq: 0, reason, x: "€".repeat(5_500) });
    expect(frame("").length).toBeLessThan(16 * KIB);
    client.text(frame(""));
    expect((await client.closed()).code).toBe(4413);
  });

  test("[C11] a hundred frames in a second are taken, the next is 4429; a second later there are a hundred again", async () => {
    clock.freeze();
    const user = new User();
    const client = await user.connect();
    for (let n = 0; n < 99; n += 1) client.text(ackOf(30));
    await client.settle();
    clock.advance(SECOND_MS);
    for (let n = 0; n < 99; n += 1) client.text(ackOf(30));
    await client.settle();
    expect(client.of("error")).toEqual([]);
    client.text(ackOf(30));
    expect(await client.closed()).toEqual({ code: 4429, reason: "too_many_frames" });
    expect(client.frames.at(-1)).toMatchObject({ type: "error", code: "too_many_frames" });
  });

  test("[C8] pings that the runtime answers do not count", async () => {
    clock.freeze();
    const user = new User();
    const client = await user.connect();
    for (let n = 0; n < 150; n += 1) await client.ping();
    expect(client.isOpen).toBe(true);
  });

  test("[C11, E2] what is no frame is 4400 and says what was wrong; a closed connection hears nothing more", async () => {
    const bad: readonly (readonly [string, string])[] = [
      ["no JSON", "nonsense"],
      ["an array", "[]"],
      ["an unknown type", '{"type":"nack","seq":1}'],
      ["an ack without a seq", '{"type":"ack"}'],
      ["a fraction", '{"type":"ack","seq":1.5}'],
      ["a negative seq", '{"type":"ack","seq":-1}'],
      ["an unsafe integer", '{"type":"ack","seq":9007199254740993}'],
      ["an unknown field", '{"type":"ack","seq":0,"extra":1}'],
      ["a reject without a reason", '{"type":"reject","seq":0}'],
      ["a reason too long", JSON.stringify({ type: "reject", seq: 0, reason: "x".repeat(1_001) })],
    ];
    const user = new User();
    for (const [what, text] of bad) {
      const client = await user.connect();
      client.text(text);
      expect(await client.closed(), what).toEqual({ code: 4400, reason: "bad_frame" });
      expect(client.frames.at(-1), what).toMatchObject({ type: "error", code: "bad_frame" });
    }
    const client = await user.connect();
    client.binary(new Uint8Array([1, 2, 3]));
    expect(await client.closed()).toEqual({ code: 4400, reason: "bad_frame" });
  });

  test("[C5] an ack beyond what was sent is a protocol error, at what was sent it is none", async () => {
    const user = new User();
    const [seq] = await user.sendAll("a");
    const client = await user.connect();
    await client.acked(seq);
    expect(client.isOpen).toBe(true);
    client.ack((seq as number) + 1);
    expect(await client.closed()).toEqual({ code: 4400, reason: "ack_beyond_sent" });
  });

  test("[C5] a checkpoint beyond its ack is a protocol error", async () => {
    const user = new User();
    const [first, second] = await user.sendAll("a", "b");
    const client = await user.connect();
    await client.received(2);
    client.ack(first, second);
    expect((await client.closed()).code).toBe(4400);
    expect((await user.get()).body.devices[0]?.cursor).toBe(0);
  });

  test("[C8] any spelling of a ping is answered", async () => {
    const user = new User();
    const client = await user.connect();
    await client.ping();
    await client.ping('{ "type": "ping" }');
    await client.ping('{"type":"ping","at":1}');
    await user.evict();
    await client.ping();
    expect(client.isOpen).toBe(true);
  });
});

describe("the server's frames", () => {
  test("[C3] stay within 64 KiB, and a larger message travels alone", async () => {
    const user = new User();
    const sizes = [1, 20_000, 20_000, 20_000, 20_000, 60_000, 70_000, 1, 65_000, 500, 500];
    for (const [n, size] of sizes.entries())
      await user.send({ type: `m${n}`, data: n % 2 === 0 ? "x".repeat(size) : "é".repeat(size / 2) });
    const client = await user.connect();
    await client.caughtUp();
    expect(client.messages).toHaveLength(sizes.length);
    for (const text of client.texts.filter((t) => t.startsWith('{"type":"messages"'))) {
      const count = (JSON.parse(text) as { messages: unknown[] }).messages.length;
      if (count > 1) expect(utf8Bytes(text)).toBeLessThanOrEqual(64 * KIB);
    }
    expect(client.texts.some((text) => utf8Bytes(text) > 64 * KIB)).toBe(true);
    expect(client.violations).toEqual([]);
  });
});

describe("[C7] the window", () => {
  const sendMany = async (user: User, count: number, bytes = 16): Promise<void> => {
    for (let n = 0; n < count; n += 500) {
      await user.sendPlain(Array.from({ length: Math.min(500, count - n) }, () => ({ type: "a", bytes })));
    }
  };

  test("of one sends one at a time", async () => {
    const user = new User();
    await sendMany(user, 3);
    const client = await user.connect({ window: 1 });
    for (const n of [1, 2, 3]) {
      await client.received(n);
      await client.settle();
      expect(client.messages).toHaveLength(n);
      client.ack();
    }
    await client.caughtUp();
    expect(client.established.window).toBe(1);
  });

  test("is 256 by default and at most", async () => {
    const user = new User();
    await sendMany(user, 300);
    const client = await user.connect();
    const greedy = await user.connect({ device: "greedy", window: 1_000 });
    for (const each of [client, greedy]) {
      await each.settle();
      expect(each.established.window).toBe(256);
      expect(each.messages).toHaveLength(256);
      expect(each.of("caught_up")).toEqual([]);
    }
    // One ack frees one place.
    client.ack(client.messages[0]?.seq);
    await client.received(257);
    await client.settle();
    expect(client.messages).toHaveLength(257);
  });

  test("is 1 MiB of messages, live and from the backlog, and one message always fits", async () => {
    const user = new User();
    const quarter = dataFor(256 * KIB);
    for (let n = 0; n < 3; n += 1) await user.send({ type: "a", data: quarter });
    const client = await user.connect();
    await client.received(3);
    await user.send({ type: "a", data: quarter });
    await user.send({ type: "b" });
    await client.received(4);
    await client.settle();
    expect(client.messages).toHaveLength(4);
    const another = await user.connect({ device: "another" });
    await another.settle();
    expect(another.messages).toHaveLength(4);
    client.ack(client.messages[0]?.seq);
    await client.received(5);
    expect(client.types.at(-1)).toBe("b");
  });

  test("a window of 0, or none at all, is refused", async () => {
    const user = new User();
    for (const window of [0, -1, 1.5]) {
      const response = await user.upgrade({ window });
      expect(response.status).toBe(400);
      await response.body?.cancel();
    }
  });

  test("a reader that stops hurts no other connection", async () => {
    const user = new User();
    const stuck = await user.connect({ device: "stuck", window: 1 });
    const quick = await user.connect({ device: "quick", window: 1 });
    for (let n = 1; n <= 20; n += 1) {
      await user.send({ type: `m${n}` });
      await quick.received(n);
      await quick.acked();
    }
    await stuck.settle();
    expect(stuck.types).toEqual(["m1"]);
  });
});

test("[E2] ids, topics, types, devices and users at their edges", async () => {
  const user = new User();
  const status = async (message: object) => (await call("POST", `${user.path}/messages`, message)).status;
  expect(await status({ type: "a", id: "i".repeat(128) })).toBe(202);
  expect(await status({ type: "a", id: "i".repeat(129) })).toBe(400);
  expect(await status({ type: "a", id: "" })).toBe(400);
  expect(await status({ type: "a", id: "~1" })).toBe(400);
  expect(await status({ type: "a", id: "é" })).toBe(400);
  expect(await status({ type: "a", topic: "t".repeat(128) })).toBe(202);
  expect(await status({ type: "a", topic: "t".repeat(129) })).toBe(400);
  expect(await status({ type: "t".repeat(128) })).toBe(202);
  expect(await status({ type: "t".repeat(129) })).toBe(400);
  expect(await status({ type: "" })).toBe(400);
  expect(await status({ type: "a", other: 1 })).toBe(400);
  expect((await user.upgrade({ device: "d".repeat(64) })).status).toBe(101);
  expect((await user.upgrade({ device: "d".repeat(65) })).status).toBe(401);
  const to = (name: string) => call("POST", `/v1/users/${encodeURIComponent(name)}/messages`, { type: "a" });
  expect((await to("u".repeat(256))).status).toBe(202);
  expect((await to("u".repeat(257))).status).toBe(400);
  expect((await to("é".repeat(128))).status).toBe(202);
  expect((await to("é".repeat(129))).status).toBe(400);
  expect((await to("a\u0007b")).status).toBe(400);
});
