/** The producer's socket with a stock client, over real sockets, through kills. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { Backend } from "../support/backend.ts";
import { type AutoAck, Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { Publisher } from "../support/publisher.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime.stop());

let users = 0;
const newUser = (): string => `publisher-${++users}`;
const delta = (data: string) => ({ type: "delta", data, topic: "run-7", append: true });
const reading = async (url: string, user: string, ack: AutoAck = "none") =>
  Connection.open(url, { token: await mintLocally(user), ack });
const dataOf = (connection: Connection) => connection.messages.map((m) => m.data);

describe("[P1] who may publish", () => {
  test.each(["header", "protocol"] as const)("an API key by %s; the first frame says what there is", async (keyBy) => {
    const user = newUser();
    const publisher = await Publisher.open(runtime.url, user, { keyBy });
    expect(publisher.socket.protocol).toBe("restante.publish.v1");
    expect(publisher.frames[0]).toMatchObject({
      ...{ type: "publisher_established", user, window: LIMITS.publishWindowMessages },
      ...{ heartbeat_ms: LIMITS.heartbeatMs, protocol: "restante.publish.v1" },
    });
    await publisher.close();
  });

  test("no key, a wrong one and a user's token are refused before the socket", async () => {
    const refusals = [null, "rk_wrong", await mintLocally("ada")].map(async (key) => {
      return (await new Publisher(runtime.url, newUser(), { key }).refused).status;
    });
    expect(await Promise.all(refusals)).toEqual([401, 401, 401]);
  });

  test("without an upgrade it says what it is", async () => {
    const reply = await fetch(`${runtime.url}/v1/users/ada/publish`, {
      headers: { authorization: `Bearer ${API_KEY}` },
    });
    expect([reply.status, (await reply.json()).code]).toEqual([426, "upgrade_required"]);
  });
});

describe("[P2] frames and their replies", () => {
  test("each message has its result, in order, under the frame's ref", async () => {
    const user = newUser();
    const publisher = await Publisher.open(runtime.url, user);
    const results = await publisher.publish(
      [
        { type: "a", id: "one" },
        { type: "a", ttl: 0 },
        { type: "" },
        { type: "b", wait: 3 },
        delta("x"),
        { type: "c", append: true },
      ],
      7,
    );
    expect(results.map((r) => [r.http_status, r.status])).toEqual([
      [202, "queued"],
      ...[400, 400, 400].map((status) => [status, status]),
      [202, "queued"],
      [400, 400],
    ]);
    const [again] = await publisher.publish([{ type: "a", id: "one" }], "s");
    expect(again).toMatchObject({ seq: results[0].seq, replayed: true });
    expect((await publisher.publish([{ type: "other", id: "one" }]))[0]).toMatchObject({ code: "id_reused" });
    const held = await backend.list(user);
    expect(held.body.messages.map((m: { seq: number }) => m.seq)).toEqual([results[0].seq, results[4].seq]);
    await publisher.close();
  });

  test("[S13] replies come in the order of the frames, also where some have ids, and seqs rise", async () => {
    const publisher = await Publisher.open(runtime.url, newUser());
    for (let ref = 0; ref < 300; ref += 1) {
      const ids = ref % 3 === 0 ? { id: `id-${ref}` } : {};
      publisher.send({ type: "publish", ref, messages: [{ type: "a", ...ids }, { type: "b" }] });
    }
    const replies = [];
    for (let ref = 0; ref < 300; ref += 1) replies.push(await publisher.next());
    expect(replies.map((reply) => reply.ref)).toEqual(replies.map((_, ref) => ref));
    const seqs = replies.flatMap((reply) => reply.results.map((r: { seq: number }) => r.seq));
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    await publisher.close();
  });

  test("it carries sends only: a publisher is nobody's connection", async () => {
    const user = newUser();
    const publisher = await Publisher.open(runtime.url, user);
    await publisher.publish([{ type: "a" }]);
    expect((await backend.user(user)).body).toMatchObject({ connected: false, connections: [], devices: [] });
    publisher.send('{"type":"ping"}');
    expect(await publisher.next()).toEqual({ type: "pong" });
    expect(publisher.frames.map((frame) => frame.type)).toEqual(["publisher_established", "published", "pong"]);
    await publisher.close();
  });
});

describe("[P3] what a publisher may not do", () => {
  test.each([
    ["no JSON", "publish", 4400],
    ["an ack", { type: "ack", seq: 1 }, 4400],
    ["no message", { type: "publish", ref: 1, messages: [] }, 4400],
    ["too many", { type: "publish", ref: 1, messages: Array.from({ length: 1_001 }, () => ({ type: "a" })) }, 4400],
    ["too much", " ".repeat(LIMITS.publishFrameMaxBytes + 1), 4413],
  ] as const)("%s: what came before is done, then an error and the close", async (_, frame, code) => {
    const publisher = await Publisher.open(runtime.url, newUser());
    publisher.send({ type: "publish", ref: 0, messages: [{ type: "a" }] });
    publisher.send(frame);
    expect((await publisher.next()).results[0].http_status).toBe(202);
    expect((await publisher.next()).type).toBe("error");
    expect((await publisher.closed).code).toBe(code);
  });

  test("more than the window without a reply: 4429", async () => {
    const publisher = await Publisher.open(runtime.url, newUser());
    const messages = Array.from({ length: 1_000 }, () => ({ type: "a" }));
    for (let ref = 0; ref < 40; ref += 1) publisher.send({ type: "publish", ref, messages });
    expect((await publisher.closed).code).toBe(4429);
  });
});

test("[P5] one publisher too many takes the place of one that was quiet for longer than others, which is told so", async () => {
  const open = () => Publisher.open(runtime.url, "crowded");
  const first = await open();
  const others = await Promise.all(Array.from({ length: LIMITS.publishersMax - 1 }, open));
  // A frame counts as life, too: it is not the oldest that goes.
  await first.publish([{ type: "a" }]);
  const newest = await open();
  const { code, reason } = await Promise.race([...others, first, newest].map((publisher) => publisher.closed));
  expect([code, reason]).toEqual([4409, "replaced_by_newer"]);
  const gone = others.filter(({ frames }) => frames.some(({ type, code }) => type === "error" && code === reason));
  expect(gone).toHaveLength(1);
  for (const publisher of [first, newest]) expect(await publisher.publish([{ type: "b" }])).toHaveLength(1);
  await Promise.all([first, newest, ...others].map((publisher) => publisher.close()));
});

test("[P4, S8] where the outbox is full, nothing behind is taken, and the socket ends with 1013", async () => {
  const small = await startRuntime({ vars: { OUTBOX_MAX_MESSAGES: "10" } });
  try {
    const publisher = await Publisher.open(small.url, "ada");
    const messages = Array.from({ length: 12 }, () => ({ type: "a" }));
    const results = await publisher.publish(messages);
    expect(results.map((r) => r.http_status)).toEqual([...Array(10).fill(202), 429, 429]);
    expect(await publisher.closed).toEqual({ code: 1013, reason: "outbox_full" });
  } finally {
    await small.stop();
  }
});

describe("[C3] deltas of one stream fold", () => {
  test("who was away gets the text so far in one entry, then the live tail; from a checkpoint in between, the rest", async () => {
    const user = newUser();
    const publisher = await Publisher.open(runtime.url, user);
    const words = Array.from({ length: 200 }, (_, n) => `word${n} `);
    const seqs = (await publisher.publish(words.map(delta))).map((r) => r.seq);
    const connection = await reading(runtime.url, user);
    await connection.caughtUp();
    expect(connection.messages).toMatchObject([
      { seq: seqs.at(-1), first_seq: seqs[0], data: words.join(""), topic: "run-7", append: true, type: "delta" },
    ]);
    await publisher.publish([delta("live")]);
    await connection.settle();
    expect(dataOf(connection)[1]).toBe("live");
    connection.ack(connection.lastSeq, seqs[99]);
    await connection.close();
    const back = await reading(runtime.url, user);
    await back.caughtUp();
    expect(dataOf(back)).toEqual([`${words.slice(100).join("")}live`]);
    await back.close();
    await publisher.close();
  });

  test("[S6] deltas replace nothing of their topic; another message of it replaces them all", async () => {
    const user = newUser();
    const publisher = await Publisher.open(runtime.url, user);
    await publisher.publish([delta("a"), delta("b")]);
    expect((await backend.list(user)).body.messages).toHaveLength(2);
    await publisher.publish([{ type: "answer", data: "ab", topic: "run-7" }]);
    expect((await backend.list(user)).body.messages).toMatchObject([{ type: "answer", data: "ab" }]);
    await publisher.close();
  });
});

test("[P5, S1, D1] a runtime that is killed in mid-stream: what was published is held, once and in order", async () => {
  const killed = await startRuntime();
  try {
    const user = "ada";
    const published = new Map<number, number>();
    let next = 0;
    for (let kill = 0; kill < 5; kill += 1) {
      const publisher = await Publisher.open(killed.url, user);
      publisher.socket.on("message", (text) => {
        const frame = JSON.parse(String(text));
        if (frame.type === "published") for (const r of frame.results) published.set(r.seq, frame.ref);
      });
      const until = published.size + 200;
      // All five times together stay below what an outbox holds, on a fast machine too.
      const end = next + 1_500;
      const feeding = setInterval(() => {
        for (let i = 0; i < 20 && next < end; i += 1)
          publisher.send({ type: "publish", ref: next, messages: [{ type: "a", data: next++ }] });
      }, 1);
      await expect.poll(() => published.size, { timeout: 10_000, interval: 5 }).toBeGreaterThan(until);
      await killed.kill();
      clearInterval(feeding);
      await publisher.closed;
      await killed.restart();
    }
    // Few acks: a fast machine has the whole backlog in less than a second, and a connection has 100 frames in one.
    const connection = await reading(killed.url, user, { every: 200 });
    await connection.caughtUp();
    const got = new Map(connection.messages.map((m) => [m.seq, m.data as number]));
    const lost = [...published].filter(([seq, ref]) => got.get(seq) !== ref);
    expect({ lost, published: published.size > 1_000 }).toEqual({ lost: [], published: true });
    const order = connection.messages.map((m) => m.data as number);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(order.length);
    await connection.close();
  } finally {
    await killed.stop();
  }
}, 60_000);
