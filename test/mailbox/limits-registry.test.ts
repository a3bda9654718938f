import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Client } from "./ground/client.ts";
import { clock, DAY_MS, SECOND_MS } from "./ground/clock.ts";
import { isSettled } from "./ground/settled.ts";
import { plain, User } from "./ground/user.ts";

const deviceNames = async (user: User): Promise<readonly string[]> =>
  (await user.get()).body.devices.map((d) => d.device);

describe("[D5] 32 devices", () => {
  test("the 33rd replaces the one longest away", async () => {
    const user = new User();
    for (let n = 1; n <= LIMITS.devicesMax; n += 1) {
      const client = await user.connect({ device: `d${n}` });
      // The first stays: longest known, and connected.
      if (n > 1) await client.close();
      clock.advance(SECOND_MS);
    }
    // The second comes back for a moment: the third is now the one longest away.
    const second = await user.connect({ device: "d2" });
    await second.close();
    clock.advance(SECOND_MS);
    await user.connect({ device: "new" });
    const names = await deviceNames(user);
    expect(names).toHaveLength(LIMITS.devicesMax);
    expect(names).toContain("new");
    expect(names).toContain("d1");
    expect(names).toContain("d2");
    expect(names).not.toContain("d3");
  });

  test("the 33rd is refused only where all are connected, and touches nothing", async () => {
    const user = new User();
    const clients: Client[] = [];
    for (let n = 1; n <= LIMITS.devicesMax; n += 1) clients.push(await user.connect({ device: `d${n}` }));
    const refused = await user.upgrade({ device: "new" });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await refused.json()).toMatchObject({ code: "too_many_devices" });
    expect(await deviceNames(user)).toHaveLength(LIMITS.devicesMax);
    expect(clients.every((client) => client.isOpen)).toBe(true);
    await clients[0]?.close();
    expect((await user.connect({ device: "new" })).established.resumed).toBe(false);
    expect(await deviceNames(user)).not.toContain("d1");
  });

  test("what a forgotten device had acked stays acked, and what was kept for it alone is released", async () => {
    const user = new User();
    const first = await user.connect({ device: "first" });
    const [a] = await user.sendAll("a");
    await first.received(1);
    await first.acked();
    await first.close();
    clock.advance(30 * DAY_MS - 1_000);
    expect(await deviceNames(user)).toEqual(["first"]);
    clock.advance(1_000);
    const later = await user.connect({ device: "later" });
    expect(await deviceNames(user)).toEqual(["later"]);
    expect(later.established).toMatchObject({ resumed: false, cursor: a });
  });

  test("a device not seen for 30 days is new when it comes back; a connected one never is", async () => {
    const user = new User();
    const away = await user.connect({ device: "away" });
    await away.close();
    const stays = await user.connect({ device: "stays", ttlSeconds: 86_400 });
    for (let day = 0; day < 30; day += 1) {
      expect((await user.prolong(stays.id, await user.token({ ttlSeconds: 86_400 }))).status).toBe(200);
      clock.advance(DAY_MS - 1_000);
    }
    clock.advance(60 * SECOND_MS);
    expect((await user.prolong(stays.id, await user.token({ ttlSeconds: 86_400 }))).status).toBe(404);
    await user.alarm();
    expect((await user.connect({ device: "away" })).established.resumed).toBe(false);
    expect((await user.connect({ device: "stays" })).established.resumed).toBe(true);
  });
});

describe("[D5] 32 connections", () => {
  const fullHouse = async (user: User): Promise<Client[]> => {
    const clients: Client[] = [];
    for (let n = 0; n < LIMITS.connectionsMax; n += 1) {
      clock.advance(10);
      clients.push(await user.connect());
    }
    return clients;
  };

  test("the 33rd is let in, and closes the one with the oldest ping", async () => {
    clock.freeze();
    const user = new User();
    const clients = await fullHouse(user);
    // All ping; the fifth first.
    for (const client of [clients[4], ...clients.filter((_, at) => at !== 4)]) {
      clock.advance(10);
      await client?.settle();
    }
    const newest = await user.connect();
    expect(await clients[4]?.closed()).toEqual({ code: 4409, reason: "replaced_by_newer" });
    await newest.settle();
    expect(clients.filter((client) => !client.isOpen)).toHaveLength(1);
    expect((await user.get()).body.connections).toHaveLength(LIMITS.connectionsMax);
  });

  test("one that never pinged counts from its beginning", async () => {
    clock.freeze();
    const user = new User();
    const clients = await fullHouse(user);
    clock.advance(10);
    await clients[0]?.settle();
    await user.connect();
    expect((await clients[1]?.closed())?.code).toBe(4409);
    expect(clients[0]?.isOpen).toBe(true);
  });

  test("a socket that is over makes no room by closing another one", async () => {
    clock.freeze();
    const user = new User();
    const clients = await fullHouse(user);
    await clients[7]?.close();
    await user.connect();
    expect(clients.filter((client) => client.isOpen)).toHaveLength(LIMITS.connectionsMax - 1);
  });
});

describe("[D8, C9] a connection whose token is over, though nobody has closed it yet", () => {
  test("does not keep the 33rd device out", async () => {
    const user = new User();
    for (let n = 1; n < LIMITS.devicesMax; n += 1) await user.connect({ device: `d${n}` });
    const over = await user.connect({ device: "over", ttlSeconds: 60 });
    clock.advance(60 * SECOND_MS);
    expect((await user.upgrade({ device: "new" })).status).toBe(101);
    expect((await over.closed()).code).toBe(4401);
    expect(await deviceNames(user)).not.toContain("over");
  });

  test("costs no other one its place", async () => {
    clock.freeze();
    const user = new User();
    const first = await user.connect();
    for (let n = 2; n < LIMITS.connectionsMax; n += 1) {
      clock.advance(10);
      await user.connect();
    }
    clock.advance(10);
    const over = await user.connect({ ttlSeconds: 60 });
    clock.advance(60 * SECOND_MS);
    await user.connect();
    await first.settle();
    expect(first.isOpen).toBe(true);
    expect((await over.closed()).code).toBe(4401);
  });
});

describe("[S3] a thousand waiting", () => {
  test("the 1,001st gets its 202 at once, and room again when one has gone", { timeout: 30_000 }, async () => {
    const user = new User();
    const client = await user.connect({ window: 256 });
    const waiting: Promise<unknown>[] = [];
    for (let n = 0; n < LIMITS.waitersMax; n += 1) waiting.push(user.trySend([plain(`w${n}`)], 20_000));
    const one = isSettled(Promise.race(waiting), () => user.get());
    expect(await one).toBe(false);
    const startedAt = clock.realNow();
    const over = await user.send({ type: "over" }, { wait: 20 });
    expect(over).toMatchObject({ status: 202, body: { status: "queued" } });
    expect(over.headers.get("preference-applied")).toBe("wait=20");
    expect(clock.realNow() - startedAt).toBeLessThan(2_000);
    await client.received(1);
    client.ack(client.messages[0]?.seq);
    await waiting[0];
    const again = user.send({ type: "again" }, { wait: 20 });
    expect(await isSettled(again, () => client.settle())).toBe(false);
    for (let seen = 0; client.messages.at(-1)?.type !== "again"; ) {
      client.ack();
      seen = client.messages.length;
      await client.received(seen + 1);
    }
    client.ack();
    expect((await again).body.status).toBe("delivered");
    expect(await Promise.all(waiting)).toHaveLength(LIMITS.waitersMax);
  });

  test("ttl 0 waits count, too", { timeout: 30_000 }, async () => {
    const user = new User();
    const waiting: Promise<unknown>[] = [];
    for (let n = 0; n < LIMITS.waitersMax; n += 1) waiting.push(user.trySend([plain("w")], 20_000));
    await user.get();
    const startedAt = clock.realNow();
    await user.connect();
    // What nobody can wait for is not on its way any more: its end is known at once (S5).
    expect(await user.send({ type: "now", ttl: 0 }, { wait: 20 })).toMatchObject({
      status: 200,
      body: { status: "dropped" },
    });
    expect(clock.realNow() - startedAt).toBeLessThan(2_000);
    await user.erase();
    await Promise.all(waiting);
  });
});
