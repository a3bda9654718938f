/** Direct delivery: what its sender waits for, to a user who is all there, is stored only where it is not acked at once. */
import { describe, expect, test } from "vitest";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { countingRows } from "./ground/rows.ts";
import { User } from "./ground/user.ts";

const connected = async () => {
  const user = new User();
  const client = await user.connect();
  // The block of seqs is reserved, and the alarm is set.
  const first = user.send({ type: "first" }, { wait: 10 });
  await client.received(1);
  client.ack();
  await first;
  return { user, client };
};

describe("[S1, S3] a message that every device acks at once", () => {
  test.each([undefined, "mine"])("with the id %s: 200 delivered, and no row is written", async (id) => {
    const { user, client } = await connected();
    const rows = await countingRows(user);
    for (let n = 0; n < 50; n += 1) {
      const sending = user.send({ type: "a", ...(id === undefined ? {} : { id: `${id}-${n}` }) }, { wait: 10 });
      await client.received(2 + n);
      client.ack();
      expect(await sending).toMatchObject({ status: 200, body: { status: "delivered", sent_to: 1 } });
    }
    expect(await rows.counted()).toEqual({ sql: 0, alarms: 0, total: 0 });
    expect(client.violations).toEqual([]);
  });

  test("[S10, S4] its end is known, before and after it is entered, and its id makes no second one", async () => {
    const { user, client } = await connected();
    const sending = user.send({ type: "a", data: 1, id: "mine" }, { wait: 10 });
    await client.received(2);
    client.ack();
    const { body } = await sending;
    const known = async () => {
      expect((await user.state("mine")).body).toMatchObject({ seq: body.seq, status: "delivered" });
      const again = await user.send({ type: "a", data: 1, id: "mine" }, { wait: 10 });
      expect(again).toMatchObject({ status: 200, body: { seq: body.seq, status: "delivered" } });
      expect(again.headers.get("idempotency-replayed")).toBe("true");
      expect((await user.send({ type: "a", data: 2, id: "mine" })).status).toBe(422);
    };
    await known();
    clock.advance(10 * SECOND_MS);
    await user.alarm();
    await user.evict();
    await known();
    expect(client.messages).toHaveLength(2);
  });

  test("[S4] a crash after the reply: the id may reach a client again, under another seq, which tells by the id", async () => {
    const { user, client } = await connected();
    const sending = user.send({ type: "a", id: "mine" }, { wait: 10 });
    await client.received(2);
    client.ack();
    const { body } = await sending;
    await user.crash();
    const next = await user.connect({ after: body.seq });
    const again = user.send({ type: "a", id: "mine" }, { wait: 10 });
    await next.received(1);
    next.ack();
    const reply = await again;
    expect(reply).toMatchObject({ status: 200, body: { id: "mine", status: "delivered" } });
    expect(reply.body.seq).toBeGreaterThan(body.seq);
  });
});

describe("[S1, D1] a message that is not acked at once is stored before anybody is told", () => {
  test("its grace is over: it is held, and the wait goes on", async () => {
    const { user, client } = await connected();
    const sending = user.send({ type: "a" }, { wait: 10 });
    const [, a] = await client.received(2);
    await expect.poll(async () => (await user.stored()).map(({ seq }) => seq)).toEqual([a?.seq]);
    client.ack();
    expect(await sending).toMatchObject({ status: 200, body: { status: "delivered" } });
  });

  test("the sender's wait is over first: 202, and it is held", async () => {
    const { user, client } = await connected();
    const reply = await user.send({ type: "a" }, { wait: 0.05 });
    expect(reply).toMatchObject({ status: 202, body: { status: "queued", sent_to: 1 } });
    expect((await user.stored()).map(({ seq }) => seq)).toEqual([reply.body.seq]);
    await user.crash();
    expect(client.messages).toHaveLength(2);
    const next = await user.connect();
    expect((await next.received(1)).map(({ seq }) => seq)).toEqual([reply.body.seq]);
  });

  test.each([
    ["another send", (user: User) => user.send({ type: "b" })],
    ["a look", (user: User) => user.get()],
    ["a device that attaches", (user: User) => user.connect({ device: "second" })],
    ["a revocation", (user: User) => user.revoke()],
  ] as const)("%s comes in between: it is stored first, in its order", async (_, event) => {
    const { user, client } = await connected();
    const sending = user.send({ type: "a" }, { wait: 2 });
    const [, a] = await client.received(2);
    await event(user);
    expect((await user.stored())[0]?.seq).toBe(a?.seq);
    const next = await user.connect();
    expect((await next.received(1))[0]?.seq).toBe(a?.seq);
    await next.acked();
    expect(await sending).toMatchObject({ status: 200, body: { status: "delivered" } });
  });

  test("[D3] one of two devices acks: the other gets it when it comes back", async () => {
    const user = new User();
    const phone = await user.connect({ device: "phone" });
    const laptop = await user.connect({ device: "laptop" });
    const sending = user.send({ type: "a" }, { wait: 5 });
    await Promise.all([phone.received(1), laptop.received(1)]);
    phone.ack();
    expect(await sending).toMatchObject({ status: 200, body: { status: "delivered", sent_to: 2 } });
    await user.crash();
    const back = await user.connect({ device: "laptop" });
    expect(await back.received(1)).toHaveLength(1);
  });

  test("[C5] acked without a checkpoint: a reload gets it again", async () => {
    const { user, client } = await connected();
    const sending = user.send({ type: "a" }, { wait: 5 });
    const [first, a] = await client.received(2);
    client.ack(a?.seq, first?.seq);
    expect(await sending).toMatchObject({ status: 200, body: { status: "delivered" } });
    await client.close();
    const back = await user.connect();
    expect((await back.received(1))[0]?.seq).toBe(a?.seq);
  });

  test("[D8] an ack that comes after its end comes too late, even while it is on its way", async () => {
    const { user, client } = await connected();
    const sending = user.send({ type: "a", ttl: 1 }, { wait: 5 });
    await client.received(2);
    clock.advance(1_100);
    client.ack();
    expect(await sending).toMatchObject({ status: 200, body: { status: "expired" } });
    expect((await user.deadLetters()).body.dead_letters).toHaveLength(1);
  });

  test("[S13] the Mailbox is lost in its grace: without an id its outcome is unknown, with one it is tried again", async () => {
    const { user, client } = await connected();
    const plain = user.send({ type: "a" }, { wait: 10 });
    const mine = user.send({ type: "b", id: "mine" }, { wait: 10 });
    const seqs = (await client.received(3)).map(({ seq }) => seq);
    await user.crash();
    expect(await plain).toMatchObject({ status: 503, body: { code: "outcome_unknown" } });
    const next = await user.connect({ after: seqs.at(-1) as number });
    const [again] = await next.received(1);
    expect(again).toMatchObject({ type: "b", id: "mine" });
    expect(again?.seq).toBeGreaterThan(seqs.at(-1) as number);
    next.ack();
    expect(await mine).toMatchObject({ status: 200, body: { id: "mine", status: "delivered" } });
  });
});
