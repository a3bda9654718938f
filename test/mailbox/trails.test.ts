/** N3 where the platform decides: over hibernations, over a crash, and by its own count of rows. */
import { describe, expect, test } from "vitest";
import type { TrailStep } from "../../src/protocol/trail.ts";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { countingRows } from "./ground/rows.ts";
import { plain, User } from "./ground/user.ts";

type Trail = readonly TrailStep[];

const trailOf = async (user: User, seq: number | undefined): Promise<Trail> =>
  (await user.state(`~${seq}`)).body.trail ?? [];
const eventsOf = (trail: Trail): readonly string[] => trail.map(({ event }) => event);

describe("[N3] a trail", () => {
  test("survives hibernation at every step, with its times", async () => {
    clock.freeze();
    const user = new User();
    await user.leaveDevice();
    const phone = await user.connect({ device: "phone" });
    const laptop = await user.connect({ device: "laptop" });
    clock.advance(SECOND_MS);
    const [a, b, c] = await user.sendAll("a", "b", "c");
    await phone.received(3);
    await laptop.received(3);
    await user.evict();
    clock.advance(SECOND_MS);
    await phone.acked(a);
    await user.evict();
    clock.advance(SECOND_MS);
    await phone.rejected(b as number, "no such type");
    await user.evict();
    clock.advance(SECOND_MS);
    // It is the end that wakes the object.
    await laptop.close(1001);
    await user.evict();
    const on = (client: typeof phone, device: string) => ({ connection_id: client.id, device });
    const sentAt = clock.now() - 3 * SECOND_MS;
    const at = (seconds: number) => new Date(sentAt + seconds * SECOND_MS).toISOString();
    const begin = [
      { at: at(0), event: "accepted" },
      { at: at(0), event: "sent", ...on(phone, "phone") },
      { at: at(0), event: "sent", ...on(laptop, "laptop") },
    ];
    const closed = { at: at(3), event: "closed", ...on(laptop, "laptop"), code: 1001 };
    const told = async (seq: number | undefined) => byTime(await trailOf(user, seq));
    expect(await told(a)).toEqual(byTime([...begin, { at: at(1), event: "acked", ...on(phone, "phone") }, closed]));
    const rejected = { at: at(2), event: "rejected", ...on(phone, "phone"), reason: "no such type" };
    expect(await told(b)).toEqual(byTime([...begin, rejected, closed]));
    expect(await told(c)).toEqual(byTime([...begin, closed]));
    // The list says the same.
    const { messages } = (await user.held()).body;
    expect(messages.map(({ trail }) => byTime(trail ?? []))).toEqual([await told(a), await told(b), await told(c)]);
  });

  test("of what was sent as the object was lost is what is on record, and goes on", async () => {
    const user = new User();
    const phone = await user.connect();
    const [a] = await user.sendAll("a");
    await phone.received(1);
    expect(eventsOf(await trailOf(user, a))).toEqual(["accepted", "sent"]);
    await user.crash();
    await phone.closed();
    expect(eventsOf(await trailOf(user, a))).toEqual(["accepted"]);
    const again = await user.connect();
    await again.received(1);
    const trail = await trailOf(user, a);
    expect(eventsOf(trail)).toEqual(["accepted", "sent"]);
    expect(trail[1]).toMatchObject({ connection_id: again.id });
  });

  test("goes into the dead letter as it expires, though it is swept away later", async () => {
    clock.freeze();
    const user = new User();
    const phone = await user.connect();
    const { seq, accepted_at } = (await user.send({ type: "a", ttl: 5 })).body;
    await phone.received(1);
    await phone.close();
    clock.advance(6 * SECOND_MS);
    const late = await user.connect({ device: "late" });
    await late.settle();
    await late.close();
    const [letter] = (await user.deadLetters()).body.dead_letters;
    expect(letter).toMatchObject({ seq, reason: "expired" });
    expect(letter?.trail).toEqual([
      { at: accepted_at, event: "accepted" },
      { at: accepted_at, event: "sent", connection_id: phone.id, device: "default" },
      { at: accepted_at, event: "closed", connection_id: phone.id, device: "default", code: 1000 },
      { at: letter?.ended_at, event: "expired" },
    ]);
  });

  test("of five connections that never acked it ends with undeliverable, and with why", async () => {
    const user = new User();
    const [a] = await user.sendAll("a");
    for (let n = 0; n < 5; n += 1) {
      const client = await user.connect();
      await client.received(1);
      clock.advance(21 * SECOND_MS);
      await user.alarm();
      await client.closed();
    }
    const [letter] = (await user.deadLetters()).body.dead_letters;
    expect(letter).toMatchObject({ seq: a, reason: "undeliverable" });
    const attempts = Array.from({ length: 5 }, () => ["sent", "closed"]).flat();
    expect(eventsOf(letter?.trail ?? [])).toEqual(["accepted", ...attempts, "undeliverable"]);
    const codes = letter?.trail.flatMap((step) => (step.event === "closed" ? step.code : []));
    expect(codes).toEqual([4408, 4408, 4408, 4408, 4408]);
    expect(await user.rows(`SELECT * FROM trails`)).toEqual([]);
  });

  test("[U4] is erased with the user", async () => {
    const user = new User();
    await user.sendAll("a");
    const phone = await user.connect();
    await phone.received(1);
    await phone.close();
    expect(await user.rows(`SELECT slot FROM trails`)).toHaveLength(1);
    await user.erase();
    expect(await user.rows(`SELECT slot FROM trails`)).toEqual([]);
  });
});

describe("[N3, D8] what trails cost, by the platform's own count of rows", () => {
  test("a message that is simply delivered: nothing, to one device or to several", async () => {
    const user = new User();
    const clients = [await user.connect({ device: "phone" }), await user.connect({ device: "laptop" })];
    for (let n = 1; n <= 20; n += 1) {
      await user.sendPlain([plain("a")]);
      for (const client of clients) {
        await client.received(n);
        await client.acked();
      }
    }
    clock.advance(20 * SECOND_MS);
    await user.alarm();
    for (const client of clients) await client.close();
    expect(await user.rows(`SELECT * FROM trails`)).toEqual([]);
    expect((await user.stored()).length).toBe(0);
  });

  test("a connection that ends with a window un-acked: one row, and one as the last of it is released; looking costs none", async () => {
    const user = new User();
    await user.sendPlain(Array.from({ length: 100 }, () => plain("a")));
    const first = await user.connect();
    await first.received(100);
    const rows = await countingRows(user);
    await first.close();
    const ended = await rows.counted();
    await user.held();
    expect(await rows.counted()).toMatchObject({ sql: 0 });
    // A connection that was sent nothing ends as it did before there were trails.
    const second = await user.connect();
    await second.received(100);
    await second.acked();
    clock.advance(11 * SECOND_MS);
    await user.alarm();
    await rows.counted();
    await second.close();
    const without = await rows.counted();
    expect(ended.sql - without.sql).toBe(1);
    expect(await user.rows(`SELECT * FROM trails`)).toEqual([]);
  });
});

/** Those of one instant in an order of their own. */
const byTime = (trail: Trail | readonly object[]): readonly object[] =>
  [...(trail as readonly TrailStep[])].sort((a, b) => {
    const [left, right] = [a, b].map((step) => `${step.at} ${JSON.stringify(step)}`) as [string, string];
    return left < right ? -1 : 1;
  });
