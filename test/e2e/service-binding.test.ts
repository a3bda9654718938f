/** Another Worker of the account sends by RPC (S11): two Workers in one workerd, as two deployments are, and a user's real socket. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { defaultVars, mintLocally } from "../support/credentials.ts";
import { type Runtime, type RuntimeOptions, startRuntime } from "../support/runtime.ts";

const worker = (name: string): string => fileURLToPath(new URL(`./bound-workers/${name}.ts`, import.meta.url));

const running: Runtime[] = [];
const start = async (bound: string, options: RuntimeOptions = {}): Promise<Runtime> => {
  const runtime = await startRuntime({ bound: worker(bound), ...options });
  running.push(runtime);
  return runtime;
};
afterAll(() => Promise.all(running.map((runtime) => runtime.stop())));

const connect = async (runtime: Runtime, user: string): Promise<Connection> =>
  Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });

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

interface Probe {
  readonly by: "rpc" | "sdk";
  readonly method: string;
  readonly args: readonly unknown[];
  /** Stands for every "<here>" in the arguments; see bound-workers/probe.ts. */
  readonly here?: string;
  readonly signal?: AbortSignal;
}
// biome-ignore lint/suspicious/noExplicitAny: the shape of an answer is for its test to assert
type Told = { readonly value?: any; readonly error?: any; readonly thrown?: string };

const probe = async (runtime: Runtime, { signal, ...asked }: Probe): Promise<Told> => {
  const init = { method: "POST", body: JSON.stringify(asked), ...(signal === undefined ? {} : { signal }) };
  return (await fetch(runtime.boundUrl, init)).json() as Promise<Told>;
};

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

  test.each([
    ["attention", [{ reason: "sad" }], "invalid_request"],
    ["attention", [{ after: 7 }], "invalid_request"],
    ["requeueAll", [], "invalid_request"],
    ["requeueAll", [{}], "invalid_request"],
    ["requeueAll", [{ since: "02:10" }], "invalid_request"],
    ["requeueAll", [{ since: 7 }], "invalid_request"],
    ["requeueAll", [{ all: true }, { ttl: 0 }], "invalid_request"],
    ["discardAll", [{ all: false }], "invalid_request"],
    ["job", ["../health"], "invalid_request"],
    ["job", ["6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11"], "unknown_job"],
    ["stopJob", [7], "invalid_request"],
    ["webhooks", ["..", {}], "invalid_user"],
    ["monitor", [{ range: "1d" }], "invalid_request"],
    ["send", ["..", { type: "t" }], "invalid_user"],
    ["send", [7, { type: "t" }], "invalid_user"],
    ["send", ["a\u0000b", { type: "t" }], "invalid_user"],
    ["send", [], "invalid_request"],
    ["send", ["ada"], "invalid_request"],
    ["send", ["ada", null], "invalid_request"],
    ["send", ["ada", []], "invalid_request"],
    ["send", ["ada", "text"], "invalid_request"],
    ["send", ["ada", { type: "t", colour: 1 }], "invalid_request"],
    ["send", ["ada", { type: "t" }, { wait: "10" }], "invalid_request"],
    ["send", ["ada", { type: "t" }, { wait: -1 }], "invalid_request"],
    ["send", ["ada", { type: "t" }, { patience: 1 }], "invalid_request"],
    ["send", ["ada", { type: "t", data: 2 ** 60 }], "invalid_request"],
    ["send", ["ada", { type: "t", data: "x".repeat(300_000) }], "message_too_large"],
    ["message", ["ada", ".."], "invalid_request"],
    ["message", ["ada", 7], "invalid_request"],
    ["message", ["ada", "never"], "unknown_message"],
    ["recall", ["ada"], "invalid_request"],
    ["held", ["ada", { limit: 0 }], "invalid_request"],
    ["held", ["ada", { after: "1" }], "invalid_request"],
    ["requeue", ["ada"], "invalid_request"],
    ["requeue", ["ada", { all: false }], "invalid_request"],
    ["requeue", ["ada", { seq: 1, all: true }], "invalid_request"],
    ["requeue", ["ada", { seq: 1 }], "unknown_dead_letter"],
    ["discard", ["ada", { reason: "boredom" }], "invalid_request"],
    ["mintToken", ["ada", { device: "ü" }], "invalid_request"],
    ["state", ["ada", { location: "moon" }], "invalid_request"],
  ])("[S11, E2] %s with %j is %s: a problem, and no exception", async (method, args, code) => {
    const told = await probe(runtime, { by: "rpc", method, args });
    expect(told.value).toMatchObject({ code, retry: "no", detail: expect.any(String) });
    expect(told.value.http_status).toBe(told.value.status);
  });

  test.each([
    ["undefined", {}],
    ["date", { a: "1970-01-01T00:00:00.000Z" }],
  ])("[S11] %s in a message becomes what JSON makes of it", async (here, expected) => {
    const user = `clone ${here}`;
    await probe(runtime, { by: "rpc", method: "send", args: [user, { type: "t", data: { a: "<here>" } }], here });
    expect((await backend.list(user)).body.messages).toMatchObject([{ data: expected }]);
    expect((await backend.list(user)).body.messages[0].data).toEqual(expected);
  });

  test.each([
    "nan",
    "infinity",
    "bigint",
    "invalidDate",
    "map",
    "set",
    "bytes",
    "regexp",
    "error",
    "cycle",
    "hole",
    "callback",
    "deep",
  ])("[S11, E2] %s in a message, which JSON cannot hold as it is, is refused with its place", async (here) => {
    const args = [`clone ${here}`, { type: "t", data: { a: "<here>" } }];
    const told = await probe(runtime, { by: "rpc", method: "send", args, here });
    expect(told.value).toMatchObject({ code: "invalid_request", http_status: 400 });
    expect(told.value.errors[0].pointer).toMatch(/^\/data\/a/);
    // As the message itself, and as the options.
    for (const args of [
      ["ada", "<here>"],
      ["ada", { type: "t" }, "<here>"],
    ]) {
      const told = await probe(runtime, { by: "rpc", method: "send", args, here });
      expect(told.value).toMatchObject({ code: "invalid_request", http_status: 400 });
    }
    expect((await backend.list(`clone ${here}`)).body.messages).toEqual([]);
  });

  test.each(["bomb", "large"])(
    "[S11, E2] %s is more than a message may be, and is seen to be so at once",
    async (here) => {
      for (const args of [
        ["ada", { type: "t", data: "<here>" }],
        ["ada", "<here>"],
      ]) {
        const told = await probe(runtime, { by: "rpc", method: "send", args, here });
        expect(told.value).toMatchObject({ code: "message_too_large", http_status: 413 });
      }
    },
  );

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

  test("[S11, E1] the SDK's errors are the same as over HTTP, and its own", async () => {
    expect((await sdk("send", "err", { type: "t", data: "x".repeat(300_000) })).error).toMatchObject({
      name: "SendError",
      code: "message_too_large",
      status: 413,
      attempts: 1,
    });
    // The app's own objects go as `JSON.stringify` writes them, as they do over HTTP.
    const args = ["err", { type: "t", data: { a: "<here>" } }];
    const cycle = await probe(runtime, { by: "sdk", method: "send", args, here: "cycle" });
    expect(cycle.error).toMatchObject({ code: "invalid_request", retry: "no" });
    expect((await probe(runtime, { by: "sdk", method: "send", args, here: "instance" })).value).toMatchObject({
      status: "queued",
    });
    expect((await backend.list("err")).body.messages).toMatchObject([{ data: { a: { secret: 1 } } }]);
  });
});

describe("[S11, A5] a deployment that is not well configured", () => {
  test("[S11, A5] lets nobody in with a malformed setting, and names it", async () => {
    const runtime = await start("probe", { vars: { ACK_TIMEOUT_MS: "soon" } });
    const { value } = await probe(runtime, { by: "rpc", method: "send", args: ["ada", { type: "t" }] });
    expect(value).toMatchObject({ code: "not_configured", http_status: 503, retry_after: expect.any(Number) });
    expect(value.detail).toContain("ACK_TIMEOUT_MS");
    const { error } = await probe(runtime, { by: "sdk", method: "ready", args: [{ timeoutMs: 500 }] });
    expect(error).toMatchObject({ code: "not_configured" });
  });

  test("[S11, O2] whose entry point lacks the methods is said to, and is not asked again", async () => {
    const runtime = await start("probe", { entry: worker("without-methods") });
    const { error } = await probe(runtime, { by: "sdk", method: "send", args: ["ada", { type: "t" }] });
    expect(error).toMatchObject({ code: "foreign_reply", retry: "no", attempts: 1 });
    expect(error.detail).toMatch(/`entrypoint` in wrangler.toml must be "Sender"/);
  });

  test("[S11, A1] needs no API key; what needs a secret says which", async () => {
    const vars = Object.fromEntries(Object.keys(defaultVars).map((name) => [name, undefined]));
    const runtime = await start("probe", { vars });
    const sent = await probe(runtime, { by: "rpc", method: "send", args: ["ada", { type: "t" }] });
    expect(sent.value).toMatchObject({ status: "queued" });
    const { value } = await probe(runtime, { by: "rpc", method: "mintToken", args: ["ada"] });
    expect(value).toMatchObject({ code: "not_configured", http_status: 503 });
    expect(value.detail).toContain("TOKEN_SECRET");
  });
});
