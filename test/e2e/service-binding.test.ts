/** Another Worker of the account sends by RPC (S11): two Workers in one workerd, as two deployments are, and a user's real socket. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { connect, probe, start, stopAll } from "../support/bound.ts";
import { Connection } from "../support/connection.ts";
import type { Runtime } from "../support/runtime.ts";

afterAll(stopAll);

describe("[S11] the example: an agent in a Worker of its own", () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await start("agent");
  });
  const runAgent = async (user: string) => {
    const reply = await fetch(`${runtime.boundUrl}/?user=${encodeURIComponent(user)}`, { method: "POST" });
    return { status: reply.status, body: await reply.json() };
  };

  test("[S11] what it sends, a connected user receives, and it hears of the ack", async () => {
    const page = await connect(runtime, "ada");
    expect(await runAgent("ada")).toMatchObject({ status: 200, body: { status: "delivered", devices: 1, sentTo: 1 } });
    expect((await page.receive(3)).map(({ type, data }) => [type, data])).toEqual([
      ["agent_started", { run: "7" }],
      ["agent_thinking", undefined],
      ["agent_completed", { answer: "42" }],
    ]);
    await page.close();
  });

  test("[S11, S2] what it sends before the user connects waits, and its wait ends with the ack", async () => {
    const agent = runAgent("early");
    const backend = new Backend(runtime.url);
    await expect.poll(async () => (await backend.user("early")).body.held.count).toBe(3);
    const page = await connect(runtime, "early");
    expect((await page.receive(3)).map(({ type }) => type)).toEqual([
      "agent_started",
      "agent_thinking",
      "agent_completed",
    ]);
    expect((await agent).body).toMatchObject({ status: "delivered" });
    await page.close();
  });

  test("[S11, E1] a refusal is its SendError", async () => {
    expect(await runAgent("..")).toMatchObject({ status: 502, body: { code: "invalid_user" } });
  });
});

describe("[S11] the binding itself", () => {
  let runtime: Runtime;
  let backend: Backend;
  beforeAll(async () => {
    runtime = await start("probe");
    backend = new Backend(runtime.url);
  });
  const rpc = async (method: string, ...args: readonly unknown[]) =>
    (await probe(runtime, { by: "rpc", method, args })).value;
  const sdk = (method: string, ...args: readonly unknown[]) => probe(runtime, { by: "sdk", method, args });

  test("[S11, S7] a send is answered as HTTP answers it, with the status in the answer", async () => {
    const message = { type: "order", data: { n: 7 }, id: "order-7", ttl: 60, topic: "orders", location: "weur" };
    const sent = await rpc("send", "same", message);
    expect(sent).toMatchObject({ id: "order-7", status: "queued", devices: 0, sent_to: 0, http_status: 202 });
    const twin = await backend.send("same", message);
    expect(twin.status).toBe(202);
    expect(twin.headers.get("idempotency-replayed")).toBe("true");
    const { http_status, ...body } = sent;
    expect(twin.body).toEqual(body);
    expect(await rpc("send", "same", message)).toEqual({ ...sent, replayed: true });
    expect((await backend.state("same", "order-7")).body).toMatchObject({ topic: "orders", data: { n: 7 } });
  });

  test("[S11, S3] a wait ends with the ack, or with its time", async () => {
    const askedAt = Date.now();
    expect(await rpc("send", "waits", { type: "t" }, { wait: 0.3 })).toMatchObject({ http_status: 202 });
    expect(Date.now() - askedAt).toBeGreaterThanOrEqual(290);
    const waiting = rpc("send", "waits", { type: "t", id: "b" }, { wait: 20 });
    const page = await connect(runtime, "waits");
    expect(await waiting).toMatchObject({ status: "delivered", http_status: 200 });
    await page.close();
  });

  test("[S11, U1] readiness before a critical first message", async () => {
    expect((await sdk("waitForConnection", "comes", { timeoutMs: 200 })).error).toMatchObject({ code: "timeout" });
    const waiting = sdk("waitForConnection", "comes", { timeoutMs: 20_000 });
    const page = await connect(runtime, "comes");
    expect((await waiting).value).toMatchObject({ connected: true, connections: [{ device: "default" }] });
    await page.close();
  });

  test("[S11, S9] a batch has each message's own outcome, as over HTTP", async () => {
    const messages = [
      { to: "batch", type: "t", data: 1, id: "a" },
      { to: "batch", type: "t", data: 2, id: "a" },
      { to: "..", type: "t" },
      { to: "batch", type: "t", ttl: -1 },
      { to: "other", type: "t", colour: "red" },
      { to: "batch", type: "t", data: { deep: 2 ** 60 } },
      { to: "batch", type: "t", data: 3 },
    ];
    const { results, http_status } = await rpc("sendBatch", messages);
    expect(http_status).toBe(200);
    expect(results.map((r: Record<string, unknown>) => `${r.http_status} ${r.code ?? r.status}`)).toEqual([
      "202 queued",
      "422 id_reused",
      "400 invalid_request",
      "400 invalid_request",
      "400 invalid_request",
      "400 invalid_request",
      "202 queued",
    ]);
    // The same as over HTTP, in all that is said.
    const overHttp = (await backend.sendBatch(messages)).body.results;
    expect(results.slice(1, 6)).toEqual(overHttp.slice(1, 6));
    expect(await rpc("sendBatch", [])).toMatchObject({ http_status: 400, code: "invalid_request" });
    expect(await rpc("sendBatch", "no list")).toMatchObject({ http_status: 400, code: "invalid_request" });
    expect((await sdk("sendBatch", [{ to: "sdk", type: "t" }])).value).toMatchObject([
      { status: "queued", replayed: false },
    ]);
  });

  test("[S11, S10, U2, U3, U4, D7] the rest of the backend plane is there, and says what HTTP says", async () => {
    const user = "rest";
    const { seq } = await rpc("send", user, { type: "t", data: { n: 1 }, id: "a" });
    expect(await rpc("message", user, "a")).toEqual({ ...(await backend.state(user, "a")).body, http_status: 200 });
    expect(await rpc("held", user, { after: 0, limit: 1 })).toEqual({
      ...(await backend.list(user, { limit: 1 })).body,
      http_status: 200,
    });
    expect(await rpc("state", user)).toEqual({ ...(await backend.user(user)).body, http_status: 200 });
    const { token, expires_at } = await rpc("mintToken", user, { ttl: 60, device: "phone" });
    const page = await Connection.open(runtime.url, { token });
    expect(page.established).toMatchObject({ user, device: "phone", expires_at });
    await page.receive(1);
    page.reject(seq, "no");
    await page.settle();
    expect(await rpc("revokeTokens", user)).toEqual({ status: "revoked", http_status: 200 });
    expect((await page.ended()).code).toBe(4403);
    const { dead_letters, http_status } = await rpc("deadLetters", user, { reason: "rejected" });
    expect([dead_letters, http_status]).toMatchObject([[{ seq, reject_reason: "no", data: { n: 1 } }], 200]);
    expect(await rpc("requeue", user, { seq }, { ttl: 60 })).toMatchObject({
      requeued: [{ requeued_from: seq }],
      left: 0,
    });
    expect(await rpc("discard", user, { all: true })).toEqual({ discarded: 0, http_status: 200 });
    await rpc("send", user, { type: "t", id: "b" });
    expect(await rpc("recall", user, "b")).toEqual({ status: "recalled", sent: false, http_status: 200 });
    expect(await rpc("recall", user, "b")).toMatchObject({ code: "already_ended", http_status: 409 });
    expect(await rpc("erase", user)).toEqual({ status: "erased", http_status: 200 });
    expect(await rpc("health")).toMatchObject({ status: "ok", http_status: 200 });
    expect(await rpc("ready")).toMatchObject({ status: "ready", http_status: 200 });
  });

  test("[S11, N] what an operator asks is there, and says what HTTP says", async () => {
    const same = async (method: string, path: string, ...args: readonly unknown[]) =>
      expect(await rpc(method, ...args)).toEqual({ ...(await backend.call("GET", path)).body, http_status: 200 });
    await same("attention", "/v1/attention?limit=2", { limit: 2 });
    await same("webhooks", "/v1/users/ada/webhooks", "ada");
    await same("alerts", "/v1/alerts");
    expect(await rpc("monitor", { range: "6h" })).toMatchObject({ range: "6h", slot_ms: 60_000, http_status: 200 });
    expect(await rpc("retryWebhooks", "ada")).toEqual({ retried: 0, http_status: 200 });
    expect(await rpc("discardWebhooks", "ada")).toEqual({ discarded: 0, http_status: 200 });
    const job = await rpc("requeueAll", { reason: "rejected", since: "2026-11-27T02:10:00Z" }, { ttl: 60 });
    expect(job).toMatchObject({ action: "requeue", reason: "rejected", ttl: 60, http_status: 200 });
    expect(await rpc("stopJob", job.id)).toMatchObject({ id: job.id });
    await same("job", `/v1/jobs/${job.id}`, job.id);
    const { value } = await sdk("discardAll", { all: true });
    expect(value).toMatchObject({ action: "discard", deadLetters: { done: 0 } });
    await expect.poll(async () => (await rpc("job", value.id)).status).toBe("done");
    await same("jobs", "/v1/jobs");
    expect((await sdk("startUpCheck")).value).toMatchObject({ status: "ready" });
  });

  test("[S11, S13] a caller that hangs up cancels nothing", async () => {
    const hangingUp = new AbortController();
    const { signal } = hangingUp;
    const args = ["hung-up", { type: "t", id: "a" }, { wait: 20 }];
    const asking = probe(runtime, { by: "rpc", method: "send", args, signal }).catch((error: unknown) => error);
    await expect.poll(async () => (await backend.state("hung-up", "a")).status).toBe(200);
    hangingUp.abort();
    expect(await asking).toBeInstanceOf(Error);
    const page = await connect(runtime, "hung-up");
    expect(await page.receive(1)).toMatchObject([{ id: "a" }]);
    await expect.poll(async () => (await backend.state("hung-up", "a")).body.status).toBe("delivered");
    await page.close();
  });

  test("[S11] a trace goes with its message", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await rpc("send", "traced", { type: "t" }, { traceparent });
    await rpc("sendBatch", [{ to: "traced", type: "t" }], { traceparent });
    await sdk("send", "traced", { type: "t" }, { traceparent });
    const page = await connect(runtime, "traced");
    expect((await page.receive(3)).map((message) => message.traceparent)).toEqual(Array(3).fill(traceparent));
    await page.close();
  });
});
