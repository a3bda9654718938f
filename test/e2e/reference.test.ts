/** Every reply of a run through all routes, and every frame of its streams, held to the documents that the service gives of itself. */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import type { DescribedFrames, DescribedHttp, Document } from "../support/described.ts";
import { DescribedService } from "../support/described-service.ts";
import { EventReader } from "../support/event-reader.ts";
import { raw, requestBytes } from "../support/fuzz-http.ts";
import { KEYS } from "../support/fuzz-keys.ts";
import { LiveReader } from "../support/live-reader.ts";
import { Publisher } from "../support/publisher.ts";
import { SECRET } from "../support/receiver.ts";
import type { Runtime } from "../support/runtime.ts";

const faulty = fileURLToPath(new URL("../proofs/faulty-mailbox-worker.mjs", import.meta.url));

let service: DescribedService;
let runtime: Runtime;
let http: DescribedHttp;
let frames: DescribedFrames;
beforeAll(async () => {
  service = await DescribedService.start({ OUTBOX_MAX_MESSAGES: "5" });
  ({ runtime, http, frames } = service);
});
afterAll(() => service?.stop());

const ask: DescribedService["ask"] = (...asked) => service.ask(...asked);
const connect: DescribedService["connect"] = (...whom) => service.connect(...whom);

const USER = "/v1/users/{user}";
const MESSAGES = `${USER}/messages`;
const MESSAGE = `${MESSAGES}/{id}`;
const LETTERS = `${USER}/dead-letters`;
const LETTER = `${LETTERS}/{seq}`;
const CONNECTION = "/v1/connections/{connection_id}";

const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };

const sending = async (): Promise<void> => {
  const message = { type: "order", data: { n: 7 }, id: "order-7", ttl: 3_600, topic: "orders", location: "weur" };
  await ask("POST", MESSAGES, { body: message, headers: trace });
  await ask("POST", MESSAGES, { body: message, headers: { "idempotency-key": "order-7", prefer: "wait=0.01" } });
  await ask("POST", MESSAGES, { body: { ...message, data: 8 } });
  await ask("GET", MESSAGE, { path: { id: "order-7" } });
  await ask("GET", MESSAGE, { path: { id: "nobody's" } });
  await ask("DELETE", MESSAGE, { path: { id: "order-7" } });
  await ask("DELETE", MESSAGE, { path: { id: "order-7" } });
  await ask("DELETE", MESSAGE, { path: { id: "nobody's" } });
  await ask("POST", MESSAGES, { body: { type: "gone", ttl: 0 } });
  for (let n = 0; n < 3; n += 1)
    await ask("POST", MESSAGES, { body: { type: "listed", data: [n] }, query: "?location=weur" });
  expect(await ask("GET", MESSAGES, { query: "?limit=2" })).toHaveProperty("next");
  await ask("GET", MESSAGES, { query: "?after=1&limit=100", credential: KEYS.monitor });

  const batch = [
    { to: "grace", type: "a", id: "a" },
    { to: "grace", type: "b" },
    { to: "alan", type: "c", ttl: 0 },
  ];
  await ask("POST", "/v1/messages", { body: { messages: batch }, headers: trace });
  const many = Array.from({ length: 6 }, (_, n) => ({ to: "full", type: `${n}` }));
  const lines = [...batch, ...many, { to: "" }].map((one) => JSON.stringify(one)).join("\n");
  const { results } = await ask("POST", "/v1/messages", {
    body: lines,
    headers: { "content-type": "application/x-ndjson" },
  });
  expect(new Set(results.map(({ http_status }: Document) => http_status))).toEqual(new Set([200, 202, 400, 429]));
  expect(results[0].replayed).toBe(true);
  await ask("POST", "/v1/messages", { body: { messages: [] } });
  await ask("POST", MESSAGES, { path: { user: "full" }, body: { type: "x" } });
};

const refusals = async (): Promise<void> => {
  for (const [body, type] of [
    ["{", "application/json"],
    ['{"type":1,"more":2}', "application/json"],
    ["{}", "text/plain"],
    [`{"type":"x","data":"${"x".repeat(300_000)}"}`, "application/json"],
  ] as const) {
    await ask("POST", MESSAGES, { body, headers: { "content-type": type } });
  }
  await ask("GET", MESSAGES, { query: "?limit=x" });
  await ask("GET", USER, { path: { user: "\0" } });
  await ask("GET", USER, { credential: null });
  await ask("GET", USER, { credential: "rk_guess" });
  await ask("GET", USER, { credential: KEYS.manage });
  await ask("GET", USER, { credential: `${API_KEY}, Bearer ${API_KEY}` });
};

const publishing = async (): Promise<void> => {
  await ask("GET", `${USER}/publish`);
  const publisher = await Publisher.open(runtime.url, "published");
  http.reply("GET", `${USER}/publish`, { status: 101, headers: new Headers(), body: undefined });
  await publisher.close();
};

const connecting = async (): Promise<void> => {
  const token = await ask("POST", `${USER}/tokens`, { body: { ttl: 60, device: "phone", location: "weur" } });
  await ask("POST", `${USER}/tokens`);
  const phone = await connect("ada", { token: token.token });
  await phone.caughtUp();
  phone.sendText('{"type":"ping"}');
  await eventually("its ping is known", async () => (await ask("GET", USER)).connections[0].pinged_at !== undefined);
  phone.ack();
  const of = { connection_id: phone.established.connection_id };
  await ask("PUT", `${CONNECTION}/token`, { path: of, credential: token.token });
  await ask("PUT", `${CONNECTION}/token`, { path: of, credential: await mintLocally("eve") });
  await ask("PUT", `${CONNECTION}/token`, { path: of, credential: await mintLocally("ada", { ttlSeconds: -1 }) });
  await ask("POST", MESSAGES, { body: { type: "waited-for" }, headers: { prefer: "wait=0.01" } });
  const acked = await ask("POST", MESSAGES, { body: { type: "acked", id: "acked" }, headers: trace });
  await phone.until((frame) => frame.type === "messages" && frame.messages.some(({ seq }) => seq === acked.seq));
  phone.ack(acked.seq);
  await ask("POST", MESSAGES, { body: { type: "acked", id: "acked" }, headers: { prefer: "wait=10" } });
  await ask("DELETE", MESSAGE, { path: { id: "acked" } });

  const reader = await EventReader.open(runtime.url, "ada");
  await reader.caughtUp();
  http.reply("GET", "/v1/events", {
    status: 200,
    headers: new Headers({ "content-type": String(reader.headers["content-type"]) }),
    body: "",
  });
  const events = { connection_id: reader.established.connection_id };
  const credential = await mintLocally("ada");
  const { seq } = await ask("POST", MESSAGES, { body: { type: "by events" } });
  await reader.received(1);
  await ask("POST", `${CONNECTION}/ack`, { path: events, credential, body: { seq: 0, checkpoint: 0 } });
  await ask("POST", `${CONNECTION}/reject`, { path: events, credential, body: { seq, reason: "no such thing" } });
  await ask("POST", `${CONNECTION}/ack`, { path: events, credential, body: { seq: seq + 1 } });
  for (const wrong of [credential, await mintLocally("eve"), null]) {
    const path = { connection_id: `${phone.established.connection_id.split(".")[0]}.gone` };
    await ask("POST", `${CONNECTION}/ack`, { path, credential: wrong, body: { seq: 1 } });
    await ask("POST", `${CONNECTION}/reject`, { path, credential: wrong, body: { seq: 1, reason: "x" } });
  }
  for (const frame of reader.frames) expect(frames.faultOf(frame)).toBeUndefined();
  reader.hangUp();

  await ask("GET", "/v1/socket", { credential });
  await ask("GET", "/v1/socket", { credential: "no token" });
  await ask("GET", "/v1/socket", { credential: token.token, query: "?device=tablet" });
  await ask("GET", "/v1/events", { credential, headers: { origin: "https://evil.example" } });
  await ask("GET", "/v1/events", { credential: null, query: "?access_token=x" });
  http.reply("GET", "/v1/socket", { status: 101, headers: new Headers(), body: undefined });
};

const deadLetters = async (): Promise<void> => {
  const user = { user: "letters" };
  for (const id of ["a", "b", "c"])
    await ask("POST", MESSAGES, { path: user, body: { type: "t", data: id, topic: id, ttl: 0.001 } });
  const rejecting = await connect("letters");
  await ask("POST", MESSAGES, { path: user, body: { type: "odd" } });
  const [odd] = await rejecting.receive(1);
  rejecting.sendText(JSON.stringify({ type: "reject", seq: odd?.seq, reason: "no such order" }));
  await eventually("there are four", async () => (await ask("GET", LETTERS, { path: user })).dead_letters.length === 4);
  const first = await ask("GET", LETTERS, { path: user, query: "?limit=1&reason=expired" });
  const { seq } = first.dead_letters[0];
  await ask("POST", `${LETTER}/requeue`, { path: { ...user, seq }, body: { ttl: 0.001 } });
  await ask("POST", `${LETTER}/requeue`, { path: { ...user, seq } });
  await eventually(
    "it is one again",
    async () => (await ask("GET", LETTERS, { path: user })).dead_letters.at(-1).requeued_from === seq,
  );
  const { dead_letters: left } = await ask("GET", LETTERS, { path: user });
  await ask("DELETE", LETTER, { path: { ...user, seq: left[0].seq } });
  await ask("DELETE", LETTER, { path: { ...user, seq } });
  await ask("POST", `${LETTERS}/requeue`, { path: user, query: "?reason=expired", body: { ttl: 60 } });
  await ask("DELETE", LETTERS, { path: user, query: "?reason=rejected" });
};

/** Who needs a person, what is done about it for all, and a webhook that nobody is at. */
const silence = async (): Promise<void> => {
  const vars = { ENVIRONMENT: "development", WEBHOOK_URL: "http://127.0.0.1:9/", WEBHOOK_SECRET: SECRET };
  const { url } = await service.beside({ vars });
  const user = { user: "silent" };
  const fallback = { after: 0.001 };
  await ask("POST", MESSAGES, { url, path: user, body: { type: "t", id: "escalated", fallback } });
  await ask("POST", MESSAGES, { url, path: user, body: { type: "t", fallback, ttl: 0.001 } });
  const HOOKS = `${USER}/webhooks`;
  await eventually("both were tried", async () => {
    const { webhooks } = await ask("GET", HOOKS, { url, path: user });
    return webhooks.length === 2 && webhooks.every(({ fault }: Document) => fault !== undefined);
  });
  expect(await ask("GET", HOOKS, { url, path: user, query: "?limit=1" })).toHaveProperty("next");
  await ask("POST", `${HOOKS}/retry`, { url, path: user });
  await ask("DELETE", HOOKS, { url, path: user });
  expect(await ask("GET", MESSAGE, { url, path: { ...user, id: "escalated" } })).toHaveProperty("escalated_at");

  const live = await LiveReader.open(url, user.user, { key: KEYS.monitor });
  const type = new Headers({ "content-type": String(live.headers["content-type"]) });
  http.reply("GET", `${USER}/live`, { status: live.status, headers: type, body: "" });
  await ask("GET", `${USER}/live`, { credential: KEYS.send });
  const seen = await Connection.open(url, { token: await mintLocally(user.user), ack: "each" });
  await ask("POST", MESSAGES, { url, path: user, body: { type: "t", topic: "seen" }, headers: { prefer: "wait=10" } });
  await seen.close();
  await live.next("disconnected");
  const validate = http.at("components", "schemas", "LiveFrame");
  for (const frame of [...live.frames, { type: "skipped", count: 1 }]) {
    if (!validate(frame)) http.faults.push(`${JSON.stringify(frame)}: ${JSON.stringify(validate.errors)}`);
  }
  const types = ["accepted", "acked", "connected", "disconnected", "ended", "sent", "state"];
  expect([...new Set(live.frames.map((frame) => frame.type))].toSorted()).toEqual(types);
  live.hangUp();

  await eventually("it is listed", async () => (await ask("GET", "/v1/attention", { url })).total === 1);
  await ask("GET", "/v1/attention", { url, query: "?reason=expired&limit=1", credential: KEYS.monitor });
  const JOB = "/v1/jobs/{job}";
  const all = "/v1/dead-letters";
  const begun = await ask("POST", `${all}/requeue`, { url, query: "?reason=expired", body: { ttl: 60 } });
  const job = { job: begun.id };
  await eventually("it is done", async () => (await ask("GET", JOB, { url, path: job })).status === "done");
  await ask("DELETE", JOB, { url, path: job });
  await ask("DELETE", all, { url, query: "?all=true" });
  await ask("GET", "/v1/jobs", { url });
  for (const method of ["GET", "DELETE"]) await ask(method, JOB, { url, path: { job: crypto.randomUUID() } });
  for (const method of ["POST", "DELETE"])
    await ask(method, method === "POST" ? `${all}/requeue` : all, { url, credential: KEYS.send });
  // Which they are has to be said; and a fallback needs somewhere to go.
  await ask("DELETE", all, { url });
  await ask("POST", MESSAGES, { body: { type: "t", fallback } });
};

/** More devices than there may be, more messages than fit, and the ends that a stream can come to. */
const ends = async (): Promise<void> => {
  for (let n = 0; n < 32; n += 1) await connect("crowd", { token: await mintLocally("crowd", { device: `d${n}` }) });
  await ask("GET", "/v1/events", { credential: await mintLocally("crowd", { device: "one more" }) });
  await ask("GET", "/v1/events", { credential: await mintLocally("crowd"), query: "?device=d32" });

  const faulted = await connect("faulted");
  faulted.sendText("{}");
  await faulted.closed;

  const old = await mintLocally("revoked");
  await ask("DELETE", `${USER}/tokens`, { path: { user: "revoked" } });
  await ask("GET", "/v1/events", { credential: old });
  await ask("DELETE", USER, { path: { user: "revoked" } });
};

const operating = async (): Promise<void> => {
  for (const path of ["/health", "/ready", "/openapi.json", "/asyncapi.json"]) {
    await ask("GET", path, { credential: null });
    await ask("GET", path, { credential: null, query: "?x=1" });
  }
  await ask("GET", "/ready", { credential: KEYS.monitor });
  await ask("GET", "/ready", { credential: KEYS.send });
  for (const credential of [...Object.values(KEYS), "rk_guess", null]) await ask("GET", "/v1/key", { credential });
  await ask("GET", "/v1/key", { query: "?x=1" });
  for (const path of ["/metrics", "/v1/monitor", "/v1/alerts"]) {
    await ask("GET", path, { credential: KEYS.monitor });
    await ask("GET", path, { credential: KEYS.send });
    await ask("GET", path, { query: "?x=1" });
  }
  for (const query of ["?range=15m", "?range=6h", "?range=7d", "?range=1y"]) await ask("GET", "/v1/monitor", { query });
  await ask("GET", "/metrics", { headers: { accept: "application/openmetrics-text" } });
  await ask("GET", "/ready", { credential: "rk_guess" });

  const { url } = await service.beside({ entry: faulty, vars: { FAULT: "send" } });
  await ask("GET", "/ready", { url, credential: null });
  await ask("POST", MESSAGES, { url, body: { type: "x" } });
  const broken = await service.beside({ entry: faulty, vars: { FAULT: "connect" } });
  await ask("GET", "/v1/events", { url: broken.url, credential: await mintLocally("ada") });
  const secretless = await service.beside({ vars: { TOKEN_SECRET: undefined, API_KEY_TEST: "broken" } });
  await ask("POST", `${USER}/tokens`, { url: secretless.url, credential: KEYS.send });
  await ask("GET", "/ready", { url: secretless.url, credential: null });
};

test("[E1] every reply of a run through all routes is as /openapi.json says, down to its fields and headers", async () => {
  await sending();
  await refusals();
  await publishing();
  await connecting();
  await deadLetters();
  await ends();
  await silence();
  await operating();
  expect(http.faults).toEqual([]);

  // What the document promises has been seen: each success of each operation, and each code of the table.
  const promised = Object.entries<Document>(http.document.paths).flatMap(([path, operations]) =>
    Object.entries<Document>(operations).flatMap(([method, { responses }]) =>
      Object.keys(responses)
        .filter((status) => Number(status) < 300)
        .map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  );
  expect(promised.filter((reply) => !http.seen.has(reply))).toEqual([]);
  const codes = new Set([...http.seen].flatMap((reply) => /[a-z_]+$/.exec(reply) ?? []));
  const { enum: all } = http.document.components.schemas.Problem.properties.code;
  // No route answers the first two; the last two are a platform's in trouble.
  const unseen = ["not_found", "method_not_allowed", "overloaded", "unavailable"];
  expect(all.filter((code: string) => !codes.has(code))).toEqual(unseen);
});

test("[E2] a Host that names none is a bad request of /asyncapi.json, which has to say where it is reached", async () => {
  for (const headers of [["Host: other"], ["Host: a b"]]) {
    const reply = await raw(runtime.port, requestBytes("GET", "/asyncapi.json", { headers }));
    expect([reply.status, reply.code]).toEqual([400, "invalid_request"]);
  }
  expect(runtime.logs).not.toContain('"level":"error"');
});

test("[P1, P2] every frame of a publisher's socket is as /asyncapi.json says, and each that it has was there", async () => {
  const publisher = await Publisher.open(runtime.url, "published");
  const messages = [
    { type: "delta", data: "Once ", topic: "run-7", append: true, ttl: 60, id: "d-1" },
    { type: "", wait: 1 },
  ];
  expect(frames.faultOf({ type: "publish", ref: 1, messages: messages.slice(0, 1) } as never)).toBeUndefined();
  await publisher.publish(messages);
  publisher.send({ type: "ping" });
  publisher.send("nothing");
  await publisher.closed;
  expect(publisher.frames.flatMap((frame) => frames.faultOf(frame) ?? [])).toEqual([]);
  expect(new Set(publisher.frames.map(({ type }) => type))).toEqual(new Set(frames.typesOf("toPublisher")));
});

test("[C1] every frame of its streams is as /asyncapi.json says, and each that it has was there", async () => {
  // A gap needs a known device, and a message that ended without it.
  const away = await connect("away");
  await away.close();
  await ask("POST", MESSAGES, { path: { user: "away" }, body: { type: "over", ttl: 0.001 } });
  const back = await connect("away");
  await back.next("gap");
  await back.caughtUp();
  back.sendText('{"type":"ping"}');
  await back.next("pong");

  const seen = service.streams.flatMap((connection) => connection.frames);
  expect(seen.flatMap((frame) => frames.faultOf(frame) ?? [])).toEqual([]);
  expect(new Set(seen.map(({ type }) => type))).toEqual(new Set(frames.typesOf("toClient")));
  expect(seen.some((frame) => frame.type === "messages" && frame.messages.some((m) => "traceparent" in m))).toBe(true);
  await Promise.all(service.streams.map((connection) => connection.close()));
});
