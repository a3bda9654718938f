import { describe, expect, test } from "vitest";
import { clock, DAY_MS, HOUR_MS, SECOND_MS } from "./ground/clock.ts";
import { isSettled } from "./ground/settled.ts";
import { plain, User } from "./ground/user.ts";

const MESSAGE = { type: "a", data: { n: 1 }, id: "one" };

/** Sends the twin; it must say that it is one, make no second message, and be of this status. */
const expectTwin = async (
  user: User,
  status: string,
  http: number,
  message: typeof MESSAGE = MESSAGE,
): Promise<void> => {
  const before = (await user.held()).body.messages.length;
  const reply = await user.send(message);
  expect(reply).toMatchObject({ status: http, body: { id: message.id, status } });
  expect(reply.headers.get("idempotency-replayed")).toBe("true");
  expect((await user.held()).body.messages).toHaveLength(before);
};

describe("[S4] a twin tells the message's present state", () => {
  test("held, sent, acked, and delivered", async () => {
    const user = new User();
    const first = await user.send(MESSAGE);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    await expectTwin(user, "queued", 202);
    const client = await user.connect();
    await client.received(1);
    expect((await user.send(MESSAGE)).body).toMatchObject({ seq: first.body.seq, sent_to: 1 });
    await client.acked();
    await expectTwin(user, "delivered", 200);
    expect((await user.send(MESSAGE)).body.delivered_at).toEqual(expect.any(String));
    await client.settle();
    expect(client.messages).toHaveLength(1);
  });

  test("delivered to one device, held for another", async () => {
    const user = new User();
    await user.connect({ device: "slow" });
    const client = await user.connect();
    await user.send(MESSAGE);
    await client.received(1);
    await client.acked();
    await expectTwin(user, "delivered", 200);
    await user.evict();
    await expectTwin(user, "delivered", 200);
  });

  test("expired, before it is swept, after, and asleep", async () => {
    const user = new User();
    await user.send({ ...MESSAGE, ttl: 1 });
    clock.advance(SECOND_MS);
    await expectTwin(user, "expired", 200);
    await user.alarm();
    await expectTwin(user, "expired", 200);
    await user.evict();
    await expectTwin(user, "expired", 200);
  });

  test("recalled", async () => {
    const user = new User();
    await user.send(MESSAGE);
    await user.recall("one");
    await expectTwin(user, "recalled", 200);
  });

  test("replaced", async () => {
    const user = new User();
    await user.send({ ...MESSAGE, topic: "t" });
    await user.send({ type: "b", topic: "t" });
    await expectTwin(user, "replaced", 200);
    // Nor does the twin replace what came after it.
    await user.send({ ...MESSAGE, topic: "t" });
    expect((await user.held()).body.messages.map((m) => m.type)).toEqual(["b"]);
  });

  test("rejected", async () => {
    const user = new User();
    const client = await user.connect();
    const { body } = await user.send(MESSAGE);
    await client.received(1);
    await client.rejected(body.seq, "no");
    await expectTwin(user, "rejected", 200);
  });

  test("requeued: the old one stays what it was", async () => {
    const user = new User();
    const { body } = await user.send({ ...MESSAGE, ttl: 1 });
    clock.advance(SECOND_MS);
    await user.alarm();
    const requeued = await user.requeue(`/${body.seq}`, { ttl: 60 });
    await expectTwin(user, "expired", 200);
    expect((await user.state(requeued.body.requeued[0]?.id ?? "")).body).toMatchObject({
      status: "queued",
      requeued_from: body.seq,
    });
  });

  test("dropped, with ttl 0, and stays so where the user has connected since", async () => {
    const user = new User();
    await user.send({ ...MESSAGE, ttl: 0 });
    await expectTwin(user, "dropped", 200);
    const client = await user.connect();
    await expectTwin(user, "dropped", 200);
    expect(await user.send({ ...MESSAGE, ttl: 0 })).toMatchObject({ body: { status: "dropped" } });
    await client.settle();
    expect(client.messages).toEqual([]);
  });

  test("erased users know nothing: the id is free again", async () => {
    const user = new User();
    const { body } = await user.send(MESSAGE);
    await user.erase();
    const again = await user.send(MESSAGE);
    expect(again.headers.get("idempotency-replayed")).toBeNull();
    expect(again.body.seq).toBeGreaterThan(body.seq);
  });
});

describe("[S4] what counts as the same content", () => {
  test("the same type and data, in whatever order of keys; ttl and topic do not matter", async () => {
    const user = new User();
    await user.send({ type: "a", id: "one", data: { x: 1, y: [1, { p: 1, q: 2 }] } });
    const twin = { type: "a", id: "one", data: { y: [1, { q: 2, p: 1 }], x: 1 }, ttl: 5, topic: "t" };
    expect((await user.send(twin)).headers.get("idempotency-replayed")).toBe("true");
    expect((await user.held()).body.messages).toHaveLength(1);
  });

  test("another type, other data, none, or null is 422, and changes nothing", async () => {
    const user = new User();
    const { body } = await user.send(MESSAGE);
    for (const other of [
      { ...MESSAGE, type: "b" },
      { ...MESSAGE, data: { n: 2 } },
      { type: "a", id: "one" },
      { ...MESSAGE, data: null },
      { ...MESSAGE, data: { n: 2 }, ttl: 0 },
    ]) {
      const reply = await user.send(other);
      expect(reply).toMatchObject({ status: 422, body: { code: "id_reused" } });
    }
    expect((await user.held()).body.messages.map((m) => m.seq)).toEqual([body.seq]);
  });

  test("the header Idempotency-Key is another name of it", async () => {
    const user = new User();
    await user.send(MESSAGE);
    const { id: _, ...rest } = MESSAGE;
    const reply = await user.send(rest, { headers: { "idempotency-key": "one" } });
    expect(reply.headers.get("idempotency-replayed")).toBe("true");
  });

  test("two users may have the same id", async () => {
    const [one, other] = [new User(), new User()];
    await one.send(MESSAGE);
    expect((await other.send(MESSAGE)).headers.get("idempotency-replayed")).toBeNull();
  });

  test("[S9] twins in one call are one message", async () => {
    const user = new User();
    const one = { id: "one", digest: "d" };
    const replies = await user.trySend([plain("a", one), plain("a", one), plain("b", { ...one, digest: "other" })]);
    expect(replies).toMatchObject([
      { ok: true, replayed: false },
      { ok: true, replayed: true },
      { ok: false, code: "id_reused" },
    ]);
    expect((await user.held()).body.messages).toHaveLength(1);
  });

  test("[S9, S5] so are twins in one call with ttl 0, to nobody and to somebody", async () => {
    const user = new User();
    const now = { id: "now", digest: "d", ttlMs: 0 };
    const dropped = await user.sendPlain([plain("a", now), plain("a", now)]);
    expect(dropped.map(({ message, replayed }) => [message.status, replayed])).toEqual([
      ["dropped", false],
      ["dropped", true],
    ]);
    const client = await user.connect();
    const then = { ...now, id: "then" };
    const sending = user.sendPlain([plain("a", then), plain("a", then)], 5_000);
    await client.received(1);
    client.ack();
    expect((await sending).map(({ message }) => message.status)).toEqual(["delivered", "delivered"]);
    expect(client.messages).toHaveLength(1);
  });

  // Past HTTP: here the runtime has no promises across requests, by which sends share a call (`shared-calls.test.ts`).
  test("twins that arrive together are one message", async () => {
    const user = new User();
    const twin = plain("a", { id: "one", digest: "same" });
    const replies = (await Promise.all(Array.from({ length: 20 }, () => user.sendPlain([twin])))).flat();
    expect(new Set(replies.map(({ message }) => message.seq)).size).toBe(1);
    expect(replies.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect((await user.held()).body.messages).toHaveLength(1);
  });
});

describe("[S4] how long an id is known", () => {
  test("24 hours from the acceptance, also where the message ended early", async () => {
    clock.freeze();
    const user = new User();
    await user.send(MESSAGE);
    await user.recall("one");
    clock.advance(DAY_MS - 1);
    await user.alarm();
    await expectTwin(user, "recalled", 200);
    clock.advance(25 * HOUR_MS);
    await user.alarm();
    const again = await user.send(MESSAGE);
    expect(again.headers.get("idempotency-replayed")).toBeNull();
    expect(again.status).toBe(202);
  });

  test("as long as the message is held", async () => {
    const user = new User();
    await user.send(MESSAGE);
    for (let day = 0; day < 6; day += 1) {
      clock.advance(DAY_MS);
      await user.alarm();
    }
    await expectTwin(user, "queued", 202);
  });
});

describe("[S4, S5] a twin of ttl 0 that is on its way", () => {
  const NOW = { type: "now", id: "now", ttl: 0 };

  test("is the same message, and both are told of its ack", async () => {
    const user = new User();
    const client = await user.connect();
    const first = user.send(NOW, { wait: 10 });
    await client.received(1);
    const twin = user.send(NOW, { wait: 10 });
    expect(await isSettled(twin, () => client.settle())).toBe(false);
    client.ack();
    expect([(await first).body.status, (await twin).body.status]).toEqual(["delivered", "delivered"]);
    expect((await twin).headers.get("idempotency-replayed")).toBe("true");
    expect(client.messages).toHaveLength(1);
  });

  test("with a shorter wait does not end the first one's", async () => {
    const user = new User();
    const client = await user.connect();
    const first = user.send(NOW, { wait: 10 });
    await client.received(1);
    await user.send(NOW, { wait: 0.05 });
    expect(await isSettled(first, () => client.settle())).toBe(false);
    client.ack();
    expect((await first).body.status).toBe("delivered");
  });

  test("without a wait does not either", async () => {
    const user = new User();
    const client = await user.connect();
    const first = user.send(NOW, { wait: 10 });
    await client.received(1);
    await user.send(NOW, { wait: 0 });
    client.ack();
    expect((await first).body.status).toBe("delivered");
  });

  test("with other content is 422", async () => {
    const user = new User();
    const client = await user.connect();
    const first = user.send(NOW, { wait: 10 });
    await client.received(1);
    expect((await user.send({ ...NOW, type: "other" })).status).toBe(422);
    expect((await user.send({ type: "other", id: "now" })).status).toBe(422);
    client.ack();
    await first;
  });
});
