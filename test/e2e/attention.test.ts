import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { rejectAll } from "../support/reject-all.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

/** `BAD_RELEASE_USERS=2000` is the long form. */
const USERS = Number(process.env.BAD_RELEASE_USERS ?? 200);

let runtime: Runtime;
let backend: Backend;

beforeAll(async () => {
  runtime = await startRuntime({ vars: { ACK_TIMEOUT_MS: "300" } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime.stop());

interface Listed {
  readonly user: string;
  readonly reasons: readonly string[];
  readonly since: string;
}

/** The whole list, page by page. */
const attention = async (query: Readonly<Record<string, string>> = {}, limit = 1_000) => {
  const users: Listed[] = [];
  let after: Record<string, string> = {};
  for (;;) {
    const page = await backend.call("GET", "/v1/attention", undefined, {
      query: { ...query, ...after, limit: String(limit) },
    });
    expect(page.status).toBe(200);
    users.push(...page.body.users);
    if (page.body.next === undefined) return { users, total: page.body.total, reasons: page.body.reasons };
    after = { after: page.body.next };
  }
};
const listed = async (user: string) => (await attention()).users.find((one) => one.user === user);

/** What `GET /metrics` has of it. */
const shown = async (): Promise<Readonly<Record<string, number>>> => {
  const text = await (
    await fetch(`${runtime.url}/metrics`, { headers: { authorization: `Bearer ${API_KEY}` } })
  ).text();
  const found = text.matchAll(/^restante_attention_(?:(users)|reasons\{reason="(\w+)"\}) (\d+)$/gm);
  return Object.fromEntries([...found].map(([, users, reason, value]) => [users ?? reason, Number(value)]));
};

/** Until a job is over: its last state. */
const finished = async (id: string) => {
  let job = await backend.call("GET", `/v1/jobs/${id}`);
  await eventually(
    `job ${id} is done`,
    async () => {
      job = await backend.call("GET", `/v1/jobs/${id}`);
      return job.body.status !== "running";
    },
    60_000,
  );
  return job.body;
};

test("[N4] a user enters the list on the first reason, changes in it, and leaves with the last; an erasure takes them out", async () => {
  const user = "comes and goes";
  expect((await attention()).users).toEqual([]);
  await backend.send(user, { type: "a", ttl: 0.2 });
  await eventually("listed", async () => (await listed(user))?.reasons.join() === "expired", 20_000);
  const first = await listed(user);
  await backend.send(user, { type: "b" });
  await rejectAll(runtime.url, user, 1);
  await eventually("both reasons", async () => (await listed(user))?.reasons.join() === "rejected,expired");
  expect((await listed(user))?.since).toBe(first?.since);
  expect(await shown()).toEqual({
    users: 1,
    rejected: 1,
    expired: 1,
    undeliverable: 0,
    held: 0,
    timeouts: 0,
    webhooks: 0,
  });
  expect((await attention({ reason: "rejected" })).users.map((one) => one.user)).toEqual([user]);
  expect((await attention({ reason: "held" })).users).toEqual([]);
  await backend.discard(user, { reason: "expired" });
  await eventually("one reason", async () => (await listed(user))?.reasons.join() === "rejected");
  await backend.requeue(user, { all: true });
  await eventually("gone", async () => (await listed(user)) === undefined);
  expect(await shown()).toMatchObject({ users: 0, rejected: 0, expired: 0 });
  await backend.send(user, { type: "c", ttl: 0.1 });
  await eventually("back", async () => (await listed(user)) !== undefined, 20_000);
  expect((await backend.erase(user)).status).toBe(200);
  await eventually("erased", async () => (await listed(user)) === undefined);
});

test("[N4] three 4408 in a row of one device list its user, until a connection has acked all that it was sent", async () => {
  const user = "hangs";
  await backend.send(user, { type: "a" });
  await backend.send(user, { type: "b" });
  const token = await mintLocally(user);
  for (let n = 1; n <= 3; n += 1) {
    expect(await listed(user)).toBeUndefined();
    const client = await Connection.open(runtime.url, { token });
    await client.receive(n === 3 ? 1 : 2);
    // One of them it gets through: it is not the same message that it fails on.
    if (n === 2) client.ack(client.messages[0]?.seq ?? 0);
    expect((await client.closed).code).toBe(4408);
  }
  await eventually("listed", async () => (await listed(user))?.reasons.join() === "timeouts");
  const mended = await Connection.open(runtime.url, { token, ack: "each" });
  await mended.receive(1);
  await eventually("gone", async () => (await listed(user)) === undefined, 20_000);
  await mended.close();
});

test("[N4] what is asked is checked, and only a key that may look is let in", async () => {
  for (const query of [{ reason: "sad" }, { after: "7" }, { limit: "0" }, { user: "ada" }]) {
    expect((await backend.call("GET", "/v1/attention", undefined, { query })).status).toBe(400);
  }
  expect((await backend.call("POST", "/v1/dead-letters/requeue")).body.detail).toContain("all=true");
  for (const query of [{ since: "02:10" }, { until: "2026-13-01T00:00:00Z" }, { all: "false" }, { reason: "held" }]) {
    expect((await backend.call("DELETE", "/v1/dead-letters", undefined, { query })).status).toBe(400);
  }
  expect((await backend.call("GET", "/v1/jobs/6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11")).body.code).toBe("unknown_job");
});

test(`[N4, N5] a bad front-end release rejects messages for ${USERS} users: found in one list, and sent again with one call`, {
  timeout: 240_000,
}, async () => {
  // With the ack timeout that everybody has: here nobody is to be closed for being slow.
  await runtime.stop();
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
  const names = Array.from({ length: USERS }, (_, n) => `release-${n}`);
  const old = await backend.send("before", { type: "a", data: "old" });
  expect(old.status).toBe(202);
  await rejectAll(runtime.url, "before", 1);
  await eventually("listed", async () => (await listed("before")) !== undefined);
  const since = new Date().toISOString();
  for (let at = 0; at < names.length; at += 500) {
    const batch = names.slice(at, at + 500).map((to) => ({ to, type: "order", data: { to } }));
    const sent = await backend.sendBatch(batch);
    expect(sent.body.results.every((one: { http_status: number }) => one.http_status === 202)).toBe(true);
  }
  const queue = [...names];
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let user = queue.pop(); user !== undefined; user = queue.pop()) await rejectAll(runtime.url, user, 1);
    }),
  );
  const startedAt = performance.now();
  await eventually("all are listed", async () => (await attention()).total === USERS + 1, 30_000);
  const list = await attention({ reason: "rejected" }, 300);
  expect(list.users.map(({ user }) => user).toSorted()).toEqual(["before", ...names].toSorted());
  expect(list.users.map((one) => one.since)).toEqual(list.users.map((one) => one.since).toSorted());
  expect(list.reasons.rejected).toBe(USERS + 1);
  const listedMs = performance.now() - startedAt;

  const query = { reason: "rejected", since };
  const begun = await backend.call("POST", "/v1/dead-letters/requeue", { ttl: 3_600 }, { query });
  expect(begun).toMatchObject({
    status: 202,
    body: { action: "requeue", status: "running", users: { total: USERS + 1 } },
  });
  expect(begun.headers.get("location")).toBe(`/v1/jobs/${begun.body.id}`);
  const job = await finished(begun.body.id);
  expect(job).toMatchObject({ status: "done", users: { failed: 0 }, dead_letters: { done: USERS, left: 0 } });
  const jobMs = performance.now() - startedAt - listedMs;
  await eventually("only the older one is left", async () => (await attention()).total === 1, 30_000);
  for (const user of [names[0], names[USERS / 2], names[USERS - 1]] as string[]) {
    const { body } = await backend.list(user);
    expect(body.messages).toMatchObject([{ type: "order", data: { to: user }, status: "queued" }]);
    expect((await backend.deadLetters(user)).body.dead_letters).toEqual([]);
  }
  expect((await backend.deadLetters("before")).body.dead_letters).toHaveLength(1);
  console.log(`${USERS} users listed in ${Math.round(listedMs)} ms, requeued in ${Math.round(jobMs)} ms`);
});
