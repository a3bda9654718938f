import { describe, expect, test } from "vitest";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { isSettled } from "./ground/settled.ts";
import { plain, User } from "./ground/user.ts";

describe("[S3] a wait ends", () => {
  test("with the first ack, 200, and the ack is on the disk before", async () => {
    const user = new User();
    const client = await user.connect();
    const sending = user.send({ type: "a" }, { wait: 20 });
    const [message] = await client.received(1);
    expect(await isSettled(sending, () => client.settle())).toBe(false);
    client.ack();
    const reply = await sending;
    expect(reply).toMatchObject({
      status: 200,
      body: { status: "delivered", sent_to: 1, delivered_at: expect.any(String) },
    });
    expect(reply.headers.get("preference-applied")).toBe("wait=20");
    const [device] = await user.rows<{ acked: number }>(`SELECT acked FROM devices`);
    expect(device?.acked).toBe(message?.seq);
  });

  test("with an ack further on, and one that checkpoints nothing", async () => {
    const user = new User();
    const client = await user.connect();
    const first = user.send({ type: "a" }, { wait: 20 });
    const [a] = await client.received(1);
    const second = user.send({ type: "b" }, { wait: 20 });
    await client.received(2);
    client.ack(client.lastSeq, (a?.seq ?? 0) - 1);
    expect((await first).body.status).toBe("delivered");
    expect((await second).body.status).toBe("delivered");
  });

  test("with its time, 202, and the message goes on", async () => {
    const user = new User();
    await user.connect();
    const startedAt = clock.realNow();
    const reply = await user.send({ type: "a" }, { wait: 0.3 });
    expect(reply).toMatchObject({ status: 202, body: { status: "queued", sent_to: 1 } });
    expect(reply.headers.get("preference-applied")).toBe("wait=0.3");
    expect(clock.realNow() - startedAt).toBeGreaterThanOrEqual(280);
    expect((await user.held()).body.messages).toHaveLength(1);
  });

  test("with the message's expiry, at its instant, though no alarm runs", async () => {
    const user = new User();
    const startedAt = clock.realNow();
    const reply = await user.send({ type: "a", ttl: 0.3 }, { wait: 20 });
    expect(reply).toMatchObject({ status: 200, body: { status: "expired" } });
    expect(clock.realNow() - startedAt).toBeLessThan(2_000);
  });

  test("with its recall, its replacement, its rejection", async () => {
    const user = new User();
    const recalled = user.send({ type: "a", id: "a" }, { wait: 20 });
    const replaced = user.send({ type: "b", id: "b", topic: "t" }, { wait: 20 });
    await expect.poll(async () => (await user.held()).body.messages.length).toBe(2);
    await user.recall("a");
    expect(await recalled).toMatchObject({ status: 200, body: { status: "recalled" } });
    await user.send({ type: "c", topic: "t" });
    expect(await replaced).toMatchObject({ status: 200, body: { status: "replaced" } });
    const client = await user.connect();
    const rejected = user.send({ type: "d" }, { wait: 20 });
    await client.received(2);
    await client.rejected(client.lastSeq, "no");
    expect(await rejected).toMatchObject({ status: 200, body: { status: "rejected" } });
  });

  test("[U4] with the user's erasure, stored or not, known or on its way", async () => {
    const user = new User();
    const client = await user.connect();
    const stored = user.send({ type: "a", id: "a" }, { wait: 20 });
    const now = user.send({ type: "now", ttl: 0 }, { wait: 20 });
    await client.received(2);
    const twin = user.send({ type: "a", id: "a" }, { wait: 20 });
    expect(await isSettled(twin, () => client.settle())).toBe(false);
    await user.erase();
    for (const reply of [await stored, await now, await twin]) {
      expect(reply).toMatchObject({ status: 200, body: { status: "erased", devices: 0, sent_to: 0 } });
    }
  });

  test("[U4] sends that are in progress as the user is erased are told so, and leave nothing behind", async () => {
    const user = new User();
    await user.connect();
    const replies = await user.inside(async (mailbox) => {
      // While one is committed the others queue up; then the erasure comes.
      const first = mailbox.send({ messages: [plain("first")] });
      const sends = [
        mailbox.send({ messages: [plain("a"), plain("b")] }),
        mailbox.send({ messages: [plain("c", { id: "c", digest: "c" })], waitMs: 20_000 }),
        mailbox.send({ messages: [plain("now", { ttlMs: 0 })], waitMs: 20_000 }),
      ];
      await mailbox.erase();
      await first;
      return Promise.all(sends);
    });
    const status = replies.flat().map((reply) => (reply.ok ? reply.message.status : reply.code));
    expect(status).toEqual(["erased", "erased", "erased", "erased"]);
    expect((await user.held()).body.messages).toEqual([]);
    expect((await user.state("c")).status).toBe(404);
  });

  test("though its socket is lost meanwhile: the message goes to the next one", async () => {
    const user = new User();
    const first = await user.connect();
    const sending = user.send({ type: "a" }, { wait: 20 });
    await first.received(1);
    await first.close();
    const second = await user.connect();
    await second.received(1);
    second.ack();
    expect(await sending).toMatchObject({ status: 200, body: { status: "delivered" } });
  });

  test("where nobody had connected: the message waits for the first to attach", async () => {
    const user = new User();
    const sending = user.send({ type: "agent_started" }, { wait: 20 });
    await expect.poll(async () => (await user.held()).body.messages.length).toBe(1);
    const client = await user.connect();
    await client.received(1);
    client.ack();
    expect(await sending).toMatchObject({ status: 200, body: { status: "delivered", devices: 1 } });
  });

  test("at once where the end is known already", async () => {
    const user = new User();
    await user.send({ type: "a", id: "a" });
    await user.recall("a");
    expect(await user.send({ type: "a", id: "a" }, { wait: 20 })).toMatchObject({
      status: 200,
      body: { status: "recalled" },
    });
  });

  test("is honoured for a twin: both are told of the end", async () => {
    const user = new User();
    const client = await user.connect();
    const first = user.send({ type: "a", id: "a" }, { wait: 20 });
    await client.received(1);
    const brief = await user.send({ type: "a", id: "a" }, { wait: 0.1 });
    expect(brief).toMatchObject({ status: 202, body: { status: "queued" } });
    const twin = user.send({ type: "a", id: "a" }, { wait: 20 });
    expect(await isSettled(Promise.race([first, twin]), () => client.settle())).toBe(false);
    client.ack();
    expect([(await first).status, (await twin).status]).toEqual([200, 200]);
  });

  test("decimals are taken, more than 30 is granted 30, nonsense is ignored", async () => {
    const user = new User();
    const applied = async (wait: string) => {
      const reply = await user.send({ type: "now", ttl: 0 }, { wait });
      return reply.headers.get("preference-applied");
    };
    expect(await applied("0.25")).toBe("wait=0.25");
    expect(await applied("99")).toBe("wait=30");
    expect(await applied("soon")).toBeNull();
    expect(await applied("-1")).toBeNull();
  });

  test("[S13] stopWaiting lets one wait go, and cancels nothing", async () => {
    const user = new User();
    const client = await user.connect();
    const stub = await user.stub();
    const gone = stub.send({ messages: [plain("a")], waitMs: 20_000, waitId: "gone" });
    const stays = stub.send({ messages: [plain("b")], waitMs: 20_000, waitId: "stays" });
    await client.received(2);
    await stub.stopWaiting("nobody");
    expect(await isSettled(Promise.race([gone, stays]), () => client.settle())).toBe(false);
    await stub.stopWaiting("gone");
    expect(await gone).toMatchObject([{ ok: true, message: { status: "queued" } }]);
    expect(await isSettled(stays, () => client.settle())).toBe(false);
    client.ack();
    expect(await stays).toMatchObject([{ ok: true, message: { status: "delivered" } }]);
    expect((await user.held()).body.messages).toEqual([]);
  });
});

describe("[U1] the user's state", () => {
  test("an unknown user looks empty, and is 200", async () => {
    const user = new User();
    expect(await user.get()).toMatchObject({
      status: 200,
      body: {
        connected: false,
        connections: [],
        devices: [],
        held: { count: 0, bytes: 0 },
        dead_letters: 0,
        mailbox: await user.mailboxName(),
      },
    });
  });

  test("says who is connected, with cursors, and what is held", async () => {
    clock.freeze();
    const user = new User();
    await (await user.connect({ device: "away" })).close();
    const client = await user.connect({ device: "phone", window: 7 });
    const { body: a } = await user.send({ type: "a", data: "xyz" });
    clock.advance(SECOND_MS);
    await user.send({ type: "b" });
    await client.received(2);
    await client.acked(a.seq);
    const { body } = await user.get();
    expect(body.connected).toBe(true);
    expect(body.connections).toMatchObject([
      {
        connection_id: client.id,
        device: "phone",
        sent_seq: client.lastSeq,
        acked_seq: a.seq,
        in_flight: 1,
        window: 7,
        caught_up: true,
      },
    ]);
    expect([...body.devices].sort((x, y) => (x.device < y.device ? -1 : 1))).toMatchObject([
      { device: "away", cursor: 0, connected: false },
      { device: "phone", cursor: a.seq, connected: true },
    ]);
    const bytes = '{"type":"a","data":"xyz"}'.length + '{"type":"b"}'.length;
    expect(body.held).toEqual({ count: 2, bytes, oldest_at: a.accepted_at });
  });

  test("`wait` replies as soon as one connection is established, and not before", async () => {
    const user = new User();
    const asking = user.get({ wait: 20 });
    expect(await isSettled(asking, () => user.send({ type: "a" }))).toBe(false);
    const client = await user.connect();
    const reply = await asking;
    expect(reply.body).toMatchObject({ connected: true, connections: [{ connection_id: client.id }] });
    expect(reply.headers.get("preference-applied")).toBe("wait=20");
  });

  test("`wait` replies at once where one is connected, and after its time where none comes", async () => {
    const user = new User();
    const startedAt = clock.realNow();
    expect((await user.get({ wait: 0.3 })).body.connected).toBe(false);
    expect(clock.realNow() - startedAt).toBeGreaterThanOrEqual(280);
    await user.connect();
    const askedAt = clock.realNow();
    expect((await user.get({ wait: 20 })).body.connected).toBe(true);
    expect(clock.realNow() - askedAt).toBeLessThan(2_000);
  });

  test("[S13] stopWaiting lets such a wait go, too", async () => {
    const user = new User();
    const stub = await user.stub();
    const asking = stub.user({ waitMs: 20_000, waitId: "w" });
    expect(await isSettled(asking, () => user.get())).toBe(false);
    await stub.stopWaiting("w");
    expect(await asking).toMatchObject({ connections: [] });
  });
});
