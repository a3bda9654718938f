/** What is measured, against a load whose truth is known: delays are the driven clock's own, so that each number is known to the last. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Monitor } from "../../src/index.ts";
import { RELATIVE_ERROR } from "../../src/measures/histogram.ts";
import { type Report, shardName } from "../../src/protocol/monitor-api.ts";
import type { MonitorReply } from "../../src/protocol/replies.ts";
import { API_KEY } from "../support/credentials.ts";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { countingRows } from "./ground/rows.ts";
import { call, User } from "./ground/user.ts";

type Numbers = ReadonlyMap<string, number>;

/** `GET /metrics`, each series by its text but for the value. */
const metrics = async (): Promise<Numbers> => {
  const { exports } = await import("cloudflare:workers");
  const headers = { authorization: `Bearer ${API_KEY}` };
  const response = await exports.default.fetch("https://restante.test/metrics", { headers });
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
};

/** The Worker's share waits for 10 s to be over; this makes it hand over what it has, and counts as one refusal. */
const handOver = async (): Promise<void> => {
  clock.advance(10 * SECOND_MS);
  await (await new User().upgrade({ token: "none" })).text();
};

/** Asks until what has been reported is as expected: reports are on their way while nobody waits for them. */
const settled = async (expected: Readonly<Record<string, number>>, before: Numbers): Promise<Numbers> =>
  vi.waitFor(
    async () => {
      const now = await metrics();
      const grown = Object.keys(expected).map((name) => [
        name,
        (now.get(`restante_${name}`) ?? Number.NaN) - (before.get(`restante_${name}`) ?? 0),
      ]);
      expect(Object.fromEntries(grown)).toEqual(expected);
      return now;
    },
    { timeout: 8_000, interval: 50 },
  );

const exact = (times: readonly number[], q: number): number =>
  times.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * times.length)) - 1] as number;

const near = (seconds: number | undefined, ms: number): void => {
  expect(Math.abs((seconds ?? Number.NaN) * 1_000 - ms) / ms).toBeLessThanOrEqual(RELATIVE_ERROR + 1e-9);
};

const reports: { readonly report: Report; readonly at: number }[] = [];
const { report } = Monitor.prototype;
let latest = 0;
beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  reports.length = 0;
  vi.spyOn(Monitor.prototype, "report").mockImplementation(function (this: Monitor, one: Report) {
    reports.push({ report: one, at: clock.now() });
    return report.call(this, one);
  });
  clock.freeze();
  // The Monitors are the same over all tests: their time goes on.
  clock.advance(Math.max(0, latest - clock.now()) + 20 * SECOND_MS);
});
afterEach(() => {
  latest = clock.now();
  vi.restoreAllMocks();
});

describe("[M1] every number is the truth", () => {
  test.each(["awake", "evicted after every step"] as const)(
    "[M1] of a load over 8 shards, once its users have left: %s",
    { timeout: 60_000 },
    async (how) => {
      const before = await metrics();
      const [waiting, wire, delivery, client]: [number[], number[], number[], number[]] = [[], [], [], []];
      const truth = { accepted: 0, away: 0, connects: 0, retries: 0, refusals: 0, expired: 0, failed: 0, rejected: 0 };
      let neverConnected = 0;
      for (let n = 0; n < 24; n += 1) {
        const user = new User();
        const rest = async (): Promise<void> => {
          if (how !== "awake") await user.evict();
        };
        const [waitMs, wireMs] = [1 + n * 137, 2 + n * n];
        // Two wait for a connection that is long in coming.
        await user.sendAll("a", "b");
        clock.advance(waitMs);
        const phone = await user.connect({ attempt: n % 3, connectMs: 5 + n * 11 });
        client.push(5 + n * 11);
        truth.connects += 1;
        truth.retries += n % 3 === 0 ? 0 : 1;
        await phone.received(2);
        await rest();
        clock.advance(wireMs);
        await phone.acked();
        for (const _ of [1, 2]) {
          waiting.push(waitMs);
          wire.push(wireMs);
          delivery.push(waitMs + wireMs);
        }
        await rest();
        // One to somebody who is there.
        await user.send({ type: "c" });
        await phone.received(3);
        await rest();
        clock.advance(wireMs);
        await phone.acked();
        waiting.push(0);
        wire.push(wireMs);
        delivery.push(wireMs);
        await rest();
        truth.accepted += 3;
        truth.away += 2;
        if (n % 4 === 0) {
          // One that is rejected, and one that expires under a client that does not ack.
          const { seq } = (await user.send({ type: "bad" })).body;
          await phone.received(4);
          await rest();
          await phone.rejected(seq, "no such type");
          await user.send({ type: "late", ttl: 1 });
          await phone.received(5);
          clock.advance(1_001);
          await user.alarm();
          truth.accepted += 2;
          truth.rejected += 1;
          truth.expired += 1;
          truth.failed += 2;
        }
        await rest();
        await phone.close();
        if (n % 6 === 0) {
          const never = new User();
          await never.send({ type: "never", ttl: 11 });
          clock.advance(11_001);
          await never.alarm();
          truth.accepted += 1;
          truth.away += 1;
          truth.expired += 1;
          neverConnected += 1;
        }
      }
      await handOver();
      truth.refusals += 1;
      const delivered = delivery.length;
      const after = await settled(
        {
          messages_accepted_total: truth.accepted,
          messages_accepted_away_total: truth.away,
          messages_rescued_total: 48,
          connection_attempts_total: truth.connects,
          connection_failures_total: 0,
          connection_retries_total: truth.retries,
          connection_refusals_total: truth.refusals,
          connections_established_total: truth.connects,
          connections_ended_total: truth.connects,
          'messages_ended_total{outcome="delivered"}': delivered,
          'messages_ended_total{outcome="expired"}': truth.expired,
          'messages_ended_total{outcome="rejected"}': truth.rejected,
          'delivery_failures_total{reason="expired"}': 6,
          'delivery_failures_total{reason="rejected"}': 6,
          ended_never_connected_total: neverConnected,
          held_messages: 0,
          open_connections: 0,
          delivery_seconds_count: delivered,
          connection_client_seconds_count: client.length,
        },
        before,
      );
      for (const [name, times] of [
        ["delivery", delivery],
        ["delivery_wire", wire],
        ["connection_client", client],
      ] as const) {
        for (const q of [0.5, 0.95, 0.99]) {
          near(after.get(`restante_${name}_recent_seconds{quantile="${q}"}`), exact(times, q));
        }
        const sum =
          (after.get(`restante_${name}_seconds_sum`) ?? 0) - (before.get(`restante_${name}_seconds_sum`) ?? 0);
        expect(1_000 * sum).toBeCloseTo(
          times.reduce((a, b) => a + b, 0),
          3,
        );
      }
      for (const q of [0.95, 0.99]) {
        near(after.get(`restante_delivery_waiting_recent_seconds{quantile="${q}"}`), exact(waiting, q));
      }
      // The second case finds what the first has left in the same quarter of an hour: the same load.
      const ended = delivered + truth.expired + truth.rejected - neverConnected;
      expect(after.get("restante_delivery_success_ratio")).toBeCloseTo(1 - truth.failed / ended, 9);
      const shards = new Set<number>();
      for (let shard = 0; shard < 8; shard += 1) {
        const rows = await runInDurableObject(env.MONITOR.getByName(shardName(shard)), (monitor) =>
          monitor.measured("15m"),
        );
        if (rows.slots.length > 0) shards.add(shard);
      }
      expect(shards.size).toBeGreaterThan(4);
    },
  );

  test("[M1] of what is held, how old its oldest is, who waits and who is connected, while it is so", async () => {
    const before = await metrics();
    const [away, here] = [new User(), new User()];
    await away.sendAll("a", "b", "c");
    clock.advance(90 * SECOND_MS);
    const phone = await here.connect();
    const sending = here.send({ type: "d" }, { wait: 20 });
    await phone.received(1);
    // The next event takes along what was measured since the first.
    clock.advance(10 * SECOND_MS);
    await phone.settle();
    await away.send({ type: "e" });
    await handOver();
    const after = await settled(
      { held_messages: 5, open_connections: 1, open_waits: 1, waits_started_total: 1 },
      before,
    );
    const age = after.get("restante_held_oldest_age_seconds") ?? 0;
    expect(age).toBeGreaterThanOrEqual(110);
    expect(age).toBeLessThanOrEqual(120);
    phone.ack();
    expect((await sending).body.status).toBe("delivered");
    await phone.close();
    await settled({ held_messages: 4, open_connections: 0, open_waits: 0, waits_ended_total: 1 }, before);
  });

  test("[M1] GET /v1/monitor has the same, slot by slot, in each range", async () => {
    const user = new User();
    await user.send({ type: "a" });
    const phone = await user.connect();
    await phone.received(1);
    await phone.acked();
    await phone.close();
    await handOver();
    for (const [range, slots] of [
      ["15m", 90],
      ["6h", 360],
      ["7d", 168],
    ] as const) {
      await vi.waitFor(async () => {
        const { body } = await call<MonitorReply>("GET", `/v1/monitor?range=${range}`);
        expect(body.slots).toHaveLength(slots);
        const delivered = body.slots.reduce((sum, slot) => sum + slot.messages.delivered, 0);
        expect(body.total.messages.delivered).toBe(delivered);
        expect(delivered).toBeGreaterThan(0);
        expect(body.total.connections.attempts).toBeGreaterThan(0);
        expect(body.slots.at(-1)?.held).toBe(body.now.held.count);
      });
    }
  });
});

describe("[M1] reports", () => {
  test("[M1] come at most once in 10 s while a user is busy, and with the end of the last socket; they cost no row", async () => {
    const user = new User();
    const phone = await user.connect();
    await user.send({ type: "first" });
    await phone.received(1);
    await phone.acked();
    reports.length = 0;
    const rows = await countingRows(user);
    for (let n = 0; n < 300; n += 1) {
      clock.advance(200);
      await user.sendPlain([{ type: "t", bytes: 12 }]);
      if (n % 10 !== 9) continue;
      await phone.received(n + 2);
      await phone.acked();
    }
    const { total } = await rows.counted();
    const instants = reports.filter(({ report }) => report.pairs.length > 0).map(({ at }) => at);
    expect(instants.length).toBeGreaterThanOrEqual(5);
    expect(instants.length).toBeLessThanOrEqual(7);
    for (const [n, at] of instants.entries())
      if (n > 0) expect(at - (instants[n - 1] ?? 0)).toBeGreaterThanOrEqual(10 * SECOND_MS);
    // What they cost without: a row each, and the alarm once in 10 s.
    expect(total).toBeLessThanOrEqual(312);
    await phone.close();
    await vi.waitFor(() => expect(reports.length).toBe(instants.length + 1));
  });

  test("[M1] are lost with a Mailbox's memory, and what comes after is true: nothing is counted twice", async () => {
    const before = await metrics();
    const user = new User();
    const phone = await user.connect();
    await user.sendAll("a", "b");
    await phone.received(2);
    await phone.acked();
    await user.crash();
    await phone.closed();
    const again = await user.connect();
    await user.send({ type: "c" });
    await again.received(1);
    await again.acked();
    await again.close();
    await handOver();
    const now = await vi.waitFor(async () => {
      const now = await metrics();
      expect(
        (now.get("restante_connections_ended_total") ?? 0) - (before.get("restante_connections_ended_total") ?? 0),
      ).toBe(1);
      return now;
    });
    const grown = (name: string) => (now.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grown("restante_messages_accepted_total")).toBeGreaterThanOrEqual(1);
    expect(grown("restante_messages_accepted_total")).toBeLessThanOrEqual(3);
    expect(grown("restante_connections_established_total")).toBeLessThanOrEqual(2);
  });
});
