import { describe, expect, test } from "vitest";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { isSettled } from "./ground/settled.ts";
import { User } from "./ground/user.ts";

describe("[S1, S2, S7] a send", () => {
  test("to a user who never connected is 202, says so, and waits for them", async () => {
    clock.freeze();
    const user = new User();
    const reply = await user.send({ type: "agent_started", data: { agent: 7 } });
    const seq = clock.now() * 1_024;
    expect(reply.status).toBe(202);
    expect(reply.body).toEqual({
      id: `~${seq}`,
      seq,
      status: "queued",
      devices: 0,
      sent_to: 0,
      accepted_at: new Date(clock.now()).toISOString(),
      expires_at: new Date(clock.now() + 7 * 86_400_000).toISOString(),
    });
    expect(reply.headers.get("location")).toBe(`${user.path}/messages/${encodeURIComponent(`~${seq}`)}`);
    const client = await user.connect();
    await client.caughtUp();
    expect(client.frames.slice(1)).toEqual([
      {
        type: "messages",
        prev: 0,
        messages: [
          { seq, id: `~${seq}`, type: "agent_started", data: { agent: 7 }, timestamp: reply.body.accepted_at },
        ],
      },
      { type: "caught_up", seq },
    ]);
  });

  test("`sent_to` counts the open connections that it was sent to, `devices` those that are known", async () => {
    const user = new User();
    await (await user.connect({ device: "away" })).close();
    await user.connect({ device: "phone" });
    await user.connect({ device: "phone" });
    const full = await user.connect({ device: "laptop", window: 1 });
    expect((await user.send({ type: "a", id: "a" })).body).toMatchObject({ devices: 3, sent_to: 3 });
    expect((await user.send({ type: "b", id: "b" })).body).toMatchObject({ devices: 3, sent_to: 2 });
    await full.acked();
    expect((await user.state("b")).body.sent_to).toBe(3);
  });

  test("`sent_to` does not count a connection that only heard of its end", async () => {
    const user = new User();
    const client = await user.connect({ window: 1 });
    const [a] = await user.sendAll("a");
    await user.send({ type: "b", id: "b", ttl: 1 });
    clock.advance(SECOND_MS);
    await client.received(1);
    await client.acked(a);
    await client.nth("gap", 1);
    expect((await user.state("b")).body).toMatchObject({ status: "expired", sent_to: 0 });
  });

  test("`delivered_at` is there once somebody has acked it", async () => {
    clock.freeze();
    const user = new User();
    await user.connect({ device: "other" });
    const client = await user.connect();
    await user.send({ type: "a", id: "a" });
    await client.received(1);
    clock.advance(1_500);
    await client.acked();
    const { body } = await user.state("a");
    expect(body).toMatchObject({ status: "delivered", delivered_at: new Date(clock.now()).toISOString() });
    expect(Date.parse(body.delivered_at ?? "") - Date.parse(body.accepted_at)).toBe(1_500);
  });

  test("[S13] each sent after the reply to the last gets a higher seq", async () => {
    const user = new User();
    const seqs = await user.sendAll("a", "b", "c", "d");
    expect([...seqs].sort((a, b) => a - b)).toEqual(seqs);
    expect(new Set(seqs).size).toBe(4);
  });
});

describe("[S5] ttl 0", () => {
  test("is dropped at once where nobody is connected, and never stored", async () => {
    const user = new User();
    const reply = await user.send({ type: "now", ttl: 0 }, { wait: 20 });
    expect(reply).toMatchObject({ status: 200, body: { status: "dropped", devices: 0, sent_to: 0 } });
    expect(reply.body.expires_at).toBe(reply.body.accepted_at);
    expect((await user.held()).body.messages).toEqual([]);
    const client = await user.connect();
    expect((await client.caughtUp()).seq).toBe(0);
    expect(client.messages).toEqual([]);
  });

  test("is delivered to who acks it, in order with what is stored", async () => {
    const user = new User();
    const client = await user.connect();
    const [a] = await user.sendAll("a");
    const sending = user.send({ type: "now", ttl: 0 }, { wait: 10 });
    await client.received(2);
    await user.send({ type: "b" });
    const [, now] = await client.received(3);
    expect(client.types).toEqual(["a", "now", "b"]);
    expect(client.violations).toEqual([]);
    expect(await isSettled(sending, () => client.acked(a))).toBe(false);
    client.ack(now?.seq);
    expect(await sending).toMatchObject({
      status: 200,
      body: { status: "delivered", seq: now?.seq, devices: 1, sent_to: 1, delivered_at: expect.any(String) },
    });
    expect((await user.held()).body.messages.map((m) => m.type)).toEqual(["b"]);
  });

  test("waits for an ack a second by default", async () => {
    const user = new User();
    await user.connect();
    const startedAt = clock.realNow();
    expect((await user.send({ type: "now", ttl: 0 })).body).toMatchObject({ status: "dropped", sent_to: 1 });
    expect(clock.realNow() - startedAt).toBeGreaterThanOrEqual(950);
    expect(clock.realNow() - startedAt).toBeLessThan(3_000);
  });

  test("is not waited for with `wait=0`", async () => {
    const user = new User();
    await user.connect();
    const startedAt = clock.realNow();
    expect((await user.send({ type: "now", ttl: 0 }, { wait: 0 })).body.status).toBe("dropped");
    expect(clock.realNow() - startedAt).toBeLessThan(500);
  });

  test("goes to no connection that is not caught up, or has no room", async () => {
    const user = new User();
    await user.sendAll("a", "b");
    const behind = await user.connect({ device: "behind", window: 1 });
    expect((await user.send({ type: "now", ttl: 0 }, { wait: 10 })).body).toMatchObject({
      status: "dropped",
      sent_to: 0,
    });
    await behind.received(1);
    await behind.acked();
    await behind.caughtUp();
    // Caught up, and full.
    expect((await user.send({ type: "now", ttl: 0 }, { wait: 10 })).body).toMatchObject({
      status: "dropped",
      sent_to: 0,
    });
    await behind.acked();
    const sending = user.send({ type: "now", ttl: 0 }, { wait: 10 });
    await behind.received(3);
    behind.ack();
    expect((await sending).body).toMatchObject({ status: "delivered", sent_to: 1 });
    expect(behind.types).toEqual(["a", "b", "now"]);
  });

  test("is not kept for a connection that was lost: it comes to nobody later, and is no loss", async () => {
    const user = new User();
    const client = await user.connect();
    const sending = user.send({ type: "now", ttl: 0 }, { wait: 0.2 });
    await client.received(1);
    await client.close();
    expect((await sending).body.status).toBe("dropped");
    const next = await user.connect();
    await next.caughtUp();
    expect(next.frames.map((f) => f.type)).toEqual(["connection_established", "caught_up"]);
    expect((await user.get()).body.dead_letters).toBe(0);
  });

  test("[S10] is known while it is on its way, and afterwards where it has an id", async () => {
    const user = new User();
    const client = await user.connect();
    const sending = user.send({ type: "now", id: "now", ttl: 0 }, { wait: 10 });
    await client.received(1);
    expect((await user.state("now")).body).toMatchObject({ status: "queued", sent_to: 1 });
    client.ack();
    await sending;
    expect((await user.state("now")).body).toMatchObject({ status: "delivered" });
    const { body } = await user.send({ type: "now", ttl: 0 }, { wait: 0 });
    expect((await user.state(body.id)).status).toBe(404);
  });

  test("[S13] a caller that hangs up ends nothing: it ends as delivered or dropped all the same", async () => {
    const user = new User();
    const client = await user.connect();
    const stub = await user.stub();
    const message = { type: "now", bytes: 16, id: "now", digest: "d", ttlMs: 0 };
    const sending = stub.send({ messages: [message], waitMs: 200, waitId: "w" });
    await client.received(1);
    await stub.stopWaiting("w");
    await sending;
    // Its wait is over when another one, begun later and as long, is.
    await user.send({ type: "other", ttl: 0 }, { wait: 0.25 });
    expect((await user.state("now")).body.status).toBe("dropped");
  });
});

describe("[S6] a topic", () => {
  test("replaces what is held and un-acked: the new one has a new seq and place", async () => {
    const user = new User();
    await user.send({ type: "10 %", topic: "progress", id: "p1" });
    await user.send({ type: "other" });
    const { body } = await user.send({ type: "20 %", topic: "progress", id: "p2" });
    expect((await user.state("p1")).body.status).toBe("replaced");
    const client = await user.connect();
    await client.caughtUp();
    expect(client.types).toEqual(["other", "20 %"]);
    expect(client.lastSeq).toBe(body.seq);
    expect(client.gaps).toEqual([]);
    expect((await user.get()).body.dead_letters).toBe(0);
  });

  test("leaves what somebody has acked, and other topics, alone", async () => {
    const user = new User();
    await user.connect({ device: "slow" });
    const client = await user.connect();
    await user.send({ type: "a", topic: "t", id: "a" });
    await client.received(1);
    await client.acked();
    await user.send({ type: "b", topic: "t", id: "b" });
    await user.send({ type: "c", topic: "u", id: "c" });
    expect((await user.state("a")).body.status).toBe("delivered");
    expect((await user.state("b")).body.status).toBe("queued");
    expect((await user.held()).body.messages.map((m) => [m.type, m.topic])).toEqual([
      ["a", "t"],
      ["b", "t"],
      ["c", "u"],
    ]);
  });

  test("a connection that was already sent the old one gets both, one that was not gets the new one", async () => {
    const user = new User();
    const sent = await user.connect({ device: "sent" });
    const full = await user.connect({ device: "full", window: 1 });
    const [first] = await user.sendAll("first");
    await user.send({ type: "old", topic: "t", id: "old" });
    await user.send({ type: "new", topic: "t" });
    await sent.received(3);
    await full.received(1);
    await full.acked(first);
    await full.received(2);
    expect(sent.types).toEqual(["first", "old", "new"]);
    expect(full.types).toEqual(["first", "new"]);
    await sent.acked();
    expect((await user.state("old")).body.status).toBe("replaced");
  });

  test("what was never sent says so after it was replaced", async () => {
    const user = new User();
    const full = await user.connect({ window: 1 });
    await user.send({ type: "first" });
    await user.send({ type: "old", topic: "t", id: "old" });
    await user.send({ type: "new", topic: "t" });
    await full.received(1);
    await full.acked();
    await full.received(2);
    expect((await user.state("old")).body).toMatchObject({ status: "replaced", sent_to: 0 });
  });
});

describe("[S10] looking, and recalling", () => {
  test("lists what is held, with its content, in pages, and acks nothing", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    await user.send({ type: "c", data: { n: 1 }, topic: "t", id: "c" });
    const held = (await user.held()).body.messages;
    expect(held.map((m) => m.seq)).toEqual([a, b, expect.any(Number)]);
    expect(held[2]).toMatchObject({ type: "c", data: { n: 1 }, topic: "t", id: "c", status: "queued" });
    const client = await user.connect();
    await client.caughtUp();
    expect(client.messages).toHaveLength(3);
  });

  test("recalls what nobody has acked: it ends as recalled, and nobody is sent it", async () => {
    const user = new User();
    await user.send({ type: "a", id: "a" });
    expect(await user.recall("a")).toMatchObject({ status: 200, body: { status: "recalled", sent: false } });
    expect((await user.state("a")).body.status).toBe("recalled");
    expect(await user.recall("a")).toMatchObject({ status: 409, body: { code: "already_ended" } });
    const client = await user.connect();
    await client.caughtUp();
    expect(client.messages).toEqual([]);
    expect(client.gaps).toEqual([]);
  });

  test("says whether it was sent, also to who has gone since", async () => {
    const user = new User();
    const client = await user.connect();
    await user.send({ type: "a", id: "a" });
    await user.send({ type: "b", id: "b" });
    await client.received(2);
    expect((await user.recall("a")).body.sent).toBe(true);
    await client.close();
    await user.send({ type: "c", id: "c" });
    expect((await user.recall("b")).body.sent).toBe(true);
    expect((await user.recall("c")).body.sent).toBe(false);
  });

  test("is 409 once acked, and 404 for what is not known", async () => {
    const user = new User();
    const client = await user.connect();
    await user.send({ type: "a", id: "a" });
    await client.received(1);
    await client.acked();
    expect(await user.recall("a")).toMatchObject({ status: 409, body: { code: "already_acked" } });
    expect(await user.recall("never")).toMatchObject({ status: 404, body: { code: "unknown_message" } });
    expect(await user.state("never")).toMatchObject({ status: 404, body: { code: "unknown_message" } });
    expect(await user.state("~1")).toMatchObject({ status: 404 });
  });

  test("a message with an id is not found under the server's name for its seq", async () => {
    const user = new User();
    const { body } = await user.send({ type: "a", id: "a" });
    expect((await user.state(`~${body.seq}`)).status).toBe(404);
  });
});
