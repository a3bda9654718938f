import { describe, expect, test, vi } from "vitest";
import { clock, DAY_MS, SECOND_MS } from "./ground/clock.ts";
import { plain, User } from "./ground/user.ts";

const cursorOf = async (user: User, device = "default"): Promise<number | undefined> =>
  (await user.get()).body.devices.find((d) => d.device === device)?.cursor;

/** Awaits that the Mailbox has noticed a connection's end. */
const gone = async (user: User, connections: number): Promise<void> => {
  await vi.waitFor(async () => expect((await user.get()).body.connections).toHaveLength(connections));
};

describe("[C1, C2] the first frames", () => {
  test("are the confirmation and `caught_up`, even where nothing was ever sent", async () => {
    clock.freeze();
    const user = new User();
    const client = await user.connect({ device: "phone", window: 9 });
    await client.caughtUp();
    expect(client.frames).toEqual([
      {
        type: "connection_established",
        connection_id: expect.stringMatching(/^[0-9a-f]{16}\..+/),
        user: user.name,
        device: "phone",
        timestamp: new Date(clock.now()).toISOString(),
        resumed: false,
        cursor: 0,
        pending: 0,
        window: 9,
        heartbeat_ms: 30_000,
        expires_at: new Date(clock.now() + 3_600_000).toISOString(),
        protocol: "restante.v1",
      },
      { type: "caught_up", seq: 0 },
    ]);
  });

  test("`caught_up` comes once what had a seq at the attach is sent, and not for what came later", async () => {
    const user = new User();
    await user.sendAll("a", "b", "c");
    const client = await user.connect({ window: 2 });
    await client.received(2);
    await user.sendAll("d");
    await client.settle();
    expect(client.of("caught_up")).toEqual([]);
    await client.acked(client.messages[0]?.seq);
    expect(client.frames.map((f) => f.type)).toEqual(["connection_established", "messages", "messages", "caught_up"]);
    await client.acked();
    await client.received(4);
    await client.settle();
    expect(client.of("caught_up")).toHaveLength(1);
  });

  test("`caught_up` comes though the last that waited was recalled, and the Mailbox slept meanwhile", async () => {
    const user = new User();
    const [a] = await user.sendAll("a");
    await user.send({ type: "b", id: "b" });
    const client = await user.connect({ window: 1 });
    await client.received(1);
    await user.recall("b");
    await user.evict();
    client.ack(a);
    expect((await client.caughtUp()).seq).toBe(a);
  });

  test("a message sent at any instant around the attach is delivered once, in order", async () => {
    const user = new User();
    const sends: Promise<unknown>[] = [];
    const connecting: Promise<Awaited<ReturnType<User["connect"]>>>[] = [];
    for (let n = 0; n < 40; n += 1) {
      sends.push(user.trySend([plain(`m${n}`)]));
      if (n % 8 === 4) connecting.push(user.connect({ device: `d${n}` }));
    }
    const clients = await Promise.all(connecting);
    await Promise.all(sends);
    for (const client of clients) {
      await client.received(40);
      await client.settle();
      expect(client.messages).toHaveLength(40);
      expect(client.violations).toEqual([]);
      expect(client.of("caught_up")).toHaveLength(1);
    }
  });

  test("[C3] `prev` chains all frames of a connection, from its cursor", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    const client = await user.connect({ after: a as number });
    const [c] = await user.sendAll("c");
    await client.received(2);
    expect(client.of("messages").map(({ prev, messages }) => [prev, messages.map((m) => m.seq)])).toEqual([
      [a, [b]],
      [b, [c]],
    ]);
  });
});

describe("[C5] acks and checkpoints", () => {
  test("a reload gets again what was acked and not checkpointed", async () => {
    const user = new User();
    const [a, b, c] = await user.sendAll("a", "b", "c");
    const page = await user.connect();
    await page.received(3);
    await page.acked(c, a);
    expect(await cursorOf(user)).toBe(a);
    expect((await user.state(`~${c}`)).body.status).toBe("delivered");
    await page.close();
    const reload = await user.connect();
    await reload.caughtUp();
    expect(reload.established).toMatchObject({ resumed: true, cursor: a });
    expect(reload.messages.map((m) => m.seq)).toEqual([b, c]);
  });

  test("an ack frees the window, whatever the checkpoint", async () => {
    const user = new User();
    await user.sendAll("a", "b");
    const client = await user.connect({ window: 1 });
    await client.received(1);
    client.ack(client.lastSeq, 0);
    await client.received(2);
    expect(await cursorOf(user)).toBe(0);
  });

  test("the cursor is the lowest checkpoint of the device's open connections, and never goes back", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    const one = await user.connect();
    const other = await user.connect();
    await other.received(2);
    await one.acked(b);
    expect(await cursorOf(user)).toBe(0);
    await other.acked(a);
    expect(await cursorOf(user)).toBe(a);
    await other.close();
    await gone(user, 1);
    expect(await cursorOf(user)).toBe(b);
    const late = await user.connect({ after: 0 });
    expect(late.established.cursor).toBe(b);
    await late.acked(b, a);
    expect(await cursorOf(user)).toBe(b);
  });

  test("a tab that lags holds the cursor back also while the Mailbox sleeps", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    const ahead = await user.connect();
    const behind = await user.connect();
    await behind.received(2);
    await ahead.received(2);
    await behind.acked(a);
    await ahead.acked(b);
    await user.evict();
    await user.alarm();
    await user.get();
    expect(await cursorOf(user)).toBe(a);
  });

  test("an ack lower than before is ignored", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    const client = await user.connect();
    await client.received(2);
    await client.acked(b);
    await client.acked(a);
    expect(client.isOpen).toBe(true);
    expect(await cursorOf(user)).toBe(b);
  });

  test("a later checkpoint of the same ack moves the cursor", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    const client = await user.connect();
    await client.received(2);
    await client.acked(b, a);
    expect(await cursorOf(user)).toBe(a);
    await client.acked(b, b);
    expect(await cursorOf(user)).toBe(b);
  });

  test("`after` acts as an ack: what lies at or below it is delivered", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    const client = await user.connect({ after: a as number });
    expect(client.established).toMatchObject({ cursor: a, pending: 1 });
    expect((await user.state(`~${a}`)).body.status).toBe("delivered");
    expect((await user.state(`~${b}`)).body.status).toBe("queued");
    expect(await cursorOf(user)).toBe(a);
  });

  test("`after` beyond all that was sent is clamped; below the cursor the cursor counts", async () => {
    const user = new User();
    const [a, b] = await user.sendAll("a", "b");
    const client = await user.connect({ after: (b as number) + 1_000_000 });
    expect(client.established.cursor).toBeGreaterThanOrEqual(b as number);
    await client.caughtUp();
    const [c] = await user.sendAll("c");
    expect((await client.received(1)).map((m) => m.seq)).toEqual([c]);
    const other = await user.connect({ after: a as number });
    expect(other.established.cursor).toBe(client.established.cursor);
  });

  test("[D9] `after` on a user who was never sent anything is 0", async () => {
    const user = new User();
    const client = await user.connect({ after: 12_345 });
    expect(client.established).toMatchObject({ cursor: 0, resumed: false });
    await user.sendAll("a");
    await client.received(1);
    expect(client.violations).toEqual([]);
  });
});

describe("[D5] where a device starts", () => {
  test("a known one gets every message accepted after its first attach", async () => {
    const user = new User();
    await (await user.connect({ device: "away" })).close();
    const online = await user.connect({ device: "online" });
    const seqs = await user.sendAll("a", "b");
    await online.received(2);
    await online.acked();
    const back = await user.connect({ device: "away" });
    await back.caughtUp();
    expect(back.established).toMatchObject({ resumed: true, cursor: 0, pending: 2 });
    expect(back.messages.map((m) => m.seq)).toEqual(seqs);
  });

  test("a new one starts after the highest seq that any device ever acked", async () => {
    const user = new User();
    const phone = await user.connect({ device: "phone" });
    await user.connect({ device: "slow" });
    const [a, b, c] = await user.sendAll("a", "b", "c");
    await phone.received(3);
    await phone.acked(b);
    const laptop = await user.connect({ device: "laptop" });
    await laptop.caughtUp();
    expect(laptop.established).toMatchObject({ resumed: false, cursor: b, pending: 1 });
    expect(laptop.messages.map((m) => m.seq)).toEqual([c]);
    expect((await user.state(`~${a}`)).body.devices).toBe(3);
  });

  test("[D2] every connection has the same order, and each tab is sent every message", async () => {
    const user = new User();
    const tabs = [await user.connect(), await user.connect(), await user.connect({ device: "other" })];
    const seqs = await user.sendAll("a", "b", "c", "d");
    for (const tab of tabs) expect((await tab.received(4)).map((m) => m.seq)).toEqual(seqs);
  });
});

describe("[C4] gaps", () => {
  test("stand in their place, chained and acked like a message, swept or not, repeated until acked", async () => {
    const user = new User();
    const [a] = await user.sendAll("a");
    await user.send({ type: "x", ttl: 1 });
    const { body: y } = await user.send({ type: "y", ttl: 1 });
    const [b] = await user.sendAll("b");
    clock.advance(SECOND_MS);
    const expected = [
      { type: "messages", prev: 0, messages: [{ seq: a }] },
      { type: "gap", prev: a, seq: y.seq, count: 2, reasons: { expired: 2, overtaken: 0 } },
      { type: "messages", prev: y.seq, messages: [{ seq: b }] },
    ];
    for (const when of ["not swept", "swept"]) {
      const client = await user.connect();
      await client.caughtUp();
      expect(client.frames.slice(1, -1), when).toMatchObject(expected);
      await client.close();
      await user.alarm();
    }
    const client = await user.connect();
    await client.caughtUp();
    await client.acked(y.seq);
    await client.close();
    const after = await user.connect();
    await after.caughtUp();
    expect(after.gaps).toEqual([]);
    expect(after.types).toEqual(["b"]);
  });

  test("a user's first device hears of what expired before it ever attached", async () => {
    const user = new User();
    await user.sendPlain([plain("a", { ttlMs: 1_000 }), plain("b", { ttlMs: 1_000 })]);
    clock.advance(DAY_MS);
    await user.alarm();
    const client = await user.connect();
    await client.caughtUp();
    expect(client.gaps).toMatchObject([{ prev: 0, count: 2, reasons: { expired: 2, overtaken: 0 } }]);
  });

  test("a later new device starts clean, a known one hears of all", async () => {
    const user = new User();
    await (await user.connect({ device: "first" })).close();
    await user.send({ type: "a", ttl: 1 });
    clock.advance(SECOND_MS);
    const later = await user.connect({ device: "later" });
    await later.caughtUp();
    expect(later.gaps).toEqual([]);
    const first = await user.connect({ device: "first" });
    await first.caughtUp();
    expect(first.gaps).toMatchObject([{ count: 1 }]);
    // From then on it is a known one, too.
    await user.send({ type: "b", ttl: 1 });
    await later.received(1);
    await later.close();
    clock.advance(SECOND_MS);
    const back = await user.connect({ device: "later" });
    await back.caughtUp();
    expect(back.gaps).toMatchObject([{ count: 1, reasons: { expired: 1 } }]);
  });

  test("what was recalled or replaced is no loss, and what one device acked is none to it", async () => {
    const user = new User();
    const phone = await user.connect({ device: "phone" });
    await (await user.connect({ device: "laptop" })).close();
    await user.send({ type: "a", id: "a" });
    await user.send({ type: "b", topic: "t" });
    await user.send({ type: "c", topic: "t", ttl: 1 });
    await user.recall("a");
    await phone.received(3);
    await phone.acked();
    clock.advance(SECOND_MS);
    await user.alarm();
    const laptop = await user.connect({ device: "laptop" });
    await laptop.caughtUp();
    expect(laptop.gaps).toMatchObject([{ count: 1, reasons: { expired: 1, overtaken: 0 } }]);
    await phone.close();
    const again = await user.connect({ device: "phone" });
    await again.caughtUp();
    expect(again.gaps).toEqual([]);
    expect((await user.get()).body.dead_letters).toBe(0);
  });

  test("a gap takes one place in the window", async () => {
    const user = new User();
    await user.send({ type: "a", ttl: 1 });
    await user.sendAll("b");
    clock.advance(SECOND_MS);
    const client = await user.connect({ window: 1 });
    await client.nth("gap", 1);
    await client.settle();
    expect(client.messages).toEqual([]);
    client.ack();
    await client.received(1);
  });
});
