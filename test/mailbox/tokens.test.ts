import { describe, expect, test } from "vitest";
import { USER_TABLES } from "../../src/outbox/schema.ts";
import { Client } from "./ground/client.ts";
import { clock, HOUR_MS, SECOND_MS } from "./ground/clock.ts";
import { User } from "./ground/user.ts";

describe("[C9] a new token for an open connection", () => {
  test("prolongs it without a pause: the same connection goes on, asleep or awake, past the old end", async () => {
    clock.freeze();
    const user = new User();
    const client = await user.connect({ ttlSeconds: 60 });
    await client.caughtUp();
    clock.advance(30 * SECOND_MS);
    const reply = await user.prolong(client.id, await user.token({ ttlSeconds: 3_600 }));
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({ expires_at: new Date(clock.now() + HOUR_MS).toISOString() });
    await user.evict();
    clock.advance(31 * SECOND_MS);
    await user.alarm();
    await user.sendAll("a");
    await client.received(1);
    expect(client.frames.map((f) => f.type)).toEqual(["connection_established", "caught_up", "messages"]);
    expect((await user.get()).body.connections).toMatchObject([{ connection_id: client.id }]);
    // Its end is the new one's, and the alarm is set for it again.
    await client.acked();
    clock.advance(10 * SECOND_MS);
    await user.alarm();
    expect(await user.alarmAt()).toBe(Date.parse(reply.body.expires_at));
  });

  test("of another user is 403, and changes nothing", async () => {
    const [user, other] = [new User(), new User()];
    const client = await user.connect({ ttlSeconds: 60 });
    const reply = await user.prolong(client.id, await other.token());
    expect(reply).toMatchObject({ status: 403, body: { code: "token_mismatch" } });
    clock.advance(60 * SECOND_MS);
    await user.alarm();
    expect((await client.closed()).code).toBe(4401);
  });

  test("of another device is 403; one that is bound to none, or to this one, is taken", async () => {
    const user = new User();
    const client = await user.connect({ device: "phone" });
    expect(await user.prolong(client.id, await user.token({ device: "laptop" }))).toMatchObject({
      status: 403,
      body: { code: "token_mismatch" },
    });
    expect((await user.prolong(client.id, await user.token({ device: "phone" }))).status).toBe(200);
    expect((await user.prolong(client.id, await user.token())).status).toBe(200);
  });

  test("that is revoked, over, or none at all changes nothing", async () => {
    const user = new User();
    const revoked = await user.token();
    clock.advance(5);
    await user.revoke();
    clock.advance(5);
    const client = await user.connect();
    expect(await user.prolong(client.id, revoked)).toMatchObject({ status: 403, body: { code: "token_revoked" } });
    expect(await user.prolong(client.id, await user.token({ ttlSeconds: -1 }))).toMatchObject({ status: 401 });
    expect(await user.prolong(client.id, "nonsense")).toMatchObject({ status: 401 });
    await client.settle();
    expect(client.isOpen).toBe(true);
    expect(client.of("error")).toEqual([]);
  });

  test("for a connection that has ended, or never was, is 404", async () => {
    const user = new User();
    const client = await user.connect({ ttlSeconds: 60 });
    const never = `${client.id.slice(0, 17)}${"0".repeat(36)}`;
    expect(await user.prolong(never, await user.token())).toMatchObject({
      status: 404,
      body: { code: "unknown_connection" },
    });
    // At its end it is over, though nobody has closed it yet.
    clock.advance(60 * SECOND_MS);
    expect((await user.prolong(client.id, await user.token())).status).toBe(404);
  });

  test("that ends earlier makes the connection end earlier", async () => {
    const user = new User();
    const client = await user.connect();
    const { body } = await user.prolong(client.id, await user.token({ ttlSeconds: 10 }));
    expect(await user.alarmAt()).toBe(Date.parse(body.expires_at));
    clock.advance(10 * SECOND_MS);
    await user.alarm();
    expect((await client.closed()).code).toBe(4401);
  });
});

describe("[C8] the heartbeat", () => {
  test("who has pinged and is silent for 2.5 heartbeats is closed at the next send, and the message is kept", async () => {
    clock.freeze();
    const user = new User();
    const client = await user.connect();
    await client.settle();
    clock.advance(75 * SECOND_MS);
    await user.sendAll("in time");
    await client.received(1);
    await client.acked();
    clock.advance(75 * SECOND_MS + 1);
    expect((await user.send({ type: "late", id: "late" })).body.sent_to).toBe(0);
    expect(await client.closed()).toEqual({ code: 4408, reason: "heartbeat_lost" });
    const next = await user.connect();
    expect((await next.received(1)).map((m) => m.type)).toEqual(["late"]);
  });

  test("a ping that the runtime answered counts, also after an eviction", async () => {
    const user = new User();
    const client = await user.connect();
    await client.ping();
    await user.evict();
    clock.advance(80 * SECOND_MS);
    await user.sendAll("a");
    expect((await client.closed()).code).toBe(4408);
  });

  test("who has never pinged is never closed for it", async () => {
    const user = new User();
    const client = await user.connect();
    clock.advance(600 * SECOND_MS);
    await user.sendAll("a");
    await client.received(1);
    expect(client.isOpen).toBe(true);
  });
});

describe("[U3] revoking", () => {
  test("closes what is open with 4403, sends it nothing more, and lets no older token in; a newer one is", async () => {
    clock.freeze();
    const user = new User();
    const old = await user.token();
    const clients = [await user.connect({ device: "phone" }), await user.connect({ device: "laptop" })];
    clock.advance(10);
    const atThatInstant = await user.token();
    expect((await user.revoke()).status).toBe(200);
    expect((await user.send({ type: "a" })).body).toMatchObject({ sent_to: 0, devices: 2 });
    for (const client of clients) {
      expect(await client.closed()).toEqual({ code: 4403, reason: "token_revoked" });
      expect(client.types).toEqual([]);
    }
    for (const token of [old, atThatInstant]) {
      const response = await user.upgrade({ token });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ code: "token_revoked" });
    }
    await user.evict();
    expect((await user.upgrade({ token: old })).status).toBe(403);
    clock.advance(1);
    const next = await user.connect({ device: "phone" });
    expect(next.established.resumed).toBe(true);
    await next.received(1);
  });

  test("[C11] a browser is told so by the socket's close", async () => {
    const user = new User();
    const token = await user.token();
    clock.advance(5);
    await user.revoke();
    const response = await user.upgrade({ token, origin: "https://restante.test" });
    expect(response.status).toBe(101);
    if (response.webSocket === null) throw new Error("No socket");
    expect(await new Client(response.webSocket).closed()).toEqual({ code: 4403, reason: "token_revoked" });
  });

  test("a connection that was prolonged since stands on its new token", async () => {
    clock.freeze();
    const user = new User();
    const prolonged = await user.connect();
    clock.advance(10);
    // Its new token is from a clock that is a little ahead.
    await user.prolong(prolonged.id, await user.token({ issuedAtMs: clock.now() + SECOND_MS }));
    await user.revoke();
    await prolonged.settle();
    expect(prolonged.isOpen).toBe(true);
  });
});

describe("[U4] erasing", () => {
  test("leaves nothing on the disk but the instant of revocation", async () => {
    clock.freeze();
    const user = new User();
    const old = await user.token();
    const client = await user.connect();
    await user.send({ type: "a", id: "a", topic: "t" });
    await user.send({ type: "b", ttl: 1 });
    const { body: c } = await user.send({ type: "c", id: "c" });
    await client.received(3);
    clock.advance(SECOND_MS);
    await user.alarm();
    await client.acked(c.seq);
    expect((await user.erase()).status).toBe(200);
    expect(await client.closed()).toEqual({ code: 4403, reason: "erased" });
    for (const table of USER_TABLES.filter((name) => name !== "facts")) {
      expect(await user.rows(`SELECT * FROM ${table}`), table).toEqual([]);
    }
    const facts = await user.rows<{ name: string; value: number }>(`SELECT name, value FROM facts`);
    expect(facts).toEqual([{ name: "revoked_at", value: expect.any(Number) }]);
    expect(facts[0]?.value).toBeGreaterThanOrEqual(clock.now());
    for (const id of ["a", "c", `~${c.seq}`]) expect((await user.state(id)).status).toBe(404);
    expect((await user.get()).body).toMatchObject({
      connected: false,
      devices: [],
      held: { count: 0 },
      dead_letters: 0,
    });
    expect((await user.upgrade({ token: old })).status).toBe(403);
  });

  test("a user comes back as one who was never there, to higher seqs, and hears of no loss", async () => {
    const user = new User();
    const { body: before } = await user.send({ type: "a", ttl: 1 });
    clock.advance(SECOND_MS);
    await user.erase();
    clock.advance(SECOND_MS);
    const client = await user.connect({ after: before.seq });
    expect(client.established).toMatchObject({ resumed: false, cursor: 0, pending: 0 });
    const [seq] = await user.sendAll("b");
    expect(seq).toBeGreaterThan(before.seq);
    await client.received(1);
    expect(client.gaps).toEqual([]);
    expect(client.violations).toEqual([]);
  });

  test("a socket that was closing as the Mailbox slept is nobody's any more", async () => {
    const user = new User();
    const client = await user.connect();
    await user.erase();
    await user.evict();
    await client.closed();
    expect((await user.get()).body).toMatchObject({ connections: [], devices: [] });
    expect((await user.send({ type: "a" })).body).toMatchObject({ devices: 0, sent_to: 0 });
  });

  test("of a user who never was, and twice, is 200 as well", async () => {
    const user = new User();
    expect((await user.erase()).status).toBe(200);
    expect((await user.erase()).status).toBe(200);
  });
});
