import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Client } from "./ground/client.ts";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { plain, User } from "./ground/user.ts";

describe("[C6] a reject", () => {
  test("acks up to it, and makes what it rejects a dead letter, with the client's words", async () => {
    const user = new User();
    const client = await user.connect({ window: 2 });
    const [a, b, c] = await user.sendAll("a", "b", "c");
    await client.received(2);
    await client.rejected(b as number, "no such type");
    await client.received(3);
    expect((await user.state(`~${a}`)).body.status).toBe("delivered");
    expect((await user.state(`~${b}`)).body).toMatchObject({ status: "rejected" });
    expect((await user.state(`~${b}`)).body).not.toHaveProperty("delivered_at");
    expect((await user.state(`~${c}`)).body.status).toBe("queued");
    expect((await user.deadLetters()).body.dead_letters).toMatchObject([
      { seq: b, type: "b", reason: "rejected", reject_reason: "no such type" },
    ]);
    const again = await user.connect();
    await again.caughtUp();
    expect(again.types).toEqual(["c"]);
    expect(again.gaps).toEqual([]);
  });

  for (const order of ["before", "after"] as const) {
    test(`of one connection, where another has acked ${order}: delivered`, async () => {
      const user = new User();
      const phone = await user.connect({ device: "phone" });
      const laptop = await user.connect({ device: "laptop" });
      const [a] = await user.sendAll("a");
      await phone.received(1);
      await laptop.received(1);
      if (order === "before") await laptop.acked(a);
      await phone.rejected(a as number, "no");
      if (order === "after") {
        expect((await user.state(`~${a}`)).body.status).toBe("queued");
        await user.evict();
        await laptop.acked(a);
      }
      expect((await user.state(`~${a}`)).body.status).toBe("delivered");
      expect((await user.get()).body).toMatchObject({ dead_letters: 0, held: { count: 0 } });
    });
  }

  test("of two tabs of one device: the other's ack counts, and so does a second reject", async () => {
    const user = new User();
    const one = await user.connect();
    const other = await user.connect();
    const [a, b] = await user.sendAll("a", "b");
    await one.received(2);
    await other.received(2);
    await one.rejected(a as number, "first");
    await other.acked(a);
    expect((await user.state(`~${a}`)).body.status).toBe("delivered");
    await one.rejected(b as number, "first");
    expect((await user.get()).body.dead_letters).toBe(0);
    await other.rejected(b as number, "second");
    expect((await user.deadLetters()).body.dead_letters).toMatchObject([{ seq: b, reason: "rejected" }]);
  });

  test("for whom another device is away: released by its expiry, as rejected", async () => {
    const user = new User();
    await (await user.connect({ device: "away" })).close();
    const client = await user.connect();
    const { body } = await user.send({ type: "a", id: "a", ttl: 5 });
    await client.received(1);
    await client.rejected(body.seq, "no");
    expect((await user.state("a")).body.status).toBe("queued");
    clock.advance(5_000);
    expect((await user.state("a")).body.status).toBe("rejected");
    await user.alarm();
    expect((await user.state("a")).body.status).toBe("rejected");
    expect((await user.deadLetters()).body.dead_letters).toMatchObject([{ reason: "rejected", reject_reason: "no" }]);
  });

  test("beyond what was sent is a protocol error; of what is acked already it is ignored", async () => {
    const user = new User();
    const client = await user.connect();
    const [a] = await user.sendAll("a");
    await client.received(1);
    await client.acked(a);
    await client.rejected(a as number, "too late");
    expect((await user.state(`~${a}`)).body.status).toBe("delivered");
    client.json({ type: "reject", seq: (a as number) + 1, reason: "no" });
    expect(await client.closed()).toEqual({ code: 4400, reason: "ack_beyond_sent" });
  });
});

describe("[D6] a message that a device fails on again and again", () => {
  /** A connection that takes what comes and never acks. */
  const strike = async (user: User, device = "bad"): Promise<Client> => {
    const client = await user.connect({ device });
    await client.caughtUp();
    clock.advance(LIMITS.ackTimeoutMs);
    await user.alarm();
    expect((await client.closed()).code).toBe(4408);
    return client;
  };

  test("is undeliverable after five connections in a row, and the next gets on without it", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    for (let n = 1; n <= 4; n += 1) await strike(user);
    expect((await user.state(`~${a}`)).body.status).toBe("queued");
    await strike(user);
    expect((await user.state(`~${a}`)).body.status).toBe("undeliverable");
    expect((await user.deadLetters()).body.dead_letters).toMatchObject([{ seq: a, reason: "undeliverable" }]);
    const next = await user.connect({ device: "bad" });
    await next.caughtUp();
    expect(next.frames.slice(1, -1)).toMatchObject([
      { type: "gap", prev: 0, seq: a, count: 1 },
      { type: "messages", prev: a, messages: [{ seq: b }] },
    ]);
  });

  test("only in a row: a connection that ends otherwise starts the count again, an eviction does not", async () => {
    const user = new User();
    const [a] = await user.sendAll("a");
    for (let n = 1; n <= 4; n += 1) await strike(user);
    const polite = await user.connect({ device: "bad" });
    await polite.received(1);
    await polite.close();
    for (let n = 1; n <= 4; n += 1) {
      await strike(user);
      await user.evict();
    }
    expect((await user.state(`~${a}`)).body.status).toBe("queued");
    await strike(user);
    expect((await user.state(`~${a}`)).body.status).toBe("undeliverable");
  });

  test("only on the same message: one that acks gets on", async () => {
    const user = new User();
    await user.sendAll("a", "b");
    for (let n = 1; n <= 4; n += 1) await strike(user);
    const client = await user.connect({ device: "bad" });
    await client.received(2);
    await client.acked(client.messages[0]?.seq);
    clock.advance(LIMITS.ackTimeoutMs);
    await user.alarm();
    await client.closed();
    expect((await user.deadLetters()).body.dead_letters).toEqual([]);
  });

  test("[C3] of a stream that goes on meanwhile, and whose deltas go as one, all that went so is", async () => {
    const user = new User();
    const deltas: number[] = [];
    const delta = async (data: string) => {
      const [sent] = await user.sendPlain([plain("t", { data: JSON.stringify(data), topic: "run", append: true })]);
      deltas.push(sent?.message.seq ?? 0);
    };
    await delta("a");
    for (let n = 1; n <= 4; n += 1) {
      await strike(user);
      await delta("b");
    }
    expect((await user.state(`~${deltas[0]}`)).body.status).toBe("queued");
    const fifth = await strike(user);
    expect(fifth.messages).toMatchObject([{ first_seq: deltas[0], seq: deltas[4], data: "abbbb" }]);
    const letters = (await user.deadLetters()).body.dead_letters;
    expect(letters.map(({ seq, reason }) => [seq, reason])).toEqual(deltas.map((seq) => [seq, "undeliverable"]));
    await delta("c");
    const next = await user.connect({ device: "bad" });
    await next.caughtUp();
    expect(next.frames.slice(1, -1)).toMatchObject([
      { type: "gap", seq: deltas[4], count: 5 },
      { type: "messages", messages: [{ seq: deltas[5], data: "c" }] },
    ]);
  });

  test("only where nobody has acked it", async () => {
    const user = new User();
    const good = await user.connect({ device: "good" });
    await user.connect({ device: "bad" });
    const [a] = await user.sendAll("a");
    await good.received(1);
    await good.acked();
    await good.close();
    for (let n = 1; n <= 6; n += 1) await strike(user);
    expect((await user.state(`~${a}`)).body.status).toBe("delivered");
    expect((await user.get()).body).toMatchObject({ dead_letters: 0, held: { count: 1 } });
  });
});

describe("[D7] dead letters", () => {
  /** Two that expired and one that was rejected, in this order of seq. */
  const buried = async (user: User): Promise<readonly number[]> => {
    const client = await user.connect();
    const { body: x } = await user.send({ type: "x", id: "x", data: { n: 1 }, topic: "t", ttl: 5 });
    const { body: y } = await user.send({ type: "y", ttl: 5 });
    const { body: z } = await user.send({ type: "z" });
    await client.received(3);
    clock.advance(5_000);
    await user.alarm();
    await client.rejected(z.seq, "no");
    await client.close();
    return [x.seq, y.seq, z.seq];
  };

  test("are listed by seq, in pages and by reason, and looking leaves them", async () => {
    const user = new User();
    const [x, y, z] = await buried(user);
    const all = (await user.deadLetters()).body.dead_letters;
    expect(all.map((d) => [d.seq, d.type, d.reason])).toEqual([
      [x, "x", "expired"],
      [y, "y", "expired"],
      [z, "z", "rejected"],
    ]);
    expect(all[0]).toMatchObject({ id: "x", data: { n: 1 } });
    expect((Date.parse(all[0]?.ended_at ?? "") - Date.parse(all[0]?.accepted_at ?? "")) / 1_000).toBe(5);
    expect((await user.deadLetters("?limit=1&reason=expired")).body.dead_letters.map((d) => d.seq)).toEqual([x]);
    expect((await user.deadLetters(`?after=${x}`)).body.dead_letters.map((d) => d.seq)).toEqual([y, z]);
    expect((await user.get()).body.dead_letters).toBe(3);
  });

  test("one requeued is a new message at the end, with the content and ttl of the old, and no dead letter any more", async () => {
    const user = new User();
    const [x] = await buried(user);
    const [other] = await user.sendAll("other");
    const reply = await user.requeue(`/${x}`);
    const again = reply.body.requeued[0];
    expect(reply).toMatchObject({ status: 200, body: { left: 0, requeued: [{ status: "queued", requeued_from: x }] } });
    expect(again?.id).toBe(`~${again?.seq}`);
    expect(again?.seq).toBeGreaterThan(other as number);
    expect(Date.parse(again?.expires_at ?? "") - Date.parse(again?.accepted_at ?? "")).toBe(5_000);
    const client = await user.connect();
    await client.caughtUp();
    expect(client.messages).toMatchObject([{ type: "other" }, { seq: again?.seq, type: "x", data: { n: 1 } }]);
    expect((await user.get()).body.dead_letters).toBe(2);
    expect(await user.requeue(`/${x}`)).toMatchObject({ status: 404, body: { code: "unknown_dead_letter" } });
  });

  test("all, or all of a reason, are requeued in order, with a ttl of one's own, and go to who is connected", async () => {
    const user = new User();
    const [x, y, z] = await buried(user);
    const client = await user.connect();
    const expired = await user.requeue("?reason=expired", { ttl: 60 });
    expect(expired.body.requeued.map((m) => m.requeued_from)).toEqual([x, y]);
    const first = expired.body.requeued[0];
    expect(first?.sent_to).toBe(1);
    expect(Date.parse(first?.expires_at ?? "") - Date.parse(first?.accepted_at ?? "")).toBe(60_000);
    const rest = await user.requeue();
    expect(rest.body.requeued.map((m) => m.requeued_from)).toEqual([z]);
    expect((await client.received(3)).map((m) => m.type)).toEqual(["x", "y", "z"]);
    expect((await user.get()).body.dead_letters).toBe(0);
    expect((await user.requeue()).body).toEqual({ requeued: [], left: 0 });
  });

  test("what is requeued and fails again is a dead letter again, that says where it came from", async () => {
    const user = new User();
    const [x] = await buried(user);
    const { body } = await user.requeue(`/${x}`);
    clock.advance(5_000);
    await user.alarm();
    const letters = (await user.deadLetters("?reason=expired")).body.dead_letters;
    expect(letters.at(-1)).toMatchObject({ seq: body.requeued[0]?.seq, requeued_from: x, type: "x" });
  });

  test("[S8] those that find no room stay dead letters, and the reply says how many", { timeout: 30_000 }, async () => {
    const user = new User();
    await user.sendPlain(["a", "b", "c"].map((type) => plain(type, { ttlMs: 1_000 })));
    clock.advance(SECOND_MS);
    await user.alarm();
    for (let n = 0; n < 10_000; n += 2_000) {
      await user.sendPlain(Array.from({ length: Math.min(2_000, 9_999 - n) }, () => plain("fill")));
    }
    const reply = await user.requeue();
    expect(reply).toMatchObject({ status: 200, body: { left: 2, requeued: [{}] } });
    expect((await user.get()).body.dead_letters).toBe(2);
    expect(await user.requeue()).toMatchObject({ status: 429, body: { code: "outbox_full" } });
  });

  test("one, all of a reason, or all are discarded; one that is not there is 404", async () => {
    const user = new User();
    const [x] = await buried(user);
    expect((await user.discard(`/${x}`)).body).toEqual({ discarded: 1 });
    expect(await user.discard(`/${x}`)).toMatchObject({ status: 404, body: { code: "unknown_dead_letter" } });
    expect((await user.discard("?reason=rejected")).body).toEqual({ discarded: 1 });
    expect((await user.discard()).body).toEqual({ discarded: 1 });
    expect((await user.discard()).body).toEqual({ discarded: 0 });
    expect((await user.discard("?reason=tired")).status).toBe(400);
    // What became of the message is known all the same (S10).
    expect((await user.state("x")).body.status).toBe("expired");
  });
});
