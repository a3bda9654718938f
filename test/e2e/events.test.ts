/** `GET /v1/events` (C10): what the stream says, how it ends, and what stands behind it. */
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { mailboxesInMemory } from "../proofs/process-facts.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { EventReader } from "../support/event-reader.ts";
import { raw, requestBytes } from "../support/fuzz-http.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { projectDir } from "../support/worker-config.ts";

const HEARTBEAT_MS = 300;
/** C9: the close may follow so late. */
const CLOSE_LATE_MS = 12_000;
/** As a browser waits where nothing says otherwise, and far more than that. */
const SOON_MS = 5_000;
const FAR_OFF_MS = 3_600_000;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ vars: { HEARTBEAT_MS: String(HEARTBEAT_MS), ENVIRONMENT: "development" } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const open = (user: string, options = {}) => EventReader.open(runtime.url, user, options);
const connections = async (user: string) => (await backend.user(user)).body.connections;

test("[C10, C1, C2, C3] what waited comes as events with the frames of a socket, and live messages after it", async () => {
  const user = "stream";
  const texts = ["line\nbreak\r\nand \u2028 and ü ✓ 📬", "data: x\n\nevent: y", "x".repeat(100_000)];
  for (const data of texts) await backend.send(user, { type: "t", data });
  const reader = await (await open(user)).caughtUp();
  expect(reader.headers).toMatchObject({
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
  });
  expect(reader.messages.map((message) => message.data)).toEqual(texts);
  expect(reader.established).toMatchObject({ user, device: "default", pending: 3, heartbeat_ms: HEARTBEAT_MS });

  // Frames read as on a socket of the same user.
  const socket = await Connection.open(runtime.url, { token: await mintLocally(user), device: "socket" });
  await socket.caughtUp();
  expect(reader.frames.slice(1)).toEqual(socket.frames.slice(1));
  const live = (await backend.send(user, { type: "live" })).body;
  expect((await reader.received(4)).at(-1)).toMatchObject({ seq: live.seq, type: "live" });
  await socket.close();
  reader.hangUp();
});

test("[C10] id is the last seq on messages, gap and caught_up, and no other frame touches it", async () => {
  const user = "ids";
  await (await Connection.open(runtime.url, { token: await mintLocally(user) })).close();
  await backend.send(user, { type: "over", ttl: 0.001 });
  const kept = (await backend.send(user, { type: "kept" })).body;
  const reader = await (await open(user)).caughtUp();
  const gap = reader.frames.find((frame) => frame.type === "gap");
  expect(reader.events.map(({ event, lastId }) => [event, lastId])).toEqual([
    ["connection_established", ""],
    ["gap", String(gap?.seq)],
    ["messages", String(kept.seq)],
    ["caught_up", String(kept.seq)],
  ]);
  reader.hangUp();
});

test("[C10] the device, the window, after and a token in the header are as on a socket", async () => {
  const user = "query";
  const seqs: number[] = [];
  for (let n = 0; n < 5; n += 1) seqs.push((await backend.send(user, { type: "t" })).body.seq);
  const query = { device: "phone", window: 2, after: seqs[0] as number, attempt: 3, connect_ms: 12.5 };
  const reader = await open(user, { tokenBy: "header", query });
  await reader.received(2);
  expect(reader.established).toMatchObject({ device: "phone", window: 2, cursor: seqs[0], pending: 4 });
  expect((await connections(user))[0]).toMatchObject({ device: "phone", in_flight: 2, acked_seq: seqs[0] });
  reader.hangUp();
});

test("[C10] Last-Event-ID is after, acks as that does, and goes before the URL's, which an EventSource repeats", async () => {
  const user = "last-event-id";
  const sent: { readonly seq: number; readonly id: string }[] = [];
  for (let n = 0; n < 3; n += 1) sent.push((await backend.send(user, { type: "t" })).body);
  const [first, second, third] = sent as [(typeof sent)[0], (typeof sent)[0], (typeof sent)[0]];
  const headers = { "last-event-id": String(second.seq) };
  const reader = await (await open(user, { query: { after: first.seq }, headers })).caughtUp();
  expect(reader.established.cursor).toBe(second.seq);
  expect(reader.messages.map((message) => message.seq)).toEqual([third.seq]);
  const status = async (id: string) => (await backend.state(user, id)).body.status;
  expect([await status(first.id), await status(second.id), await status(third.id)]).toEqual([
    ...["delivered", "delivered", "queued"],
  ]);
  // Empty is what some clients send who have seen none.
  const fresh = await open(user, { query: { device: "fresh" }, headers: { "last-event-id": "" } });
  await fresh.caughtUp();
  reader.hangUp();
  fresh.hangUp();
});

test("[C10, C8] it pings its Mailbox while it is read, forwards no pong, and says in comments that it lives", async () => {
  const user = "heartbeat";
  const reader = await (await open(user)).caughtUp();
  await reader.until("three comments", () => (reader.comments >= 3 ? true : undefined));
  const [connection] = await connections(user);
  expect(Date.parse(connection.pinged_at)).toBeGreaterThan(Date.parse(connection.opened_at));
  expect(reader.frames.map((frame) => frame.type)).toEqual(["connection_established", "caught_up"]);
  expect((await backend.send(user, { type: "t" })).body.sent_to).toBe(1);
  await reader.received(1);
  reader.hangUp();
});

test("[C10] the first reconnection time is soon, and not the same for all", async () => {
  const readers = await Promise.all(Array.from({ length: 6 }, () => open("retry")));
  const retries = await Promise.all(readers.map((reader) => reader.until("retry", () => reader.retryMs)));
  for (const ms of retries) expect(ms).toBeGreaterThanOrEqual(1_000);
  for (const ms of retries) expect(ms).toBeLessThanOrEqual(SOON_MS);
  expect(new Set(retries).size).toBeGreaterThan(1);
  for (const reader of readers) reader.hangUp();
});

test("[C10, S13] a reader that hangs up frees its connection at once", async () => {
  const user = "hangs-up";
  const reader = await (await open(user)).caughtUp();
  expect(await connections(user)).toHaveLength(1);
  reader.hangUp();
  await eventually("it is gone", async () => (await connections(user)).length === 0, HEARTBEAT_MS);
});

test("[C10] HEAD says what GET would, and attaches nothing", async () => {
  const user = "head";
  const token = await mintLocally(user);
  const head = await raw(runtime.port, requestBytes("HEAD", `/v1/events?access_token=${token}`));
  expect([head.status, head.headers["content-type"], head.text]).toEqual([200, "text/event-stream", ""]);
  const refused = await raw(runtime.port, requestBytes("HEAD", "/v1/events"));
  expect(refused.status).toBe(401);
  expect((await backend.user(user)).body.devices).toEqual([]);
});

test("[C10, A4] a page of an allowed origin may read it, one of another not", async () => {
  const origin = "http://localhost:5173";
  const reader = await open("cors", { headers: { origin } });
  expect(reader.headers["access-control-allow-origin"]).toBe(origin);
  reader.hangUp();
  const token = await mintLocally("cors-refused");
  const headers = ["Origin: https://evil.example"];
  const refused = await raw(runtime.port, requestBytes("GET", `/v1/events?access_token=${token}`, { headers }));
  expect([refused.status, refused.code]).toEqual([403, "origin_not_allowed"]);
  expect((await backend.user("cors-refused")).body.devices).toEqual([]);
});

test("[C10, E1] who is refused gets a problem, and no stream", async () => {
  const user = "refused";
  const token = await mintLocally(user, { device: "phone" });
  const cases: readonly (readonly [string, readonly string[], number, string])[] = [
    ["", [], 401, "missing_token"],
    ["?access_token=x", [], 401, "invalid_token"],
    [`?access_token=${await mintLocally(user, { ttlSeconds: -1 })}`, [], 401, "token_expired"],
    [`?access_token=${token}`, [`Authorization: Bearer ${await mintLocally(user)}`], 400, "conflicting_credentials"],
    [`?access_token=${token}&device=tablet`, [], 403, "token_mismatch"],
    [`?access_token=${token}&after=x`, [], 400, "invalid_request"],
    [`?access_token=${token}&window=0`, [], 400, "invalid_request"],
    [`?access_token=${token}&lastEventId=7`, [], 400, "invalid_request"],
    [`?access_token=${token}`, ["Last-Event-ID: x"], 400, "invalid_request"],
    [`?access_token=${token}`, ["Last-Event-ID: 9007199254740992"], 400, "invalid_request"],
  ];
  for (const [query, headers, status, code] of cases) {
    const reply = await raw(runtime.port, requestBytes("GET", `/v1/events${query}`, { headers }));
    expect([query.slice(0, 20), headers, reply.status, reply.code]).toEqual([
      query.slice(0, 20),
      headers,
      status,
      code,
    ]);
    expect(reply.headers["content-type"]).toBe("application/problem+json");
  }
  expect((await backend.user(user)).body.devices).toEqual([]);
  await backend.revoke(user);
  const revoked = await raw(runtime.port, requestBytes("GET", `/v1/events?access_token=${token}`));
  expect([revoked.status, revoked.code]).toEqual([403, "token_revoked"]);
});

test("[C10, C9] a token's end is event: close with 4401, and retry: far off; a new token prolongs as on a socket", async () => {
  const user = "expires";
  const reader = await open(user, { token: await mintLocally(user, { ttlSeconds: 1 }) });
  expect(await reader.ended(CLOSE_LATE_MS)).toMatchObject({ code: 4401, reason: "token_expired" });
  expect(reader.retryMs).toBeGreaterThan(FAR_OFF_MS);

  const prolonged = await (await open(user, { token: await mintLocally(user, { ttlSeconds: 60 }) })).caughtUp();
  const path = `/v1/connections/${prolonged.established.connection_id}/token`;
  const next = new Backend(runtime.url, await mintLocally(user, { ttlSeconds: 3_600 }));
  expect((await next.call("PUT", path)).status).toBe(200);
  expect(Date.parse((await connections(user))[0].token_expires_at)).toBeGreaterThan(Date.now() + 3_000_000);
  prolonged.hangUp();
});

test("[C10, U3, U4] a revoked token and an erased user end it with 4403, far off", async () => {
  for (const [user, order] of [
    ["revoked", () => backend.revoke("revoked")],
    ["erased", () => backend.erase("erased")],
  ] as const) {
    const reader = await (await open(user)).caughtUp();
    await order();
    const end = await reader.ended();
    expect(end).toMatchObject({ code: 4403, reason: user === "revoked" ? "token_revoked" : "erased" });
    expect(end.retryMs).toBeGreaterThan(FAR_OFF_MS);
  }
});

test("[C10, D5] one that a newer connection has replaced stays away, and is told so", async () => {
  const user = "replaced";
  const first = await (await open(user)).caughtUp();
  const others = await Promise.all(Array.from({ length: 32 }, () => open(user)));
  const ends = await Promise.race([first, ...others].map((reader) => reader.ended()));
  expect(ends).toMatchObject({ code: 4409, reason: "replaced_by_newer" });
  expect(ends.retryMs).toBeGreaterThan(FAR_OFF_MS);
  for (const reader of others) reader.hangUp();
});

test("[C10, C11] a Mailbox that is lost ends it with 1006, soon, and who comes back gets all that it has not acked", async () => {
  const own = await startRuntime({ entry: join(projectDir, "test/proofs/breakable-worker.mjs") });
  try {
    const user = "lost";
    await new Backend(own.url).send(user, { type: "t" });
    const reader = await (await EventReader.open(own.url, user)).caughtUp();
    await fetch(`${own.url}/test/reset/${user}`, { method: "POST" });
    const end = await reader.ended();
    expect(end).toMatchObject({ code: 1006, reason: "" });
    expect(end.retryMs).toBeLessThanOrEqual(SOON_MS);
    const again = await (await EventReader.open(own.url, user)).caughtUp();
    expect(again.messages).toEqual(reader.messages);
    again.hangUp();
  } finally {
    await own.stop();
  }
});

test("[C10, D8] its Mailbox sleeps behind it, through its pings, and wakes to send", async () => {
  const own = await startRuntime({ vars: { HEARTBEAT_MS: String(HEARTBEAT_MS) } });
  try {
    const user = "sleeps";
    const reader = await (await EventReader.open(own.url, user)).caughtUp();
    await eventually("the object is evicted", () => mailboxesInMemory(own.pid) === 0, 25_000);
    const beats = reader.comments;
    await reader.until("two more", () => (reader.comments >= beats + 2 ? true : undefined));
    expect(mailboxesInMemory(own.pid)).toBe(0);
    expect((await new Backend(own.url).send(user, { type: "t" })).body).toMatchObject({ sent_to: 1 });
    await reader.received(1);
    expect(await reader.ack()).toMatchObject({ status: 200 });
    reader.hangUp();
  } finally {
    await own.stop();
  }
}, 60_000);
