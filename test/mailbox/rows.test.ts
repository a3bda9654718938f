import { describe, expect, test } from "vitest";
import type { Client } from "./ground/client.ts";
import { clock, DAY_MS, SECOND_MS } from "./ground/clock.ts";
import { countingRows, type Rows } from "./ground/rows.ts";
import { plain, User } from "./ground/user.ts";

const MESSAGES = 1_000;
/** A message so often: the fastest that a client can ack singly within its 100 frames a second. */
const EVERY_MS = 10;

const told = (what: string, rows: Rows, messages = MESSAGES): void =>
  console.log(
    `rows written, ${what}: ${rows.total} (${rows.sql} by SQL, ${rows.alarms} alarms), ${(rows.total / messages).toFixed(3)} a message`,
  );

/** Sends messages one by one, each acked singly by every client before the next; then lets the alarms do what is left. */
const traffic = async (
  user: User,
  clients: readonly Client[],
  more: { readonly ids?: boolean; readonly everyMs?: number } = {},
): Promise<void> => {
  const before = clients.map((client) => client.messages.length);
  for (let n = 1; n <= MESSAGES; n += 1) {
    clock.advance(more.everyMs ?? EVERY_MS);
    const id = more.ids === true ? { id: `id-${n}`, digest: "d".repeat(32) } : {};
    const sent = user.sendPlain([plain("a", id)]);
    for (const [at, client] of clients.entries()) {
      await client.received((before[at] ?? 0) + n);
      client.ack();
    }
    await sent;
    if (n % 20 === 0) await dueAlarm(user);
  }
  for (const client of clients) await client.settle();
  clock.advance(20 * SECOND_MS);
  await user.alarm();
};

/** The platform runs an alarm when it is due: nobody does here, whose clock is moved by hand. */
const dueAlarm = async (user: User): Promise<void> => {
  const at = await user.alarmAt();
  if (at !== null && at <= clock.now()) await user.alarm();
};

const forgetting = async (user: User): Promise<void> => {
  clock.advance(DAY_MS + SECOND_MS);
  while ((await user.alarmAt()) !== null) {
    await user.alarm();
    const next = await user.alarmAt();
    if (next === null || next > clock.now()) break;
  }
};

describe("[D8] rows written, by the platform's own count", () => {
  test("the counter sees every write", async () => {
    const user = new User();
    await user.connect();
    const rows = await countingRows(user);
    const changes = () => user.rows<{ n: number }>(`SELECT total_changes() AS n`).then(([row]) => row?.n ?? 0);
    const before = await changes();
    await user.sendPlain(Array.from({ length: 10 }, () => plain("a")));
    const counted = await rows.counted();
    // Ten messages in a row, and the block of seqs; the ack timeout is due before the token's end. SQLite keeps the alarm, too.
    expect({ ...counted, changes: (await changes()) - before }).toEqual({ sql: 2, alarms: 1, total: 3, changes: 3 });
  });

  test("one device, each message acked singly: at most 1.1 a message, everything included", {
    timeout: 30_000,
  }, async () => {
    const user = new User();
    await user.get();
    const rows = await countingRows(user);
    const client = await user.connect();
    await traffic(user, [client]);
    const used = await rows.counted();
    await forgetting(user);
    const forgot = await rows.counted();
    told("one device", used);
    told("one device, forgetting the ends after 24 h", forgot);
    expect(client.messages).toHaveLength(MESSAGES);
    expect((await user.stored()).length).toBe(0);
    expect((used.total + forgot.total) / MESSAGES).toBeLessThanOrEqual(1.1);
  });

  test("and where a message comes every 100 ms, so that acks wait for the alarm", { timeout: 30_000 }, async () => {
    const user = new User();
    await user.get();
    const rows = await countingRows(user);
    const client = await user.connect();
    await traffic(user, [client], { everyMs: 100 });
    const used = await rows.counted();
    told("one device, ten messages a second", used);
    expect(used.total / MESSAGES).toBeLessThanOrEqual(1.1);
    // At most one in ten seconds.
    expect(used.alarms).toBeLessThanOrEqual((MESSAGES * 100) / (10 * SECOND_MS) + 3);
  });

  test("a sender's id: nothing more, forgetting included", { timeout: 30_000 }, async () => {
    const user = new User();
    await user.get();
    const rows = await countingRows(user);
    const client = await user.connect();
    await traffic(user, [client], { ids: true });
    const used = await rows.counted();
    await forgetting(user);
    const forgot = await rows.counted();
    told("one device, with ids", used);
    told("one device, with ids, forgetting them after 24 h", forgot);
    expect((await user.rows(`SELECT ids FROM journal`)).length).toBe(0);
    expect((used.total + forgot.total) / MESSAGES).toBeLessThanOrEqual(1.1);
  });

  test("each further device: at most 0.1 a message", { timeout: 30_000 }, async () => {
    const user = new User();
    await user.get();
    const rows = await countingRows(user);
    const clients: Client[] = [];
    for (const device of ["phone", "laptop", "watch"]) clients.push(await user.connect({ device }));
    await traffic(user, clients);
    const used = await rows.counted();
    await forgetting(user);
    const total = used.total + (await rows.counted()).total;
    told("three devices", used);
    expect(total / MESSAGES).toBeLessThanOrEqual(1.1 + 0.2);
  });

  test("each further device that is away: what it costs to keep a message for it", { timeout: 30_000 }, async () => {
    const user = new User();
    const away = await user.connect({ device: "away" });
    await away.close();
    const rows = await countingRows(user);
    const client = await user.connect({ device: "phone" });
    await traffic(user, [client]);
    const used = await rows.counted();
    told("one device, and one that is away", used);
    expect(used.total / MESSAGES).toBeLessThanOrEqual(1.1);
  });

  test.each([false, true])(
    "groups of 100, with ids of their sender's: %s: at most 0.1 a message",
    {
      timeout: 30_000,
    },
    async (ids) => {
      const user = new User();
      await user.get();
      const rows = await countingRows(user);
      const client = await user.connect();
      for (let n = 0; n < MESSAGES; n += 100) {
        clock.advance(EVERY_MS);
        const id = (at: number) => (ids ? { id: `id-${n + at}`, digest: "d".repeat(32) } : {});
        await user.sendPlain(Array.from({ length: 100 }, (_, at) => plain("a", id(at))));
        await client.received(n + 100);
        client.ack();
      }
      await client.settle();
      clock.advance(20 * SECOND_MS);
      await user.alarm();
      const used = await rows.counted();
      await forgetting(user);
      const forgot = await rows.counted();
      told(`groups of 100${ids ? ", with ids" : ""}, forgetting included`, {
        ...used,
        total: used.total + forgot.total,
      });
      expect((await user.stored()).length).toBe(0);
      expect((used.total + forgot.total) / MESSAGES).toBeLessThanOrEqual(0.1);
    },
  );

  test.each([64, 1_000, 4_000])(
    "for somebody who is away, messages of %i bytes: at most 1.1 from send to release",
    {
      timeout: 30_000,
    },
    async (bytes) => {
      const user = new User();
      await user.get();
      const rows = await countingRows(user);
      for (let n = 0; n < MESSAGES; n += 1) {
        clock.advance(EVERY_MS);
        await user.sendPlain([plain("a", { data: JSON.stringify("x".repeat(bytes - 22)), bytes })]);
      }
      const held = await rows.counted();
      const client = await user.connect();
      for (let got = 0; got < MESSAGES; got = client.messages.length) {
        await client.received(got + 1);
        client.ack();
      }
      await client.settle();
      clock.advance(20 * SECOND_MS);
      await user.alarm();
      const released = await rows.counted();
      told(`away, ${bytes} bytes each, sent`, held);
      told(`away, ${bytes} bytes each, received and released`, released);
      expect((await user.stored()).length).toBe(0);
      expect((held.total + released.total) / MESSAGES).toBeLessThanOrEqual(1.1);
    },
  );

  test("an idle day with a socket that hibernates costs nothing", async () => {
    const user = new User();
    const client = await user.connect({ ttlSeconds: 86_400 });
    await user.send({ type: "a" });
    await client.received(1);
    await client.acked();
    clock.advance(10 * SECOND_MS);
    await user.alarm();
    const rows = await countingRows(user);
    const alarmAt = (await user.alarmAt()) as number;
    // Nothing wakes it before the day is over.
    expect(alarmAt - clock.now()).toBeGreaterThan(DAY_MS - 60 * SECOND_MS);
    await client.ping();
    expect(await rows.counted()).toEqual({ sql: 0, alarms: 0, total: 0 });
  });

  test("looking costs nothing", async () => {
    const user = new User();
    await user.send({ type: "a", id: "a" });
    const rows = await countingRows(user);
    await user.get();
    await user.held();
    await user.state("a");
    await user.deadLetters();
    expect(await rows.counted()).toEqual({ sql: 0, alarms: 0, total: 0 });
  });

  test("a twin, a refused send and ttl 0 to nobody cost nothing", async () => {
    const user = new User();
    await user.send({ type: "a", id: "a" });
    const rows = await countingRows(user);
    await user.send({ type: "a", id: "a" });
    await user.send({ type: "b", id: "a" });
    await user.send({ type: "c", ttl: 0 });
    expect(await rows.counted()).toEqual({ sql: 0, alarms: 0, total: 0 });
  });
});
