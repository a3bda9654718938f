/** Readers of `GET /v1/events` that stand still (C7, C10): what piles up in the Worker for them is bounded, honest or not. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { residentBytes } from "../proofs/process-facts.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { EventReader } from "../support/event-reader.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const MIB = 1024 * 1024;
const SENDERS = 8;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  // Nobody is closed for being slow: what is shown is what a reader costs as long as it is there.
  runtime = await startRuntime({ vars: { ACK_TIMEOUT_MS: "600000", HEARTBEAT_MS: "600000" } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const flood = async (user: string, count: number, bytes: number): Promise<void> => {
  const data = "x".repeat(bytes);
  let left = count;
  const sender = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      expect((await backend.send(user, { type: "flood", data })).status).toBe(202);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
};

test("[C7, C10] readers that do not read cost a window each, hurt no other, and get all of it in order once they read and ack", async () => {
  const user = "slow";
  const [count, bytes, tabs] = [2_000, 10_000, 12];
  await flood("warm-up", count, bytes);
  const before = residentBytes(runtime.pid);
  await flood("control", count, bytes);
  const between = residentBytes(runtime.pid);

  const open = (device: string) => EventReader.open(runtime.url, user, { query: { device } });
  const slow = await Promise.all(Array.from({ length: tabs }, async () => (await open("slow")).caughtUp()));
  for (const tab of slow) tab.pause();
  const other = await Connection.open(runtime.url, {
    token: await mintLocally(user),
    device: "quick",
    ack: { every: 50 },
  });
  await flood(user, count, bytes);
  await other.receive(count);
  const growth = residentBytes(runtime.pid) - between - (between - before);
  // 12 windows are 12 MiB; what they are not sent, and would pile up without windows, is 220 MiB.
  expect(growth).toBeLessThan((count * bytes * tabs) / 2);
  const states: readonly { readonly device: string; readonly in_flight: number }[] = (await backend.user(user)).body
    .connections;
  for (const { in_flight } of states.filter(({ device }) => device === "slow")) {
    // 1 MiB of messages of 10 kB.
    expect(in_flight).toBeGreaterThan(90);
    expect(in_flight).toBeLessThanOrEqual(105);
  }

  const [tab] = slow as [EventReader];
  tab.resume();
  let acked = 0;
  while (acked < count) {
    await tab.received(acked + 1);
    acked = tab.messages.length;
    expect((await tab.ack()).status).toBe(200);
  }
  expect(tab.messages.map((message) => message.seq)).toEqual(other.messages.map((message) => message.seq));
  for (const each of slow) each.hangUp();
  await other.close();
});

test("[C7, C10] a reader that acks what it does not read is cut off before it fills the Worker", async () => {
  const user = "liar";
  const token = await mintLocally(user);
  const reader = await EventReader.open(runtime.url, user, { token, query: { device: "liar" } });
  await reader.caughtUp();
  reader.pause();
  const id = reader.established.connection_id;
  const isThere = async (): Promise<boolean> =>
    (await backend.user(user)).body.connections.some((c: { readonly connection_id: string }) => c.connection_id === id);
  const data = "x".repeat(250_000);
  // What the operating system takes for it on either side comes first: some 10 MiB on this machine's loopback.
  let sentBytes = 0;
  await eventually(
    "it is cut off",
    async () => {
      const { seq } = (await backend.send(user, { type: "t", data })).body;
      sentBytes += data.length;
      await reader.ack(seq);
      return !(await isThere());
    },
    25_000,
  );
  expect(sentBytes).toBeGreaterThan(2 * MIB);
  expect(sentBytes).toBeLessThan(64 * MIB);
  // It was a hang-up: its device stays, and others are served.
  const again = await EventReader.open(runtime.url, user, { token, query: { device: "liar" } });
  await again.caughtUp();
  again.hangUp();
  reader.hangUp();
  expect(runtime.logs).not.toContain('"level":"error"');
});

test("[C8, C10] the pings of a reader that stands still stop, and then it is closed at the next send", async () => {
  const heartbeatMs = 100;
  const own = await startRuntime({ vars: { ACK_TIMEOUT_MS: "600000", HEARTBEAT_MS: String(heartbeatMs) } });
  try {
    const user = "silent";
    const itsBackend = new Backend(own.url);
    const reader = await EventReader.open(own.url, user);
    await reader.until("a ping", () => (reader.comments > 0 ? true : undefined));
    reader.pause();
    const connection = async () => (await itsBackend.user(user)).body.connections[0];
    const data = "x".repeat(250_000);
    const send = async () => (await itsBackend.send(user, { type: "t", data })).body;
    /** Whether it still pings, asked until one of both is sure. */
    const pings = async (): Promise<boolean> => {
      const before = Date.parse((await connection()).pinged_at);
      let now = before;
      await eventually("it pings, or has been silent", async () => {
        now = Date.parse((await connection()).pinged_at);
        return now > before || Date.now() - now > 4 * heartbeatMs;
      });
      return now > before;
    };
    // It is acked, so that nothing but its pings can tell; what the operating system takes of it comes first.
    do await reader.ack((await send()).seq);
    while (await pings());
    expect(await connection()).toBeDefined();
    expect(await send()).toMatchObject({ sent_to: 0 });
    expect(await connection()).toBeUndefined();
    reader.resume();
    expect(await reader.ended()).toMatchObject({ code: 4408, reason: "heartbeat_lost" });
  } finally {
    await own.stop();
  }
});
