import { describe, expect, test } from "vitest";
import { Session } from "../../src/delivery/session.ts";
import { Sockets } from "../../src/mailbox/sockets.ts";
import { clock, HOUR_MS, SECOND_MS } from "./ground/clock.ts";
import { isSettled } from "./ground/settled.ts";
import { plain, User } from "./ground/user.ts";

/** Makes the Mailbox's next statement that matches fail, once. */
const failOnce = (user: User, statement: RegExp): Promise<void> =>
  user.inside((_, { storage: { sql } }) => {
    const { exec } = sql;
    sql.exec = ((...args: Parameters<typeof exec>) => {
      if (!statement.test(args[0])) return exec.apply(sql, args);
      sql.exec = exec;
      throw new Error("made by the test");
    }) as typeof exec;
  });

describe("[E2] a turn that fails leaves nothing half done", () => {
  test("a send is 503, leaves no trace, and the next one is served", async () => {
    const user = new User();
    const client = await user.connect();
    await failOnce(user, /^INSERT INTO packs/);
    const refused = await user.send({ type: "a", id: "a" });
    expect(refused).toMatchObject({ status: 503, body: { code: "outcome_unknown" } });
    expect((await user.held()).body.messages).toEqual([]);
    expect(await user.send({ type: "a", id: "a" })).toMatchObject({ status: 202, body: { sent_to: 1 } });
    await client.settle();
    expect(client.types).toEqual(["a"]);
    expect(client.violations).toEqual([]);
  });

  test("[C11] a frame's client is told: 1011, and gets all again when it comes back", async () => {
    const user = new User();
    await user.leaveDevice();
    const client = await user.connect();
    const sending = user.send({ type: "a" }, { wait: 20 });
    const [a] = await client.received(1);
    // An ack that somebody waits for is recorded at once.
    await failOnce(user, /INTO devices/);
    client.ack();
    expect((await client.closed()).code).toBe(1011);
    expect((await sending).status).toBe(503);
    const next = await user.connect();
    await next.caughtUp();
    expect(next.messages.map((m) => m.seq)).toEqual([a?.seq]);
    await next.acked();
    expect((await user.state(`~${a?.seq}`)).body.status).toBe("delivered");
  });

  test("[C1] an attach that fails leaves no connection and no device", async () => {
    const user = new User();
    await user.sendAll("a");
    await failOnce(user, /INTO devices/);
    expect((await user.upgrade()).status).toBeGreaterThanOrEqual(500);
    expect((await user.get()).body).toMatchObject({ connections: [], devices: [] });
    const client = await user.connect();
    expect(client.established.resumed).toBe(false);
    expect((await client.received(1)).map((m) => m.type)).toEqual(["a"]);
  });

  test("[U4] an erasure that fails erases nothing", async () => {
    const user = new User();
    const client = await user.connect();
    await user.sendAll("a");
    await failOnce(user, /DELETE FROM devices/);
    expect((await user.erase()).status).toBeGreaterThanOrEqual(500);
    expect((await user.held()).body.messages).toHaveLength(1);
    await client.settle();
    expect(client.isOpen).toBe(true);
  });
});

describe("the attachment", () => {
  test("[D8, C7] holds a full window of large messages with seqs that lie days apart, through an eviction", {
    timeout: 30_000,
  }, async () => {
    const user = new User();
    for (let n = 0; n < 256; n += 1) {
      clock.advance(HOUR_MS);
      await user.sendPlain([plain("a", { bytes: 4_096, ttlMs: 30 * 24 * HOUR_MS })]);
      // Awake it would take its seqs from a block, one beside the other.
      await user.evict();
    }
    const client = await user.connect();
    await client.received(256);
    await user.evict();
    await user.sendAll("one more");
    await client.acked(client.messages[0]?.seq);
    await client.received(257);
    await client.acked();
    expect((await user.get()).body).toMatchObject({ held: { count: 0 }, connections: [{ in_flight: 0 }] });
  });
});

describe("the attachment, where all that there is does not fit", () => {
  test("[D1, C7, M1] keeps what is in flight, and leaves out what is measured", async () => {
    const now = clock.now();
    const at = { openedAt: now, issuedAt: now, expiresAt: now + HOUR_MS };
    const id = `4089d5ba7d19438b.${crypto.randomUUID()}`;
    const session = new Session({ id, device: "phone", window: 256, start: now * 1_024, target: 0, ...at });
    // Old ones, each sent as the one before was acked: at a time of its own, and several as one.
    for (let n = 1; n <= 256; n += 1) {
      const [seq, sentAt] = [now * 1_024 + n * HOUR_MS * 1_024, now + 37 * n];
      session.push(seq, 700, sentAt, { firstSeq: seq - 3, count: 4, acceptedAt: sentAt - 600 * HOUR_MS + n * HOUR_MS });
    }
    // As many as are attached at most; one is a sum of instants.
    const pairs = Array.from({ length: 800 }, (_, n) => (n % 2 === 0 ? n : n === 1 ? now : 1));
    const kept = await new User().inside((_, state) => {
      const socket = new WebSocketPair()[1];
      const sockets = new Sockets(state);
      sockets.accept(id, socket);
      sockets.keep(session, { reportedAt: now, pairs });
      sockets.keepGathered(id, { reportedAt: now, pairs });
      return socket.deserializeAttachment();
    });
    expect(kept).toEqual(session.attachment());
    expect(Session.restore(kept).inFlight).toBe(256);
  });
});

describe("`after` on attach is an ack", () => {
  test("[C5, S3] that ends a wait", async () => {
    const user = new User();
    const first = await user.connect();
    const sending = user.send({ type: "a" }, { wait: 20 });
    const [a] = await first.received(1);
    // It was processed, and the socket lost before it could say so.
    await first.close();
    expect(await isSettled(sending, () => user.get())).toBe(false);
    await user.connect({ after: a?.seq ?? 0 });
    expect(await sending).toMatchObject({ status: 200, body: { status: "delivered" } });
  });

  test("[C5, D8] that comes too late for what has expired", async () => {
    const user = new User();
    const first = await user.connect();
    const { body } = await user.send({ type: "a", id: "a", ttl: 1 });
    await first.received(1);
    await first.close();
    clock.advance(SECOND_MS);
    const client = await user.connect({ after: body.seq });
    await client.caughtUp();
    expect((await user.state("a")).body.status).toBe("expired");
    expect(client.gaps).toEqual([]);
  });

  test("[C5, C6] that makes delivered what another device had rejected", async () => {
    const user = new User();
    const phone = await user.connect({ device: "phone" });
    await (await user.connect({ device: "laptop" })).close();
    const { body } = await user.send({ type: "a", id: "a" });
    await phone.received(1);
    await phone.rejected(body.seq, "no");
    await user.connect({ device: "laptop", after: body.seq });
    expect((await user.state("a")).body.status).toBe("delivered");
    expect((await user.get()).body.dead_letters).toBe(0);
  });
});
