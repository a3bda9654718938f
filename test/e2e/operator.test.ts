/** The operator of the SDK at the real service, over HTTP. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createOperator, createSender, type Job, type Operator, type Sender } from "../../src/sender/sender.ts";
import { eventually } from "../proofs/clock.ts";
import { API_KEY } from "../support/credentials.ts";
import { rejectAll } from "../support/reject-all.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let operator: Operator;
let sender: Sender;

beforeAll(async () => {
  runtime = await startRuntime();
  operator = createOperator({ url: runtime.url, key: API_KEY });
  sender = createSender({ url: runtime.url, key: API_KEY });
});
afterAll(() => runtime.stop());

const collected = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

test("[N4, N5] who needs a person is found, sent to again by a job that is followed to its end, and gone from the list", async () => {
  const users = Array.from({ length: 30 }, (_, n) => `sdk-${n}`);
  await sender.sendBatch(users.map((to) => ({ to, type: "order", data: { snake_case: 1 } })));
  const since = new Date();
  await Promise.all(users.map((user) => rejectAll(runtime.url, user, 1)));
  await eventually("all are listed", async () => (await operator.attentionCounts()).total === users.length, 20_000);
  expect(await operator.attentionCounts()).toMatchObject({ reasons: { rejected: 30, held: 0 } });
  const listed = await collected(operator.attention({ reason: "rejected" }));
  expect(listed.map(({ user }) => user).toSorted()).toEqual(users.toSorted());
  expect(listed[0]).toMatchObject({ reasons: ["rejected"], updatedAt: expect.stringMatching(/Z$/) });
  expect(await collected(operator.attention({ reason: "held" }))).toEqual([]);

  // Before: nothing of it is in this time.
  const none = await operator.requeueAll({ until: new Date(since.getTime() - 60_000) });
  expect((await collected(operator.follow(none.id, { everyMs: 20 }))).at(-1)).toMatchObject({
    status: "done",
    deadLetters: { done: 0, left: 0 },
  });

  const begun = await operator.requeueAll({ reason: "rejected", since }, { ttl: 3_600 });
  expect(begun).toMatchObject({ action: "requeue", status: "running", ttl: 3_600, since: since.toISOString() });
  const seen: Job[] = await collected(operator.follow(begun.id, { everyMs: 20 }));
  expect(seen.at(-1)).toMatchObject({ status: "done", users: { failed: 0 }, deadLetters: { done: 30, left: 0 } });
  expect(seen.slice(0, -1).every(({ status }) => status === "running")).toBe(true);
  expect(await operator.job(begun.id)).toEqual(seen.at(-1));
  expect((await operator.jobs()).map(({ id }) => id)).toEqual([begun.id, none.id]);
  expect(await operator.stopJob(begun.id)).toMatchObject({ status: "done" });
  await eventually("none is listed", async () => (await operator.attentionCounts()).total === 0, 20_000);
  expect(await collected(sender.held("sdk-7"))).toMatchObject([{ type: "order", data: { snake_case: 1 } }]);
});

test("[N5] discarding needs to be told what, and a job that is not known is said to be unknown", async () => {
  await expect(operator.discardAll({})).rejects.toMatchObject({ code: "invalid_request", attempts: 1 });
  await expect(operator.job("6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11")).rejects.toMatchObject({ code: "unknown_job" });
  const { id } = await operator.discardAll({ all: true });
  expect((await collected(operator.follow(id))).at(-1)).toMatchObject({ action: "discard", status: "done" });
});

test("[N2, M1, M3, M4] webhooks, alerts, numbers and the start-up check", async () => {
  expect(await collected(operator.webhooks("nobody"))).toEqual([]);
  expect(await operator.retryWebhooks("nobody")).toEqual({ retried: 0 });
  expect(await operator.discardWebhooks("nobody")).toEqual({ discarded: 0 });
  expect(() => operator.watch("..")).toThrow(/invalid_user/);
  expect(await operator.alerts()).toEqual(expect.any(Array));
  const { total, now } = await operator.measured();
  expect(total.messages).toMatchObject({ accepted: expect.any(Number), neverConnected: expect.any(Number) });
  expect(now).toHaveProperty("openConnections");
  expect((await operator.measured("6h")).slotMs).toBe(60_000);
  expect(await operator.startUpCheck()).toMatchObject({ status: "ready", steps: expect.any(Array) });
});
