/** `restante/sender` against the real runtime: what a backend sees, and what the user's device gets. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createSender, type DeadLetter, SendError, type Sender } from "../../src/sender/sender.ts";
import { Connection, type ConnectionOptions } from "../support/connection.ts";
import { API_KEY } from "../support/credentials.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

type Events = { agent_started: { run: string }; agent_thinking: undefined; agent_completed: { answer: string } };

let runtime: Runtime;
let sender: Sender<Events>;
beforeAll(async () => {
  // A small outbox can be filled.
  runtime = await startRuntime({ vars: { ...scopedVars, OUTBOX_MAX_MESSAGES: "20" } });
  sender = createSender<Events>({ url: runtime.url, key: API_KEY });
});
afterAll(() => runtime?.stop());

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** As the app's page connects: with a token that the sender has minted. */
const connect = async (user: string, options: ConnectionOptions = {}): Promise<Connection> =>
  Connection.open(runtime.url, { token: (await sender.mintToken(user)).token, ...options });
const errorOf = async (call: Promise<unknown>): Promise<SendError> => {
  const error = await call.then(
    (value) => value,
    (error: unknown) => error,
  );
  if (error instanceof SendError) return error;
  throw new Error(`This is no SendError: ${JSON.stringify(error)}`);
};
const all = async <T>(items: AsyncIterable<T>): Promise<readonly T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};

test("[S1, S2, S7] what is sent before the user ever connected arrives when they do", async () => {
  const receipt = await sender.send("early", { type: "agent_started", data: { run: "7" } });
  expect(receipt).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    seq: expect.any(Number),
    status: "queued",
    devices: 0,
    sentTo: 0,
    acceptedAt: expect.stringMatching(RFC_3339),
    expiresAt: expect.stringMatching(RFC_3339),
    replayed: false,
  });
  const page = await connect("early", { ack: "each" });
  expect(await page.receive(1)).toMatchObject([{ ...receiptOnWire(receipt), data: { run: "7" } }]);
  await page.close();
});
const receiptOnWire = ({ id, seq }: { readonly id: string; readonly seq: number }) => ({ id, seq });

test("[S3] a sender that waits hears of the ack", async () => {
  const page = await connect("waited", { ack: "each" });
  const sentAt = Date.now();
  const receipt = await sender.send("waited", { type: "agent_thinking" }, { wait: 20 });
  expect(receipt).toMatchObject({ status: "delivered", devices: 1, sentTo: 1 });
  expect(receipt.deliveredAt).toMatch(RFC_3339);
  expect(Date.now() - sentAt).toBeLessThan(10_000);
  await page.close();
  expect(await sender.send("waited", { type: "agent_thinking" }, { wait: 0.2 })).toMatchObject({ status: "queued" });
});

test("[S4] the same id is the same message, and with other content an error that names it", async () => {
  const first = await sender.send("twin", { type: "agent_started", data: { run: "7" }, id: "run-7" });
  const second = await sender.send("twin", { type: "agent_started", data: { run: "7" }, id: "run-7" });
  expect([first.replayed, second.replayed, second.seq]).toEqual([false, true, first.seq]);
  const error = await errorOf(sender.send("twin", { type: "agent_started", data: { run: "8" }, id: "run-7" }));
  expect(error).toMatchObject({ code: "id_reused", status: 422, retry: "no", id: "run-7", attempts: 1 });
  expect(error.problem).toMatchObject({ id: "run-7", seq: first.seq });
  expect(String(error)).toBe(`SendError: id_reused: ${error.detail}`);
});

test("[S5] what is for whoever is there now is dropped where nobody is", async () => {
  expect(await sender.send("nobody", { type: "agent_thinking", ttl: 0 })).toMatchObject({ status: "dropped" });
});

test("[S13] one sender's messages, each after the reply to the last, get rising seqs", async () => {
  const seqs: number[] = [];
  for (let n = 0; n < 10; n += 1) seqs.push((await sender.send("rising", { type: "agent_thinking" })).seq);
  expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
});

test("[S8] a full outbox is told at once: room takes longer than a sender tries", async () => {
  for (let n = 0; n < 20; n += 1) await sender.send("full", { type: "agent_thinking" });
  const error = await errorOf(sender.send("full", { type: "agent_thinking" }));
  expect(error).toMatchObject({ code: "outbox_full", retry: "later", status: 429, attempts: 1, retryAfterMs: 30_000 });
  const page = await connect("full", { ack: "each" });
  await page.receive(20);
  await page.settle();
  // With the error's id the app goes on where it stopped.
  expect(await sender.send("full", { type: "agent_thinking", id: error.id })).toMatchObject({ replayed: false });
  await page.close();
});

test("[S9] a batch gives each message its own outcome, in order", async () => {
  const outcomes = await sender.sendBatch([
    { to: "batch-a", type: "agent_started", data: { run: "1" }, id: "a" },
    { to: "batch-b", type: "agent_thinking" },
    { to: "batch-a", type: "agent_started", data: { run: "2" }, id: "a" },
    { to: "batch-a", type: "agent_started", data: { run: "1" }, id: "a" },
    { to: "batch-b", type: "agent_completed", data: { answer: "x".repeat(300_000) } },
    { to: "batch-b", type: "agent_completed", data: { answer: "42" }, topic: "answer" },
  ]);
  expect(outcomes.map((o) => (o instanceof SendError ? o.code : `${o.status} ${o.replayed}`))).toEqual([
    "queued false",
    "queued false",
    "id_reused",
    "queued true",
    "message_too_large",
    "queued false",
  ]);
  expect((await all(sender.held("batch-b"))).map(({ type, topic }) => [type, topic])).toEqual([
    ["agent_thinking", undefined],
    ["agent_completed", "answer"],
  ]);
});

test("[S9, S8] of a batch, what one user has no room for is told, and the others get theirs", async () => {
  const messages = Array.from(
    { length: 22 },
    (_, n) => ({ to: "batch-full", type: "agent_thinking", id: `m${n}` }) as const,
  );
  const outcomes = await sender.sendBatch([...messages, { to: "batch-other", type: "agent_thinking" }]);
  const refused = outcomes.flatMap((outcome, n) =>
    outcome instanceof SendError ? [[n, outcome.code, outcome.id]] : [],
  );
  expect(refused).toEqual([
    [20, "outbox_full", "m20"],
    [21, "outbox_full", "m21"],
  ]);
  expect(await all(sender.held("batch-other"))).toHaveLength(1);
});

test("[U1] a user's state, and waiting until they are there", async () => {
  expect(await sender.state("there")).toMatchObject({ connected: false, devices: [], held: { count: 0 } });
  expect(await errorOf(sender.waitForConnection("there", { timeoutMs: 300 }))).toMatchObject({ code: "timeout" });
  const waiting = sender.waitForConnection("there", { timeoutMs: 20_000 });
  const page = await connect("there", { device: "phone" });
  expect(await waiting).toMatchObject({ connected: true, connections: [{ device: "phone" }] });
  expect(await sender.state("there")).toMatchObject({
    connected: true,
    connections: [{ connectionId: page.established.connection_id, caughtUp: true, ackedSeq: 0, inFlight: 0 }],
    devices: [{ device: "phone", firstSeenAt: expect.stringMatching(RFC_3339) }],
    held: { count: 0, bytes: 0 },
    deadLetters: 0,
    mailbox: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  await page.close();
});

test("[U2] a token is the user's, for its time and its device", async () => {
  const minted = await sender.mintToken("minted", { ttl: 60, device: "tablet", location: "weur" });
  const leftMs = Date.parse(minted.expiresAt) - Date.now();
  expect(leftMs).toBeGreaterThan(50_000);
  expect(leftMs).toBeLessThanOrEqual(60_000);
  const page = await Connection.open(runtime.url, { token: minted.token });
  expect(page.established).toMatchObject({ user: "minted", device: "tablet" });
  await page.close();
});

test("[S10] a message can be looked at, and taken back until it is acked", async () => {
  const { id } = await sender.send("held", { type: "agent_started", data: { run: "7" }, ttl: 60 });
  expect(await sender.message("held", id)).toMatchObject({
    status: "queued",
    type: "agent_started",
    data: { run: "7" },
  });
  expect(await sender.recall("held", id)).toEqual({ sent: false });
  expect(await sender.message("held", id)).toMatchObject({ status: "recalled" });
  expect(await errorOf(sender.recall("held", id))).toMatchObject({
    code: "already_ended",
    problem: { message_status: "recalled" },
  });
  expect(await errorOf(sender.message("held", "never"))).toMatchObject({ code: "unknown_message", status: 404 });
  expect(await all(sender.held("held"))).toEqual([]);
});

test("[D7] dead letters are looked at, sent again and thrown away", async () => {
  const user = "dead";
  const page = await connect(user);
  for (const n of [1, 2, 3]) await sender.send(user, { type: "agent_started", data: { run: String(n) }, id: `r${n}` });
  const received = await page.receive(3);
  for (const { seq } of received) page.reject(seq, "no such run");
  await page.settle();
  await page.close();
  const letters: readonly DeadLetter[] = await all(sender.deadLetters(user, { reason: "rejected" }));
  expect(letters).toMatchObject(
    [1, 2, 3].map((n) => ({ id: `r${n}`, rejectReason: "no such run", data: { run: `${n}` } })),
  );
  expect(await all(sender.deadLetters(user, { reason: "expired" }))).toEqual([]);

  const seq = letters[0]?.seq ?? 0;
  const { requeued, left } = await sender.requeue(user, { seq }, { ttl: 60 });
  expect([requeued, left]).toMatchObject([[{ status: "queued", requeuedFrom: seq }], 0]);
  expect(await sender.discard(user, { seq: letters[1]?.seq ?? 0 })).toEqual({ discarded: 1 });
  expect(await sender.discard(user, { reason: "rejected" })).toEqual({ discarded: 1 });
  expect(await errorOf(sender.requeue(user, { seq }))).toMatchObject({ code: "unknown_dead_letter" });
});

test("[U3, U4] tokens are ended, and users erased", async () => {
  const page = await connect("over");
  await sender.revokeTokens("over");
  expect((await page.ended()).code).toBe(4403);
  await sender.send("over", { type: "agent_thinking" });
  await sender.erase("over");
  expect(await sender.state("over")).toMatchObject({ held: { count: 0 }, devices: [] });
});

test("[A1] a key without the scope is told so, once", async () => {
  const limited = createSender({ url: runtime.url, key: KEYS.send });
  expect(await errorOf(limited.erase("ada"))).toMatchObject({ code: "missing_scope", status: 403, attempts: 1 });
  const unknown = createSender({ url: runtime.url, key: "rk_unknown" });
  expect(await errorOf(unknown.send("ada", { type: "t" }))).toMatchObject({ code: "invalid_key", status: 401 });
});

test("a trace goes with its message to the user's device, by itself and in a batch", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await sender.send("traced", { type: "agent_thinking" }, { traceparent });
  await sender.sendBatch([{ to: "traced", type: "agent_thinking" }], { traceparent });
  await sender.send("traced", { type: "agent_thinking" });
  const page = await connect("traced", { ack: "each" });
  expect((await page.receive(3)).map((message) => message.traceparent)).toEqual([traceparent, traceparent, undefined]);
  await page.close();
});
