/** What the start-up check leaves behind, and what it costs (M4). */
import { createScheduledController, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import worker, { type Mailbox } from "../../src/index.ts";
import { START_UP_MONITOR } from "../../src/protocol/monitor-api.ts";
import { clock, DAY_MS, SECOND_MS } from "./ground/clock.ts";
import { countingRows } from "./ground/rows.ts";
import { call } from "./ground/user.ts";

const monitor = () => env.MONITOR.getByName(START_UP_MONITOR);
const reserved = {
  stub: () => env.MAILBOX.getByName("sys:startup_test"),
  inside: <R>(look: (mailbox: Mailbox, state: DurableObjectState) => R | Promise<R>): Promise<R> =>
    runInDurableObject(reserved.stub(), look),
};

/** Every row of every table, but for the schema's own version. */
const rowsOf = (storage: DurableObjectStorage): Readonly<Record<string, number>> => {
  const tables = storage.sql
    .exec<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name <> 'migrations'`,
    )
    .toArray();
  const counts = tables.map(({ name }) => [
    name,
    storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM "${name}"`).one().n,
  ]);
  return Object.fromEntries(counts.filter(([, n]) => n !== 0));
};

const lines: string[] = [];
beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
});

describe("[M4] after a check", () => {
  test("[M4] the reserved Mailbox is empty but for the instant of its erasure, however many checks there were, and no socket is open", async () => {
    for (let n = 0; n < 20; n += 1) expect((await monitor().checkStartUp()).status).toBe("ready");
    // Nobody is waited for: the line is for users (M2).
    expect(lines.filter((line) => line.includes('"event":"queued"'))).toEqual([]);
    const left = await reserved.inside((_, { storage, ...ctx }) => [rowsOf(storage), ctx]);
    expect(left[0]).toEqual({ facts: 1 });
    await vi.waitFor(async () => expect(await reserved.inside((_, ctx) => ctx.getWebSockets().length)).toBe(0));
  });

  test("[M4, D8] a day after the last one nothing is left of it, and no alarm", async () => {
    await monitor().checkStartUp();
    clock.advance(DAY_MS + SECOND_MS);
    while (await runDurableObjectAlarm(reserved.stub())) {
      // What an early one finds not due yet, it sets again.
    }
    const left = await reserved.inside(async (_, { storage }) => [
      await storage.getAlarm(),
      storage.sql.exec(`SELECT name FROM sqlite_master WHERE name = 'facts'`).toArray().length,
    ]);
    expect(left).toEqual([null, 0]);
  });

  test("[M4] the Monitor keeps one row", async () => {
    for (let n = 0; n < 5; n += 1) await monitor().checkStartUp();
    const keys = await runInDurableObject(monitor(), (_, { storage }) => [...storage.kv.list()].map(([key]) => key));
    expect(keys).toEqual(["start_up_check"]);
  });

  test("[M4] a check costs at most 16 rows written in the Mailbox: a dollar buys six weeks of them", async () => {
    await monitor().checkStartUp();
    const rows = await countingRows(reserved);
    await monitor().checkStartUp();
    const counted = await rows.counted();
    expect(counted.total).toBeGreaterThan(0);
    expect(counted.total).toBeLessThanOrEqual(16);
  });
});

test("[M4] the schedule runs a check, and its outcome is what a stranger is told", async () => {
  await worker.scheduled(createScheduledController(), { ...env });
  const outcomes = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "start_up_check");
  expect(outcomes).toMatchObject([{ level: "info", event: "start_up_check" }]);
  const stored = await monitor().lastStartUp();
  expect(stored.duration_ms).toBe(outcomes[0].duration_ms);
  const reply = await call("GET", "/ready", undefined, { headers: { authorization: "" } });
  expect([reply.status, reply.body]).toEqual([200, stored]);
});
