/** What happens to a Mailbox that sleeps, or that nobody has any use for. */
import { describe, expect, test, vi } from "vitest";
import { clock, HOUR_MS, SECOND_MS } from "./ground/clock.ts";
import { User } from "./ground/user.ts";

describe("a connection that ends while its Mailbox sleeps", () => {
  test("[D5] was seen until then", async () => {
    const user = new User();
    const client = await user.connect();
    await client.settle();
    await user.evict();
    clock.advance(3 * HOUR_MS - 1);
    const endedAt = clock.now();
    await client.close();
    await vi.waitFor(async () => expect((await user.get()).body.connected).toBe(false));
    const [device] = (await user.get()).body.devices;
    expect(Date.parse(device?.last_seen_at ?? "")).toBeGreaterThanOrEqual(endedAt);
  });

  test("[D9] leaves its acks behind", async () => {
    const user = new User();
    const [seq] = await user.sendAll("a");
    const client = await user.connect();
    await client.acked(seq);
    await user.evict();
    await client.close();
    const cursors = () => user.rows<{ acked: number }>(`SELECT acked FROM devices`);
    await vi.waitFor(async () => expect(await cursors()).toEqual([{ acked: seq }]));
  });

  test("[S10] was sent what it was sent, and no more", async () => {
    const user = new User();
    await user.sendAll("a");
    const client = await user.connect();
    await client.received(1);
    await user.evict();
    await client.close();
    await vi.waitFor(async () => expect((await user.get()).body.connected).toBe(false));
    const later = (await user.send({ type: "b", id: "b" })).body;
    expect((await user.recall(later.id)).body).toMatchObject({ status: "recalled", sent: false });
  });
});

test("[D8] a user who was only looked at leaves nothing behind", async () => {
  const user = new User();
  await user.get();
  const alarmAt = (await user.alarmAt()) as number;
  expect(alarmAt).toBeLessThanOrEqual(clock.now() + 24 * HOUR_MS);
  clock.advance(24 * HOUR_MS);
  await user.alarm();
  expect(await user.rows(`SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'`)).toEqual([]);
  expect(await user.alarmAt()).toBeNull();
});

test("[U4] an erasure ends the waits for a connection, too", async () => {
  const user = new User();
  const waiting = user.get({ wait: 30 });
  await vi.waitFor(async () => {
    await user.erase();
    const over = await Promise.race([waiting, new Promise((done) => setTimeout(() => done(undefined), 50))]);
    expect(over).toMatchObject({ status: 200, body: { connected: false } });
  }, 5 * SECOND_MS);
});
