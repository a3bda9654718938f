/** Operators who look on, in the object itself (N6): hibernation, what it costs, who is too slow, and what nobody is told. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { Onlooker } from "./ground/onlooker.ts";
import { countingRows } from "./ground/rows.ts";
import { isSettled } from "./ground/settled.ts";
import { plain, User } from "./ground/user.ts";

const openSockets = (user: User): Promise<number> =>
  user.inside((_, state) => state.getWebSockets("observer").filter((s) => s.readyState === WebSocket.OPEN).length);

/** The last that it is told is how U1 has it. */
const expectTrue = async (user: User, onlooker: Onlooker): Promise<void> => {
  const standing = { type: "state", ...(await user.get()).body };
  const isIt = () => (JSON.stringify(onlooker.frames.at(-1)) === JSON.stringify(standing) ? true : undefined);
  await onlooker.until(`${JSON.stringify(standing)} as the last frame`, isIt);
};

describe("[N6] an operator is no connection", () => {
  test("[N6, U1, S7] it is not counted, makes nobody connected, and is sent nothing", async () => {
    const user = new User();
    const onlooker = await Onlooker.open(user);
    const waiting = user.get({ wait: 0.3 });
    expect((await user.get()).body).toMatchObject({ connected: false, connections: [], devices: [] });
    expect((await user.send({ type: "a" })).body).toMatchObject({ status: "queued", devices: 0, sent_to: 0 });
    expect((await user.send({ type: "b", ttl: 0 }, { wait: 1 })).body).toMatchObject({ status: "dropped" });
    expect((await waiting).body).toMatchObject({ connected: false });
    expect(onlooker.happened.map(({ type }) => type)).toEqual(["accepted", "accepted", "ended"]);
  });

  test("[N6, U1] a wait for a connection goes on, and ends with a real one", async () => {
    const user = new User();
    const waiting = user.get({ wait: 10 });
    expect(await isSettled(waiting, async () => void (await Onlooker.open(user)))).toBe(false);
    await user.connect();
    expect((await waiting).body).toMatchObject({ connected: true });
  });

  test("[N6] whatever it says acks nothing and changes nothing", async () => {
    const user = new User();
    const onlooker = await Onlooker.open(user);
    const { seq, id } = (await user.send({ type: "a" })).body;
    await onlooker.next("accepted");
    for (const text of [`{"type":"ack","seq":${seq}}`, String(seq), "-1", "", "1e999", "\n"]) onlooker.say(text);
    onlooker.read();
    await user.leaveDevice();
    await onlooker.next("disconnected");
    expect((await user.state(id)).body.status).toBe("queued");
    expect(onlooker.closed).toBeUndefined();
  });

  test("[N6] one above the limit closes the one who began first, with 4409", async () => {
    const user = new User();
    const onlookers: Onlooker[] = [];
    for (let n = 0; n <= LIMITS.observersMax; n += 1) onlookers.push(await Onlooker.open(user));
    const [first, ...others] = onlookers as [Onlooker, ...Onlooker[]];
    expect(await first.until("close", () => first.closed)).toEqual({ code: 4409, reason: "replaced_by_newer" });
    await user.send({ type: "a" });
    for (const onlooker of others) await onlooker.next("accepted");
    expect(await openSockets(user)).toBe(LIMITS.observersMax);
  });
});

describe("[N6, D8] it costs nothing", () => {
  test("no row is written for it, and a message that its sender waits for is still delivered past the disk", async () => {
    const user = new User();
    const client = await user.connect();
    const first = user.send({ type: "first" }, { wait: 10 });
    await client.received(1);
    client.ack();
    await first;
    const rows = await countingRows(user);
    const onlooker = await Onlooker.open(user);
    for (let n = 0; n < 20; n += 1) {
      const sending = user.send({ type: "a", id: `a-${n}` }, { wait: 10 });
      await client.received(2 + n);
      client.ack();
      expect(await sending).toMatchObject({ status: 200, body: { status: "delivered" } });
    }
    const last = client.lastSeq;
    await onlooker.stands("all of it", ({ devices }) => devices[0]?.cursor === last);
    expect(await rows.counted()).toEqual({ sql: 0, alarms: 0, total: 0 });
    const ways = Array.from({ length: 20 }, () => ["accepted", "sent", "acked", "ended"]).flat();
    expect(onlooker.happened.map(({ type }) => type)).toEqual(ways);
    expect(onlooker.state).toMatchObject({ held: { count: 0 }, connections: [{ acked_seq: last, in_flight: 0 }] });
  });

  test("it hears of what comes after a hibernation, and its coming and going wakes no alarm", async () => {
    const user = new User();
    const client = await user.connect();
    const onlooker = await Onlooker.open(user);
    await user.evict();
    const { seq } = (await user.send({ type: "a" })).body;
    expect(await onlooker.next("accepted")).toMatchObject({ seq, message_type: "a" });
    expect(await onlooker.next("sent")).toMatchObject({ connection_id: client.id, seq, count: 1 });
    await user.evict();
    client.ack();
    expect(await onlooker.next("acked")).toMatchObject({ connection_id: client.id, seq });
    await user.evict();
    await client.close();
    expect(await onlooker.next("disconnected")).toMatchObject({ connection_id: client.id, code: 1000 });
    await onlooker.stands("nobody connected", ({ connected }) => !connected);
    expect((await user.get()).body.connections).toEqual([]);
    await expectTrue(user, onlooker);
    await user.evict();
    onlooker.close();
    await expect.poll(() => openSockets(user)).toBe(0);
  });

  test("[N6, D8, S12] a Mailbox that was only looked at is not deleted under who looks on, and is once they have gone", async () => {
    const user = new User();
    const onlooker = await Onlooker.open(user);
    const tables = () => user.rows<{ name: string }>(`SELECT name FROM sqlite_master WHERE name = 'facts'`);
    expect(await user.alarm()).toBe(true);
    // Else its tables come back with what the operator is told next, and no alarm ever deletes them.
    expect(await user.alarmAt()).not.toBeNull();
    onlooker.close();
    await expect.poll(() => openSockets(user)).toBe(0);
    expect(await user.alarm()).toBe(true);
    expect(await tables()).toEqual([]);
    expect(await user.alarmAt()).toBeNull();
  });

  test("its state is told at most twice a second, and the last one is true", async () => {
    const user = new User();
    const client = await user.connect();
    const onlooker = await Onlooker.open(user);
    const startedAt = performance.now();
    for (let n = 0; n < 40; n += 1) {
      await user.send({ type: "a" });
      await client.received(n + 1);
      client.ack();
    }
    await onlooker.stands("all of it", ({ devices }) => devices[0]?.cursor === client.lastSeq);
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(onlooker.of("state").length).toBeLessThanOrEqual(2 + Math.ceil(2 * seconds));
    await expectTrue(user, onlooker);
  });
});

describe("[N6] an operator who reads too slowly", () => {
  test("is told how much was left out once it has read, and how the user stands; a hibernation in between changes nothing", async () => {
    const user = new User();
    const onlooker = await Onlooker.open(user);
    const quick = await Onlooker.open(user, true);
    const batch = Array.from({ length: 1_000 }, (_, n) => plain(`t${n}`));
    for (let sent = 0; sent < 4_000; sent += 1_000) {
      await user.sendPlain(batch);
      await quick.until("all of it", () => (quick.of("accepted").length === sent + 1_000 ? true : undefined));
      // What it said before its Mailbox knows before it answers this.
      await user.get();
    }
    await onlooker.until("its window", () => (onlooker.frames.length >= LIMITS.liveWindowFrames ? true : undefined));
    expect(onlooker.frames.length).toBe(LIMITS.liveWindowFrames);
    expect(onlooker.of("skipped")).toEqual([]);
    await user.evict();
    await user.sendAll("after");
    await user.evict();
    onlooker.read();
    const told = onlooker.of("accepted").length;
    expect(await onlooker.next("skipped")).toEqual({ type: "skipped", count: 4_001 - told });
    await onlooker.stands("as it is", ({ held }) => held.count === 4_001);
    // In its place: what came before it was told, and what comes after it is.
    await expectTrue(user, onlooker);
    expect(onlooker.frames.at(-2)?.type).toBe("skipped");
    await user.sendAll("more");
    expect(await onlooker.next("accepted", (frame) => frame.message_type === "more")).toBeDefined();
    expect(quick.of("skipped")).toEqual([]);
  }, 30_000);
});

describe("[N6] what nobody is told", () => {
  test("[N6, E2] a turn that fails has not happened", async () => {
    const user = new User();
    const onlooker = await Onlooker.open(user);
    await user.inside((_, { storage: { sql } }) => {
      const { exec } = sql;
      sql.exec = ((...args: Parameters<typeof exec>) => {
        if (!/^INSERT INTO packs/.test(args[0])) return exec.apply(sql, args);
        sql.exec = exec;
        throw new Error("made by the test");
      }) as typeof exec;
    });
    expect((await user.send({ type: "failed" })).status).toBe(503);
    await user.send({ type: "stored" });
    await onlooker.next("accepted");
    expect(onlooker.happened.map(({ message_type }) => message_type)).toEqual(["stored"]);
  });

  test("[N6, S4] a twin and a refused send are no news", async () => {
    const user = new User();
    const onlooker = await Onlooker.open(user);
    await user.send({ type: "a", id: "mine" });
    await user.send({ type: "a", id: "mine" });
    expect((await user.send({ type: "b", id: "mine" })).status).toBe(422);
    await user.send({ type: "last" });
    await onlooker.next("accepted", (frame) => frame.message_type === "last");
    expect(onlooker.happened.map(({ message_type }) => message_type)).toEqual(["a", "last"]);
  });
});

test("[N6, U3, U4] a revocation and an erasure are seen, and do not end it", async () => {
  const user = new User();
  const client = await user.connect();
  const onlooker = await Onlooker.open(user);
  await user.send({ type: "a", id: "a" });
  await user.revoke();
  expect(await onlooker.next("disconnected")).toMatchObject({ connection_id: client.id, code: 4403 });
  const again = await user.connect();
  await user.erase();
  expect(await onlooker.next("ended")).toMatchObject({ id: "a", status: "erased" });
  expect(await onlooker.next("disconnected", ({ connection_id }) => connection_id === again.id)).toMatchObject({
    code: 4403,
  });
  await onlooker.stands("nothing", ({ devices, held }) => devices.length === 0 && held.count === 0);
  await expectTrue(user, onlooker);
  await user.send({ type: "b" });
  expect(await onlooker.next("accepted", (frame) => frame.message_type === "b")).toBeDefined();
});
