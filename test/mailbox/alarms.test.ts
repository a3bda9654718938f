import { describe, expect, test, vi } from "vitest";
import { Mailbox } from "../../src/mailbox/mailbox.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { clock, DAY_MS, HOUR_MS, SECOND_MS } from "./ground/clock.ts";
import { countingRows } from "./ground/rows.ts";
import { User } from "./ground/user.ts";

/** The cursors of a user's devices as they are stored, not as they are known. */
const stored = async (user: User): Promise<Record<string, number>> => {
  const rows = await user.rows<{ name: string; acked: number }>(`SELECT name, acked FROM devices`);
  return Object.fromEntries(rows.map(({ name, acked }) => [name, acked]));
};

describe("acks on their way to the disk", () => {
  test("[D9] where nobody else does, the alarm records an ack within 10 s", async () => {
    const user = new User();
    const [seq] = await user.sendAll("a");
    const client = await user.connect();
    await client.acked(seq);
    expect(await stored(user)).toEqual({ default: 0 });
    const alarmAt = (await user.alarmAt()) as number;
    expect(alarmAt - clock.now()).toBeLessThanOrEqual(10 * SECOND_MS);
    clock.advance(alarmAt - clock.now());
    expect(await user.alarm()).toBe(true);
    expect(await stored(user)).toEqual({ default: seq });
  });

  test("[D9, D8] so it does for an ack that hibernated with its socket", async () => {
    const user = new User();
    const [seq] = await user.sendAll("a");
    const client = await user.connect();
    await client.acked(seq);
    await user.evict();
    const alarmAt = (await user.alarmAt()) as number;
    expect(alarmAt - clock.now()).toBeLessThanOrEqual(10 * SECOND_MS);
    clock.advance(10 * SECOND_MS);
    expect(await user.alarm()).toBe(true);
    expect(await stored(user)).toEqual({ default: seq });
  });

  test("[D9] an ack is recorded when its connection ends", async () => {
    const user = new User();
    const [seq] = await user.sendAll("a");
    const client = await user.connect();
    client.ack(seq);
    await client.close();
    await vi.waitFor(async () => expect(await stored(user)).toEqual({ default: seq }));
  });

  test("[D9] a reply that rests on an ack has it recorded before", async () => {
    const user = new User();
    const [seq] = await user.sendAll("a");
    const client = await user.connect();
    await client.acked(seq);
    expect((await user.state(`~${seq}`)).body.status).toBe("delivered");
    expect(await stored(user)).toEqual({ default: seq });
  });
});

describe("[D4] where something is un-acked and no ack advances", () => {
  test("the alarm closes with 4408 after the ack timeout, not before", async () => {
    clock.freeze();
    const user = new User();
    const client = await user.connect();
    await user.send({ type: "a" });
    await client.received(1);
    clock.advance(LIMITS.ackTimeoutMs - 500);
    await user.alarm();
    await client.settle();
    expect(client.isOpen).toBe(true);
    clock.advance(500);
    await user.alarm();
    expect(await client.closed()).toEqual({ code: 4408, reason: "ack_timeout" });
    // Its messages are at once those of the device again.
    const next = await user.connect();
    expect((await next.received(1)).map((m) => m.type)).toEqual(["a"]);
  });

  test("an ack that advances gives it another timeout; one that does not gives none", async () => {
    const user = new User();
    const client = await user.connect();
    const [first] = await user.sendAll("a", "b", "c");
    await client.received(3);
    clock.advance(LIMITS.ackTimeoutMs - SECOND_MS);
    await client.acked(first);
    clock.advance(LIMITS.ackTimeoutMs - SECOND_MS);
    await user.alarm();
    await client.acked(first);
    expect(client.isOpen).toBe(true);
    clock.advance(SECOND_MS);
    await user.alarm();
    expect((await client.closed()).code).toBe(4408);
  });

  test("a connection with nothing un-acked is never closed for it, and one that hibernates is", async () => {
    const user = new User();
    const idle = await user.connect({ device: "idle" });
    await user.send({ type: "a" });
    await idle.received(1);
    idle.ack();
    const silent = await user.connect({ device: "silent", after: 0 });
    await idle.settle();
    await user.send({ type: "b" });
    await idle.received(2);
    await silent.received(1);
    await idle.acked();
    await user.evict();
    clock.advance(LIMITS.ackTimeoutMs);
    await user.alarm();
    expect((await silent.closed()).code).toBe(4408);
    await idle.settle();
    expect(idle.isOpen).toBe(true);
  });

  test("an eviction takes nothing from the time that it has", async () => {
    const user = new User();
    const client = await user.connect();
    clock.advance(60 * SECOND_MS);
    await user.send({ type: "a" });
    await client.received(1);
    await user.evict();
    clock.advance(LIMITS.ackTimeoutMs - SECOND_MS);
    await user.alarm();
    await client.settle();
    expect(client.isOpen).toBe(true);
  });

  test("the alarm is due in time: at the latest after twice the timeout", async () => {
    const user = new User();
    await user.connect();
    await user.send({ type: "a" });
    expect(((await user.alarmAt()) as number) - clock.now()).toBeLessThanOrEqual(LIMITS.ackTimeoutMs);
  });
});

describe("[C9] a token's end", () => {
  test("closes with 4401, and nothing is sent after it even where the alarm is late", async () => {
    const user = new User();
    const client = await user.connect({ ttlSeconds: 60 });
    clock.advance(60 * SECOND_MS);
    expect((await user.send({ type: "late" })).body.sent_to).toBe(0);
    expect(await client.closed()).toEqual({ code: 4401, reason: "token_expired" });
    expect(client.types).toEqual([]);
  });

  test("is what the alarm is set for, to the millisecond, and the alarm closes", async () => {
    clock.freeze();
    const user = new User();
    const client = await user.connect({ ttlSeconds: 60 });
    const expiresAt = Date.parse(client.established.expires_at);
    expect(await user.alarmAt()).toBe(expiresAt);
    await user.evict();
    clock.advance(expiresAt - clock.now() - 1);
    await user.alarm();
    await client.ping();
    expect(client.isOpen).toBe(true);
    clock.advance(1);
    await user.alarm();
    expect((await client.closed()).code).toBe(4401);
  });

  test("is over for U1's reader at its instant", async () => {
    const user = new User();
    await user.connect({ ttlSeconds: 60 });
    expect((await user.get()).body.connected).toBe(true);
    clock.advance(60 * SECOND_MS);
    expect((await user.get()).body).toMatchObject({
      connected: false,
      connections: [],
      devices: [{ connected: false }],
    });
  });
});

describe("[D8] what is over is over at its instant, though no alarm has run", () => {
  test("for the message's state, the list, the user's totals, and a reader that attaches", async () => {
    clock.freeze();
    const user = new User();
    await user.send({ type: "a", id: "a", ttl: 5 });
    const kept = await user.send({ type: "b" });
    clock.advance(4_999);
    expect((await user.state("a")).body.status).toBe("queued");
    clock.advance(1);
    expect((await user.state("a")).body.status).toBe("expired");
    expect((await user.held()).body.messages.map((m) => m.type)).toEqual(["b"]);
    expect((await user.get()).body.held.count).toBe(1);
    expect((await user.recall("a")).body).toMatchObject({ status: 409, code: "already_ended" });
    const client = await user.connect();
    await client.caughtUp();
    expect(client.frames.slice(1, -1)).toMatchObject([
      { type: "gap", prev: 0, count: 1, reasons: { expired: 1, overtaken: 0 } },
      { type: "messages", messages: [{ seq: kept.body.seq }] },
    ]);
  });

  test("[D6] for the dead letters: what has expired is one at its instant", async () => {
    const user = new User();
    const { body } = await user.send({ type: "a", ttl: 5 });
    clock.advance(5_000);
    expect((await user.deadLetters()).body.dead_letters).toMatchObject([{ seq: body.seq, reason: "expired" }]);
  });

  test("[D6] and for their number in U1", async () => {
    const user = new User();
    await user.send({ type: "a", ttl: 5 });
    clock.advance(5_000);
    expect((await user.get()).body.dead_letters).toBe(1);
  });

  test("[S4] for a twin, and an ack that comes after the instant comes too late", async () => {
    const user = new User();
    const client = await user.connect();
    await user.send({ type: "a", id: "a", ttl: 5 });
    await client.received(1);
    clock.advance(5_000);
    await client.acked();
    expect(await user.send({ type: "a", id: "a" })).toMatchObject({ status: 200, body: { status: "expired" } });
  });

  test("a dead letter is gone for its reader after 30 days", async () => {
    clock.freeze();
    const user = new User();
    await user.send({ type: "a", ttl: 5 });
    clock.advance(5_000);
    await user.alarm();
    expect((await user.get()).body.dead_letters).toBe(1);
    clock.advance(30 * DAY_MS - 1);
    expect((await user.deadLetters()).body.dead_letters).toHaveLength(1);
    clock.advance(1);
    expect((await user.deadLetters()).body.dead_letters).toHaveLength(0);
    expect((await user.get()).body.dead_letters).toBe(0);
  });
});

describe("[D8] the alarm itself", () => {
  test("an alarm that throws is set again, and does its work then", async () => {
    const user = new User();
    await user.send({ type: "a", id: "a", ttl: 1 });
    clock.advance(1_000);
    await user.inside((_, state) => {
      const { sql } = state.storage;
      sql.exec = () => {
        throw new Error("made by the test");
      };
    });
    await user.alarm();
    await user.inside((_, state) => Reflect.deleteProperty(state.storage.sql, "exec"));
    const again = (await user.alarmAt()) as number;
    expect(again).toBeGreaterThan(clock.now());
    expect(again - clock.now()).toBeLessThanOrEqual(10 * SECOND_MS);
    expect((await user.stored()).length).toBe(1);
    await user.alarm();
    expect((await user.stored()).length).toBe(0);
    expect((await user.deadLetters()).body.dead_letters).toHaveLength(1);
  });

  test("an idle Mailbox with a hibernated socket has no alarm but the token's end", async () => {
    const user = new User();
    const client = await user.connect();
    await user.evict();
    expect(await user.alarmAt()).toBe(Date.parse(client.established.expires_at));
  });

  test("a user whose last connection has gone, and who was never sent anything, has none at all", async () => {
    const user = new User();
    const client = await user.connect();
    await client.close();
    await vi.waitFor(async () => expect((await user.get()).body.connected).toBe(false));
    await user.alarm();
    expect(await user.alarmAt()).toBeNull();
  });

  test("it is moved only earlier: a hundred messages, acked one by one, set it a few times", async () => {
    const user = new User();
    const client = await user.connect();
    const rows = await countingRows(user);
    for (let n = 1; n <= 100; n += 1) {
      await user.send({ type: "a" });
      await client.received(n);
      client.ack();
      clock.advance(20);
    }
    await client.settle();
    expect((await rows.counted()).alarms).toBeLessThanOrEqual(3);
  });

  test("it wakes a Mailbox that sleeps once for what is due: waking sets no second one", async () => {
    const user = new User();
    await user.send({ type: "a", ttl: 0.2 });
    await user.evict();
    const set: (number | null)[] = [];
    const { alarm } = Mailbox.prototype;
    const spy = vi.spyOn(Mailbox.prototype, "alarm").mockImplementation(async function (this: Mailbox) {
      const { ctx } = this as unknown as { readonly ctx: DurableObjectState };
      // Null, unless one was set since the platform took this one up.
      set.push(await ctx.storage.getAlarm());
      await alarm.call(this);
    });
    await vi.waitFor(() => expect(set).not.toEqual([]), 2_000);
    expect((await user.deadLetters()).body.dead_letters).toHaveLength(1);
    expect(set).toEqual([null]);
    spy.mockRestore();
    expect(await user.alarmAt()).toBeGreaterThan(clock.now());
  });

  test("[U4] an erased user vanishes from the disk after 24 hours", async () => {
    clock.freeze();
    const user = new User();
    await user.sendAll("a", "b");
    await (await user.connect()).received(2);
    await user.erase();
    const alarmAt = (await user.alarmAt()) as number;
    clock.advance(24 * HOUR_MS - 1);
    await user.alarm();
    expect((await user.rows(`SELECT name FROM facts`)).length).toBe(1);
    clock.advance(1);
    expect(alarmAt).toBeLessThanOrEqual(clock.now());
    await user.alarm();
    const tables = await user.inside((_, { storage }) => {
      const left = storage.sql
        .exec(`SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'`)
        .toArray();
      return left.map(({ name }) => name);
    });
    expect(tables).toEqual([]);
    expect(await user.alarmAt()).toBeNull();
    // And is a user like any other again (S2).
    expect((await user.send({ type: "new" })).status).toBe(202);
  });
});
