/** `GET /v1/users/{user}/live` (N6): what an operator sees of a user, and that nobody is the worse for being looked at. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { mailboxesInMemory } from "../proofs/process-facts.ts";
import { Backend } from "../support/backend.ts";
import { Connection, type ConnectionOptions } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { raw, requestBytes } from "../support/fuzz-http.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { LiveReader } from "../support/live-reader.ts";
import { Publisher } from "../support/publisher.ts";
import type { LiveFrame } from "../support/received.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { projectDir } from "../support/worker-config.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ vars: { ...scopedVars, ENVIRONMENT: "development" } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const watch = (user: string) => LiveReader.open(runtime.url, user, { key: KEYS.monitor });
const connect = async (user: string, options: ConnectionOptions = {}) =>
  Connection.open(runtime.url, { token: await mintLocally(user), device: "phone", ...options });
/** Its body as U1 says it, and its frame as the stream does. */
const stateOf = async (user: string) => ({ type: "state", ...(await backend.user(user)).body });
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

test("[N6] the first frame is U1's body, of an unknown user, too, and the headers are those of a stream", async () => {
  const live = await watch("nobody");
  expect(live.headers).toMatchObject({
    ...{ "content-type": "text/event-stream", "cache-control": "no-store" },
    ...{ "x-accel-buffering": "no", "x-content-type-options": "nosniff" },
  });
  expect(live.frames).toEqual([await stateOf("nobody")]);
  expect(live.state).toMatchObject({ connected: false, connections: [], devices: [], held: { count: 0 } });
  live.hangUp();
});

test("[N6] a message's way: accepted, connected, sent, acked, ended, disconnected, each with what it is about, and no data", async () => {
  const user = "way";
  const live = await watch(user);
  const data = "a secret of the user's";
  const sent = (await backend.send(user, { type: "order", data, id: "order-7", topic: "orders" })).body;
  expect(await live.next("accepted")).toEqual({
    ...{ type: "accepted", timestamp: TIME, seq: sent.seq, id: "order-7", message_type: "order", topic: "orders" },
  });
  const phone = await connect(user);
  await phone.caughtUp();
  const connection_id = phone.established.connection_id;
  const named = { timestamp: TIME, connection_id, device: "phone" };
  expect(await live.next("sent")).toEqual({ type: "sent", ...named, prev: 0, seq: sent.seq, count: 1 });
  const standing = await live.stands("in flight", ({ connections }) => connections[0]?.in_flight === 1);
  expect(standing).toMatchObject({ held: { count: 1 }, devices: [{ device: "phone", cursor: 0 }] });

  phone.ack();
  expect(await live.next("acked")).toEqual({ type: "acked", ...named, seq: sent.seq, checkpoint: sent.seq });
  // The ack rests in memory still: that it came is told and shown, and that it is recorded follows.
  await live.stands("nothing held", ({ held, devices }) => held.count === 0 && devices[0]?.cursor === sent.seq);
  expect(live.of("ended")).toEqual([]);
  expect((await backend.state(user, "order-7")).body.status).toBe("delivered");
  const ended = { type: "ended", timestamp: TIME, seq: sent.seq, id: "order-7", status: "delivered" };
  expect(await live.next("ended")).toEqual(ended);

  await phone.close(4000, "resync");
  expect(await live.next("disconnected")).toEqual({ type: "disconnected", ...named, code: 4000 });
  expect(await live.stands("gone", ({ connected }) => !connected)).toEqual(await stateOf(user));
  const order = live.frames.map(({ type }) => type).filter((type) => type !== "state");
  expect(order).toEqual(["accepted", "connected", "sent", "acked", "ended", "disconnected"]);
  expect(live.text).not.toContain(data);
  live.hangUp();
});

test("[N6, S3] one that its sender waits for and that is acked at once is seen as any other", async () => {
  const user = "direct";
  const phone = await connect(user, { ack: "each" });
  await phone.caughtUp();
  const live = await watch(user);
  const { status, body } = await backend.send(user, { type: "ask", id: "ask-1" }, { wait: 10 });
  expect([status, body.status]).toEqual([200, "delivered"]);
  await live.next("ended");
  const happened = live.frames.filter(({ type }) => type !== "state").map(({ type, seq }) => [type, seq]);
  expect(happened).toEqual(["accepted", "sent", "acked", "ended"].map((type) => [type, body.seq]));
  await phone.close();
  live.hangUp();
});

test("[N6, S5] with ttl 0: dropped where nobody is there, else sent, acked and delivered", async () => {
  const user = "ephemeral";
  const live = await watch(user);
  const dropped = (await backend.send(user, { type: "typing", ttl: 0 })).body;
  expect(await live.next("ended")).toMatchObject({ id: dropped.id, seq: dropped.seq, status: "dropped" });
  const phone = await connect(user, { ack: "each" });
  await phone.caughtUp();
  const { body } = await backend.send(user, { type: "typing", ttl: 0, id: "t-1" });
  expect(body.status).toBe("delivered");
  const about = (frame: LiveFrame) => frame.seq === body.seq;
  expect(await live.next("ended", about)).toMatchObject({ id: "t-1", status: "delivered" });
  expect(live.frames.filter(about).map(({ type }) => type)).toEqual(["accepted", "sent", "acked", "ended"]);
  await phone.close();
  live.hangUp();
});

test("[N6, D6, S6, S10] every end is told, once, with its id: expired, rejected, replaced, recalled, and what a requeue made", async () => {
  const user = "ends";
  const live = await watch(user);
  const ends = () => live.of("ended").map(({ id, status }) => `${id} ${status}`);
  await backend.send(user, { type: "t", id: "expires", ttl: 0.001 });
  await backend.send(user, { type: "t", id: "old", topic: "weather" });
  await backend.send(user, { type: "t", id: "new", topic: "weather" });
  await backend.send(user, { type: "t", id: "recalled" });
  await backend.recall(user, "recalled");
  const phone = await connect(user);
  await phone.caughtUp();
  const { seq = 0 } = phone.messages.find(({ id }) => id === "new") ?? {};
  phone.reject(seq, "no such place");
  await live.next("ended", ({ status }) => status === "rejected");
  expect(ends().toSorted()).toEqual(["expires expired", "new rejected", "old replaced", "recalled recalled"]);
  await live.stands("two dead letters", ({ dead_letters }) => dead_letters === 2);

  await backend.requeue(user, { seq });
  const again = await live.next("accepted", ({ id }) => id.startsWith("~"));
  expect(again).toMatchObject({ message_type: "t", topic: "weather" });
  await live.next("sent", (frame) => frame.seq === again.seq);
  await live.stands("one dead letter", ({ dead_letters }) => dead_letters === 1);
  // What is thrown away is no message any more, but how the user stands has changed.
  await backend.discard(user, { all: true });
  await live.stands("none", ({ dead_letters }) => dead_letters === 0);
  await phone.close();
  live.hangUp();
});

test("[N6, D4, D6] a connection that does not ack ends with 4408 before its eyes, and a message that five fail on as undeliverable", async () => {
  const own = await startRuntime({ vars: { ACK_TIMEOUT_MS: "300" } });
  try {
    const user = "poison";
    const live = await LiveReader.open(own.url, user);
    await new Backend(own.url).send(user, { type: "t", id: "poison" });
    for (let n = 1; n <= 5; n += 1) {
      await Connection.open(own.url, { token: await mintLocally(user) });
      const count = n;
      await live.until(`end ${n}`, () => (live.of("disconnected").length === count ? true : undefined));
    }
    expect(live.of("disconnected").map(({ code }) => code)).toEqual([4408, 4408, 4408, 4408, 4408]);
    expect(await live.next("ended")).toMatchObject({ id: "poison", status: "undeliverable" });
    live.hangUp();
  } finally {
    await own.stop();
  }
});

test("[N6, S9, P2] a batch and a publisher's frame are seen message by message, and sent together", async () => {
  const user = "many";
  const phone = await connect(user);
  await phone.caughtUp();
  const live = await watch(user);
  await backend.sendBatch(Array.from({ length: 20 }, (_, n) => ({ to: user, type: `t${n}` })));
  expect(await live.next("sent")).toMatchObject({ prev: 0, count: 20 });
  expect(live.of("accepted").map(({ message_type }) => message_type)).toEqual(
    Array.from({ length: 20 }, (_, n) => `t${n}`),
  );
  const publisher = await Publisher.open(runtime.url, user);
  const deltas = ["Once ", "upon ", "a time"];
  await publisher.publish(deltas.map((data) => ({ type: "delta", data, topic: "run-7", append: true })));
  await live.next("sent", ({ count }) => count === 3);
  expect(live.of("accepted").filter(({ topic }) => topic === "run-7")).toHaveLength(3);
  expect(live.text).not.toContain("a time");
  publisher.socket.terminate();
  await phone.close();
  live.hangUp();
});

test("[N6] several look on at once, and one who hangs up is let go at once", async () => {
  const user = "crowd";
  const first = await watch(user);
  const second = await watch(user);
  // More than there may be at a time, were they not let go.
  for (let n = 0; n < 20; n += 1) {
    const other = await watch(user);
    other.hangUp();
    await backend.user(user);
  }
  await backend.send(user, { type: "t" });
  expect((await first.next("accepted")).seq).toBe((await second.next("accepted")).seq);
  first.hangUp();
  second.hangUp();
});

test("[N6, C11] one above the limit ends the one who began first: event close with 4409, far off", async () => {
  const user = "too-many";
  const readers: LiveReader[] = [];
  for (let n = 0; n < 9; n += 1) readers.push(await watch(user));
  expect(await readers[0]?.ended()).toEqual({ type: "close", code: 4409, reason: "replaced_by_newer" });
  expect(readers[0]?.retryMs).toBeGreaterThan(3_600_000);
  for (const reader of readers) reader.hangUp();
});

test("[N6, C11] a Mailbox that is lost ends it with 1006, soon, and who comes again sees how the user stands", async () => {
  const own = await startRuntime({ entry: join(projectDir, "test/proofs/breakable-worker.mjs") });
  try {
    const user = "lost";
    await new Backend(own.url).send(user, { type: "t" });
    const live = await LiveReader.open(own.url, user);
    await fetch(`${own.url}/test/reset/${user}`, { method: "POST" });
    expect(await live.ended()).toEqual({ type: "close", code: 1006, reason: "" });
    expect(live.retryMs).toBeLessThanOrEqual(5_000);
    const again = await LiveReader.open(own.url, user);
    expect(again.state).toMatchObject({ held: { count: 1 } });
    again.hangUp();
  } finally {
    await own.stop();
  }
});

test("[N6] an operator who does not read costs the user nothing, and is told how much was left out", async () => {
  const user = "slow";
  const live = await watch(user);
  live.pause();
  const text = "x".repeat(120);
  let sent = 0;
  const flood = async (): Promise<void> => {
    const messages = Array.from({ length: 1_000 }, (_, n) => ({
      to: user,
      type: text,
      ttl: 0,
      id: `${text}-${sent + n}`,
      topic: text,
    }));
    expect((await backend.sendBatch(messages)).status).toBe(200);
    sent += messages.length;
  };
  // What the operating system takes for it comes first: some 10 MiB on this machine's loopback.
  while (sent < 20_000) await flood();
  live.resume();
  const { count } = await live.next("skipped");
  await live.stands("as it is", (state) => live.frames.at(-1) === state);
  const told = live.of("accepted").length + live.of("ended").length;
  expect(told + count).toBe(2 * sent);
  const after = (await backend.send(user, { type: "after" })).body;
  expect(await live.next("accepted", ({ seq }) => seq === after.seq)).toBeDefined();
  live.hangUp();
}, 120_000);

test("[N6, D8] its Mailbox sleeps behind it, and wakes to be seen", async () => {
  const own = await startRuntime();
  try {
    const live = await LiveReader.open(own.url, "sleeps");
    await new Backend(own.url).send("sleeps", { type: "before" });
    await live.stands("held", ({ held }) => held.count === 1);
    await eventually("the object is evicted", () => mailboxesInMemory(own.pid) === 0, 25_000);
    await new Backend(own.url).send("sleeps", { type: "after" });
    await live.next("accepted", ({ message_type }) => message_type === "after");
    await live.stands("two", ({ held }) => held.count === 2);
    live.hangUp();
  } finally {
    await own.stop();
  }
}, 60_000);

test("[N6, A1] HEAD opens nothing, a location is a location, and what is no parameter is 400", async () => {
  const headers = [`Authorization: Bearer ${KEYS.monitor}`];
  const ask = (method: string, query = "") =>
    raw(runtime.port, requestBytes(method, `/v1/users/heads/live${query}`, { headers }));
  const head = await ask("HEAD");
  expect([head.status, head.headers["content-type"], head.text]).toEqual([200, "text/event-stream", ""]);
  expect((await ask("GET", "?location=weur")).status).toBe(200);
  expect((await ask("GET", "?location=nowhere")).code).toBe("invalid_request");
  expect((await ask("GET", "?after=1")).code).toBe("invalid_request");
  expect((await ask("HEAD", "?after=1")).status).toBe(400);
});
