/** Batches at the real runtime (S9): what arrives, in which order, and what a batch's edges are. */
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { eventually } from "../proofs/clock.ts";
import { Backend, type Reply } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { requestBytes } from "../support/fuzz-http.ts";
import { ALL_SCOPES } from "../support/fuzz-keys.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const ROOM = 20;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const open = async (user: string) => Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });
/** Each result as its code or status, with its HTTP status. */
const summary = (reply: Reply): readonly string[] =>
  reply.body.results.map((result: Record<string, unknown>) => `${result.http_status} ${result.code ?? result.status}`);
const times = (count: number, entry: string): readonly string[] => Array(count).fill(entry);

test("[S9, D2] each user gets their own of a batch, in the batch's order, and the results stand in it, too", async () => {
  const users = ["batch-a", "batch-b", "batch-c"] as const;
  const readers = await Promise.all([open(users[0]), open(users[1])]);
  const messages = Array.from({ length: 60 }, (_, n) => ({
    to: users[n % 3] as string,
    type: "t",
    data: n,
    id: `m-${n}`,
  }));
  const reply = await backend.sendBatch(messages);
  expect([reply.status, new Set(summary(reply))]).toEqual([200, new Set(["202 queued"])]);
  expect(reply.body.results.map((result: { readonly id: string }) => result.id)).toEqual(messages.map(({ id }) => id));
  for (const [at, reader] of readers.entries()) {
    const received = await reader.receive(20);
    expect(received.map(({ data }) => data)).toEqual(
      messages.filter(({ to }) => to === users[at]).map(({ data }) => data),
    );
    const seqs = reply.body.results.filter((_: unknown, n: number) => n % 3 === at);
    expect(received.map(({ seq }) => seq)).toEqual(seqs.map(({ seq }: { readonly seq: number }) => seq));
    await reader.close();
  }
  expect(reply.body.results[0]).toMatchObject({ devices: 1, sent_to: 1 });
  expect(reply.body.results[2]).toMatchObject({ devices: 0, sent_to: 0 });
  expect((await backend.list(users[2])).body.messages.map((m: { readonly id: string }) => m.id)).toEqual(
    messages.filter(({ to }) => to === users[2]).map(({ id }) => id),
  );
});

test("[S9, S4, S6] replays, other content, topics and bad messages stand in their places, and what is good is sent", async () => {
  const user = "batch-mixed";
  await backend.send(user, { type: "t", id: "known", data: 1 });
  const batch = [
    { to: user, type: "t", id: "known", data: 1 },
    { to: user, type: "t", id: "known", data: 2 },
    { to: user, type: "t", id: "new", data: 1 },
    { to: user, type: "t", id: "new", data: 1 },
    { to: user, type: "" },
    { to: user, type: "t", id: "old-topic", topic: "x" },
    { to: user, type: "t", id: "new-topic", topic: "x" },
  ];
  const reply = await backend.sendBatch(batch, { wait: 30 });
  expect(summary(reply)).toEqual([
    ...["202 queued", "422 id_reused", "202 queued", "202 queued", "400 invalid_request", "200 replaced", "202 queued"],
  ]);
  const { results } = reply.body;
  expect(results.map(({ replayed }: { readonly replayed?: boolean }) => replayed)).toEqual([
    ...[true, undefined, undefined, true, undefined, undefined, undefined],
  ]);
  expect(results[3].seq).toBe(results[2].seq);
  expect(reply.headers.get("preference-applied")).toBeNull();
  expect((await backend.list(user)).body.messages.map((m: { readonly id: string }) => m.id)).toEqual([
    ...["known", "new", "new-topic"],
  ]);
  // All of it again changes nothing but what had no id to know it by.
  const again = await backend.sendBatch(batch.filter(({ id }) => id !== undefined));
  expect(
    again.body.results.filter((result: Reply["body"]) => result.ok !== false && result.replayed === true),
  ).toHaveLength(5);
  expect((await backend.user(user)).body.held.count).toBe(3);
});

test("[S9] NDJSON does the same", async () => {
  const user = "batch-lines";
  const lines = [{ to: user, type: "one", data: "a\nb" }, "no JSON", { to: user, type: "two" }].map((line) =>
    typeof line === "string" ? line : JSON.stringify(line),
  );
  const headers = { "content-type": "application/x-ndjson" };
  const reply = await backend.call("POST", "/v1/messages", `${lines.join("\r\n")}\n\n`, { headers });
  expect(summary(reply)).toEqual(["202 queued", "400 invalid_request", "202 queued"]);
  expect((await backend.list(user)).body.messages).toMatchObject([{ type: "one", data: "a\nb" }, { type: "two" }]);
});

test("[S9, S8] after one that found no room the user's later ones are refused, too, and another user's are not", async () => {
  const small = await startRuntime({ vars: { OUTBOX_MAX_MESSAGES: String(ROOM) } });
  try {
    const its = new Backend(small.url);
    const to = (user: string, count: number, from = 0) =>
      Array.from({ length: count }, (_, n) => ({ to: user, type: "t", id: `m-${from + n}` }));
    expect(new Set(summary(await its.sendBatch(to("full", ROOM - 2))))).toEqual(new Set(["202 queued"]));
    // A twin would be no new message; behind one that was refused it is refused all the same, so that order stays.
    const reply = await its.sendBatch([...to("full", 4, ROOM - 2), ...to("full", 1), ...to("other", 2)]);
    expect(summary(reply)).toEqual([
      ...times(2, "202 queued"),
      ...times(3, "429 outbox_full"),
      ...times(2, "202 queued"),
    ]);
    expect(reply.body.results[2]).toMatchObject({ retry: "later", retry_after: 30 });
    expect((await its.user("full")).body.held.count).toBe(ROOM);
    expect((await its.state("full", `m-${ROOM}`)).status).toBe(404);
    expect(summary(await its.sendBatch(to("full", 1)))).toEqual(["202 queued"]);
  } finally {
    await small.stop();
  }
});

test("[S9, S5] messages that are never stored wait for their acks side by side, and hold up no other user's", async () => {
  const silent = Array.from({ length: 20 }, (_, n) => `batch-silent-${n}`);
  const readers = await Promise.all(
    silent.map(async (user) => Connection.open(runtime.url, { token: await mintLocally(user) })),
  );
  const reader = await open("batch-acks");
  const startedAt = performance.now();
  const reply = await backend.sendBatch([
    ...silent.flatMap((to) => [
      { to, type: "t", ttl: 0 },
      { to, type: "t", ttl: 0 },
    ]),
    { to: "batch-acks", type: "t", ttl: 0 },
    { to: "batch-nobody", type: "t", ttl: 0 },
  ]);
  const took = performance.now() - startedAt;
  expect(summary(reply)).toEqual([...times(40, "200 dropped"), "200 delivered", "200 dropped"]);
  expect(took).toBeGreaterThan(LIMITS.ephemeralWaitMs - 50);
  expect(took).toBeLessThan(2 * LIMITS.ephemeralWaitMs);
  for (const each of [...readers, reader]) await each.close();
});

test("[S9] a batch of 1,000 to 100 users is quick, and one of 1,001 is refused as a whole", async () => {
  const messages = Array.from({ length: LIMITS.batchMaxMessages }, (_, n) => ({
    to: `batch-many-${n % 100}`,
    type: "t",
    data: n,
  }));
  const startedAt = performance.now();
  const reply = await backend.sendBatch(messages);
  // 0.4 s on two cores, where each of the 100 is born.
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(summary(reply)).toEqual(times(LIMITS.batchMaxMessages, "202 queued"));
  expect((await backend.list("batch-many-42")).body.messages.map((m: { readonly data: number }) => m.data)).toEqual(
    Array.from({ length: 10 }, (_, n) => 42 + 100 * n),
  );
  const over = await backend.sendBatch([...messages, { to: "batch-over", type: "t" }]);
  expect([over.status, over.body.code]).toEqual([400, "invalid_request"]);
  expect((await backend.user("batch-over")).body.held.count).toBe(0);
});

test.each(["with its length", "in chunks"])(
  "[S9] a body of 10 MiB is taken, and one byte more is refused, %s",
  async (how) => {
    const user = `batch-bytes ${how}`;
    const data = "x".repeat(240_000);
    const messages = JSON.stringify({ messages: Array.from({ length: 40 }, () => ({ to: user, type: "t", data })) });
    const body = messages.padEnd(LIMITS.batchMaxBytes, " ");
    const post = async (text: string): Promise<Reply> => {
      if (how === "with its length") return backend.call("POST", "/v1/messages", text);
      const response = await fetch(`${runtime.url}/v1/messages`, {
        method: "POST",
        headers: { authorization: ALL_SCOPES.slice("Authorization: ".length), "content-type": "application/json" },
        body: new Blob([text]).stream(),
        // Node's own types of fetch have it; those that stand here do not.
        duplex: "half",
      } as RequestInit);
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    expect(summary(await post(body))).toEqual(times(40, "202 queued"));
    const over = await post(`${body} `);
    expect([over.status, over.body.code]).toEqual([413, "message_too_large"]);
    expect((await backend.user(user)).body.held.count).toBe(40);
  },
);

test("[S9, S13] a caller that hangs up cancels nothing: what was begun is sent to all", async () => {
  const users = Array.from({ length: 200 }, (_, n) => `batch-hang-up-${n}`);
  const body = JSON.stringify({ messages: users.map((to) => ({ to, type: "t" })) });
  const socket = connect(runtime.port, "127.0.0.1");
  socket.write(requestBytes("POST", "/v1/messages", { headers: [ALL_SCOPES], body }));
  const count = async (user: string): Promise<number> => (await backend.user(user)).body.held.count;
  await eventually("the first has its message", async () => (await count("batch-hang-up-0")) === 1);
  socket.resetAndDestroy();
  await eventually("all have", async () => {
    const counts = await Promise.all(users.map(count));
    return counts.every((held) => held === 1);
  });
});

test("[S9, A1] only a key with send may, and a user token may not", async () => {
  const batch = { messages: [{ to: "batch-nobody", type: "t" }] };
  const asked = async (key: string | null) =>
    (await new Backend(runtime.url, key).call("POST", "/v1/messages", batch)).body.code;
  expect([await asked(null), await asked("rk_guess"), await asked(await mintLocally("ada"))]).toEqual([
    ...["missing_key", "invalid_key", "invalid_key"],
  ]);
});

test("[S9, E2] a batch at its limit is taken, however its text has to be escaped on the way to one Mailbox", async () => {
  // A quote takes two bytes here and four on the way, and one character beyond Latin-1 would double all of them.
  const messages = Array.from({ length: 41 }, (_, n) => ({
    to: "escaped",
    type: "t",
    data: `${'"'.repeat(124_000)}${n === 7 ? "😀" : n}`,
  }));
  expect(Buffer.byteLength(JSON.stringify({ messages }))).toBeGreaterThan(0.96 * LIMITS.batchMaxBytes);
  expect(summary(await backend.sendBatch(messages))).toEqual(times(41, "202 queued"));
  const first = (await backend.list("escaped", { limit: 8 })).body.messages;
  expect(first.map(({ data }: { readonly data: string }) => data)).toEqual(
    messages.slice(0, 8).map(({ data }) => data),
  );
});
