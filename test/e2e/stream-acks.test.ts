/** Acks and rejections by POST, of a stream that has no other way, and of a socket (C5, C6, C10). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend, type Reply } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { EventReader } from "../support/event-reader.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

/** A stream that has got `count` messages; their states, in order. */
const streaming = async (user: string, count: number, query: Record<string, string | number> = {}) => {
  const sent: { readonly id: string; readonly seq: number }[] = [];
  for (let n = 0; n < count; n += 1) sent.push((await backend.send(user, { type: "t", data: n })).body);
  const reader = await EventReader.open(runtime.url, user, { query });
  await reader.received(Math.min(count, Number(query.window ?? count)));
  return { reader, sent, seqs: sent.map(({ seq }) => seq) as [number, number, number] };
};
const statuses = async (user: string, sent: readonly { readonly id: string }[]) =>
  (await Promise.all(sent.map(({ id }) => backend.state(user, id)))).map((reply) => reply.body.status);
const cursorOf = async (user: string) => (await backend.user(user)).body.devices[0].cursor;
const said = ({ status, body }: Reply) => [status, body?.code ?? body];

test("[C10, C5] an ack frees the window, delivers, and says how far the connection has come", async () => {
  const user = "acks";
  const { reader, sent, seqs } = await streaming(user, 3, { window: 1 });
  expect(reader.messages).toHaveLength(1);
  for (const [at, seq] of seqs.entries()) {
    await reader.received(at + 1);
    expect(said(await reader.ack(seq))).toEqual([200, { acked_seq: seq, checkpoint: seq }]);
    expect((await statuses(user, sent))[at]).toBe("delivered");
  }
  await reader.caughtUp();
  reader.hangUp();
});

test("[C10, D9] an ack that was answered survives a crash right after it", async () => {
  const own = await startRuntime();
  try {
    const user = "durable";
    const [first, second] = [
      (await new Backend(own.url).send(user, { type: "t" })).body,
      (await new Backend(own.url).send(user, { type: "t" })).body,
    ];
    const reader = await EventReader.open(own.url, user);
    await reader.received(2);
    expect((await reader.ack(first.seq)).status).toBe(200);
    await own.restart();
    const again = await EventReader.open(own.url, user);
    await again.caughtUp();
    expect(again.messages.map((message) => message.seq)).toEqual([second.seq]);
    again.hangUp();
  } finally {
    await own.stop();
  }
});

test("[C10, C5] a checkpoint holds the cursor back, so that a reload begins there; a twin raises it, and an older ack changes nothing", async () => {
  const user = "checkpoints";
  const { reader, seqs } = await streaming(user, 3);
  expect(said(await reader.ack(seqs[2], seqs[0]))).toEqual([200, { acked_seq: seqs[2], checkpoint: seqs[0] }]);
  expect(await cursorOf(user)).toBe(seqs[0]);
  expect(said(await reader.ack(seqs[1]))).toEqual([200, { acked_seq: seqs[2], checkpoint: seqs[0] }]);
  expect(said(await reader.ack(seqs[2], seqs[1]))).toEqual([200, { acked_seq: seqs[2], checkpoint: seqs[1] }]);
  const reload = await EventReader.open(runtime.url, user);
  await reload.caughtUp();
  expect(reload.messages.map((message) => message.seq)).toEqual([seqs[2]]);
  reader.hangUp();
  reload.hangUp();
});

test("[C10, C6] a rejection acks what is before it and makes a dead letter", async () => {
  const user = "rejects";
  const { reader, sent, seqs } = await streaming(user, 2);
  expect(said(await reader.reject(seqs[1], "no such order"))).toEqual([
    200,
    { acked_seq: seqs[1], checkpoint: seqs[1] },
  ]);
  expect(await statuses(user, sent)).toEqual(["delivered", "rejected"]);
  expect((await backend.deadLetters(user)).body.dead_letters).toMatchObject([
    { seq: seqs[1], reason: "rejected", reject_reason: "no such order" },
  ]);
  reader.hangUp();
});

test("[C10, E2] beyond what was sent is 400, says so, changes nothing, and ends no stream", async () => {
  const user = "beyond";
  const { reader, sent, seqs } = await streaming(user, 2, { window: 1 });
  const before = (await backend.user(user)).body;
  for (const reply of [
    await reader.ack(seqs[1]),
    await reader.ack(seqs[0] + 1),
    await reader.ack(Number.MAX_SAFE_INTEGER),
    await reader.reject(seqs[1], "not mine yet"),
  ]) {
    expect(said(reply)).toEqual([400, "invalid_request"]);
    expect(reply.body.detail).toContain(`beyond ${seqs[0]}`);
  }
  const checkpoint = await reader.ack(seqs[0], seqs[0] + 1);
  expect(said(checkpoint)).toEqual([400, "invalid_request"]);
  expect(checkpoint.body.detail).toContain("Checkpoint");
  expect((await backend.user(user)).body).toEqual(before);
  expect(await statuses(user, sent)).toEqual(["queued", "queued"]);
  expect((await reader.ack(seqs[0])).status).toBe(200);
  await reader.received(2);
  reader.hangUp();
});

test("[C10, E2] a body that is no ack is 400 or 415, and says where it is wrong", async () => {
  const { reader, seqs } = await streaming("bodies", 1);
  const bad: readonly (readonly ["ack" | "reject", unknown, string])[] = [
    ["ack", {}, "/seq"],
    ["ack", { seq: "7" }, "/seq"],
    ["ack", { seq: -1 }, "/seq"],
    ["ack", { seq: 1.5 }, "/seq"],
    ["ack", `{"seq":9007199254740993}`, "/seq"],
    ["ack", { seq: seqs[0], checkpoint: null }, "/checkpoint"],
    ["ack", { seq: seqs[0], reason: "x" }, "/reason"],
    ["ack", { type: "ack", seq: seqs[0] }, "/type"],
    ["ack", [], ""],
    ["ack", "{", ""],
    ["ack", "", ""],
    ["reject", { seq: seqs[0] }, "/reason"],
    ["reject", { seq: seqs[0], reason: 7 }, "/reason"],
    ["reject", { seq: seqs[0], reason: "x".repeat(1_001) }, "/reason"],
  ];
  for (const [word, body, pointer] of bad) {
    const reply = await reader.say(word, body);
    expect([body, said(reply)]).toEqual([body, [400, "invalid_request"]]);
    expect([body, reply.body.errors[0].pointer]).toEqual([body, pointer]);
  }
  const path = `/v1/connections/${reader.established.connection_id}/ack`;
  const headers = { "content-type": "text/plain" };
  const own = new Backend(runtime.url, reader.token);
  expect(said(await own.call("POST", path, { seq: 0 }, { headers }))).toEqual([415, "unsupported_media_type"]);
  expect((await reader.reject(seqs[0], "x".repeat(1_000))).status).toBe(200);
  reader.hangUp();
});

test("[C10, A6] only a token of its user, and of its device, speaks for a connection", async () => {
  const user = "owners";
  const { reader, sent, seqs } = await streaming(user, 1, { device: "phone" });
  const path = `/v1/connections/${reader.established.connection_id}/ack`;
  const by = async (token: string | null, at = path) =>
    said(await new Backend(runtime.url, token).call("POST", at, { seq: seqs[0] }));
  const good = await mintLocally(user);
  expect(await by(null)).toEqual([401, "missing_token"]);
  expect(await by("rk_a-key")).toEqual([401, "invalid_token"]);
  expect(await by(await mintLocally(user, { ttlSeconds: -1 }))).toEqual([401, "token_expired"]);
  expect(await by(await mintLocally("somebody-else"))).toEqual([403, "token_mismatch"]);
  expect(await by(await mintLocally(user, { device: "tablet" }))).toEqual([403, "token_mismatch"]);
  expect(await by(good, path.replace(/\.[^/]*/, ".unknown"))).toEqual([404, "unknown_connection"]);
  expect(await by(good, "/v1/connections/nonsense/ack")).toEqual([400, "invalid_request"]);
  expect(await by(good, `${path}?access_token=${await mintLocally("another")}`)).toEqual([
    400,
    "conflicting_credentials",
  ]);
  expect(await by(good, `${path}?seq=1`)).toEqual([400, "invalid_request"]);
  expect(await statuses(user, sent)).toEqual(["queued"]);
  expect((await backend.user("somebody-else")).body.devices).toEqual([]);
  // In the query, as the stream's own may be.
  expect((await by(null, `${path}?access_token=${await mintLocally(user, { device: "phone" })}`))[0]).toBe(200);
  expect(await statuses(user, sent)).toEqual(["delivered"]);
  reader.hangUp();
});

test("[C10, U3] a revoked token acks nothing, and a connection that has ended takes nothing", async () => {
  const user = "revoked";
  const { reader, sent, seqs } = await streaming(user, 1);
  await backend.revoke(user);
  await reader.ended();
  expect(said(await reader.ack(seqs[0]))).toEqual([403, "token_revoked"]);
  const newer = new Backend(runtime.url, await mintLocally(user, { issuedAtMs: Date.now() + 1_000 }));
  const path = `/v1/connections/${reader.established.connection_id}/ack`;
  expect(said(await newer.call("POST", path, { seq: seqs[0] }))).toEqual([404, "unknown_connection"]);
  expect(await statuses(user, sent)).toEqual(["queued"]);
});

test("[C10, S3] a sender's wait ends with an ack by POST", async () => {
  const user = "waited-for";
  const reader = await EventReader.open(runtime.url, user);
  await reader.caughtUp();
  const sending = backend.send(user, { type: "t" }, { wait: 10 });
  const [message] = await reader.received(1);
  expect((await reader.ack(message?.seq)).status).toBe(200);
  expect((await sending).body).toMatchObject({ status: "delivered", sent_to: 1 });
  reader.hangUp();
});

test("[C10] a socket's connection may be acked so, too, more often than its frames may come", async () => {
  const user = "socket";
  const token = await mintLocally(user);
  const socket = await Connection.open(runtime.url, { token });
  const { seq } = (await backend.send(user, { type: "t" })).body;
  await socket.receive(1);
  const own = new Backend(runtime.url, token);
  const path = `/v1/connections/${socket.established.connection_id}/ack`;
  const replies = await Promise.all(Array.from({ length: 150 }, () => own.call("POST", path, { seq })));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  await socket.settle();
  await socket.close();
});

test("[C10, A4] a page of an allowed origin may ack, after its preflight", async () => {
  const dev = await startRuntime({ vars: { ALLOWED_ORIGINS: "https://app.example" } });
  try {
    const headers = { origin: "https://app.example" };
    const reader = await EventReader.open(dev.url, "page", { headers });
    await reader.caughtUp();
    const path = `/v1/connections/${reader.established.connection_id}/ack`;
    const own = new Backend(dev.url, reader.token);
    const preflight = await own.call("OPTIONS", path, undefined, { headers });
    expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([204, "POST"]);
    const acked = await own.call("POST", path, { seq: 0 }, { headers });
    expect([acked.status, acked.headers.get("access-control-allow-origin")]).toEqual([200, "https://app.example"]);
    const evil = await own.call("POST", path, { seq: 0 }, { headers: { origin: "https://evil.example" } });
    expect(said(evil)).toEqual([403, "origin_not_allowed"]);
    reader.hangUp();
  } finally {
    await dev.stop();
  }
});
