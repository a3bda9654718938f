/** `PUT /v1/connections/{connection_id}/token` (C9), through the real Worker and Mailbox. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { instant } from "../proofs/clock.ts";
import { Backend, type Reply } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally, type TokenOptions } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

/** How late the close may follow the token's end. */
const CLOSE_LATE_MS = 10_000;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

/** Between sends that go on for a while, so that the acks stay below their rate and the messages within a window. */
const pace = () => instant(performance.now() + 20);
const prolong = (connectionId: string, token: string | null): Promise<Reply> =>
  new Backend(runtime.url, token).call("PUT", `/v1/connections/${connectionId}/token`);
const open = async (user: string, options: TokenOptions = {}) =>
  Connection.open(runtime.url, { token: await mintLocally(user, options), ack: "each" });
const expiryOf = async (user: string): Promise<number> =>
  Date.parse((await backend.user(user)).body.connections[0]?.token_expires_at);

test("[C9] prolonging keeps the same connection without a pause", async () => {
  const user = "longer";
  const connection = await open(user, { ttlSeconds: 2 });
  const firstEnd = Date.parse(connection.established.expires_at);
  const id = connection.established.connection_id;
  await backend.send(user, { type: "before" }, { wait: 5 });
  const sending = backend.send(user, { type: "during" }, { wait: 5 });
  const reply = await prolong(id, await mintLocally(user, { ttlSeconds: 3_600 }));
  expect(reply.status).toBe(200);
  expect(Date.parse(reply.body.expires_at)).toBeGreaterThan(firstEnd + 3_000_000);
  expect((await sending).body.status).toBe("delivered");
  expect(await expiryOf(user)).toBe(Date.parse(reply.body.expires_at));

  // Beyond the first token's end it is still that connection, with no new confirmation.
  let after = (await backend.send(user, { type: "after" }, { wait: 5 })).body;
  while (Date.parse(after.accepted_at) < firstEnd + 100) {
    await pace();
    after = (await backend.send(user, { type: "after" }, { wait: 5 })).body;
    expect(after).toMatchObject({ status: "delivered", sent_to: 1 });
  }
  await connection.settle();
  expect(connection.frames.filter((f) => f.type === "connection_established")).toHaveLength(1);
  expect((await backend.user(user)).body.connections[0]).toMatchObject({ connection_id: id });
  await connection.close();
});

test("[C9] a shorter token shortens, and once it is over nothing is sent and 4401 follows within 10 s", async () => {
  const user = "shorter";
  const connection = await open(user);
  const reply = await prolong(connection.established.connection_id, await mintLocally(user, { ttlSeconds: 1 }));
  const endsAt = Date.parse(reply.body.expires_at);
  expect(endsAt).toBeLessThan(Date.now() + 1_100);
  const closed = await connection.ended(CLOSE_LATE_MS + 1_500);
  expect(closed).toEqual({ code: 4401, reason: "token_expired" });
  expect(Date.now()).toBeGreaterThanOrEqual(endsAt);
  expect(Date.now()).toBeLessThan(endsAt + CLOSE_LATE_MS);
});

test("[C9] sends around the token's end: none accepted after it reaches the connection, and each waits for the next", async () => {
  const user = "around";
  const connection = await open(user, { ttlSeconds: 0.7 });
  const endsAt = Date.parse(connection.established.expires_at);
  const sent: { readonly seq: number; readonly accepted_at: string; readonly sent_to: number }[] = [];
  while (Date.now() < endsAt + 300) {
    sent.push((await backend.send(user, { type: "t" })).body);
    await pace();
  }
  expect((await connection.ended(CLOSE_LATE_MS)).code).toBe(4401);
  const late = sent.filter((m) => Date.parse(m.accepted_at) >= endsAt);
  const early = sent.filter((m) => Date.parse(m.accepted_at) < endsAt);
  expect(Math.min(late.length, early.length)).toBeGreaterThan(0);
  expect(late.map((m) => m.sent_to)).toEqual(late.map(() => 0));
  expect(connection.messages.map((m) => m.seq)).toEqual(early.map((m) => m.seq));
  const next = await open(user);
  await next.caughtUp();
  // An ack that came after the end was not taken: its message comes again, before those.
  expect(next.messages.map((m) => m.seq).slice(-late.length)).toEqual(late.map((m) => m.seq));
  await next.close();
});

test("[C9] a frame of the client after its token's end is not taken", async () => {
  const user = "late-ack";
  const held = (await backend.send(user, { type: "t" })).body;
  const connection = await Connection.open(runtime.url, { token: await mintLocally(user, { ttlSeconds: 0.5 }) });
  await connection.receive(1);
  const endsAt = Date.parse(connection.established.expires_at);
  await connection.ended(CLOSE_LATE_MS);
  expect(Date.now()).toBeGreaterThanOrEqual(endsAt);
  expect((await backend.state(user, held.id)).body.status).toBe("queued");
});

test("[C9] another user's token, or one of another device, is 403 and changes nothing", async () => {
  const user = "mismatched";
  const connection = await open(user, { device: "phone" });
  const id = connection.established.connection_id;
  const before = await expiryOf(user);
  for (const token of [
    await mintLocally("somebody-else", { ttlSeconds: 7_200 }),
    await mintLocally("somebody-else", { ttlSeconds: 7_200, device: "phone" }),
    await mintLocally(user, { ttlSeconds: 7_200, device: "tablet" }),
  ]) {
    expect(await prolong(id, token)).toMatchObject({ status: 403, body: { code: "token_mismatch" } });
  }
  expect(await expiryOf(user)).toBe(before);
  const unbound = await prolong(id, await mintLocally(user, { ttlSeconds: 7_200 }));
  expect(unbound.status).toBe(200);
  expect(await expiryOf(user)).toBe(Date.parse(unbound.body.expires_at));
  expect((await backend.user("somebody-else")).body.devices).toEqual([]);
  await connection.close();
});

test("[C9, E2] a token that is none, wrong or over changes nothing, and neither does a connection that is none", async () => {
  const user = "invalid";
  const connection = await open(user);
  const id = connection.established.connection_id;
  const before = await expiryOf(user);
  const good = await mintLocally(user, { ttlSeconds: 7_200 });
  const cases: readonly (readonly [string, string | null, number, string])[] = [
    [id, null, 401, "missing_token"],
    [id, "rk_a-key", 401, "invalid_token"],
    [id, `${good.slice(0, -4)}AAAA`, 401, "invalid_token"],
    [id, await mintLocally(user, { secret: "another-secret-of-at-least-32-bytes!" }), 401, "invalid_token"],
    [id, await mintLocally(user, { typ: "JWT" }), 401, "invalid_token"],
    [id, await mintLocally(user, { ttlSeconds: -1 }), 401, "token_expired"],
    ["nonsense", good, 400, "invalid_request"],
    [`${id}%00`, good, 400, "invalid_request"],
    [id.replace(/\..*/, ".unknown"), good, 404, "unknown_connection"],
    [id.toUpperCase(), good, 400, "invalid_request"],
  ];
  for (const [connectionId, token, status, code] of cases) {
    expect(await prolong(connectionId, token)).toMatchObject({ status, body: { code } });
  }
  const twice = await new Backend(runtime.url, good).call("PUT", `/v1/connections/${id}/token?access_token=${good}`);
  expect(twice).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  expect(await expiryOf(user)).toBe(before);
  await connection.settle();
  await connection.close();
  expect(await prolong(id, good)).toMatchObject({ status: 404, body: { code: "unknown_connection" } });
});

test("[C9, U3] a revoked token prolongs nothing, and one issued after the revocation attaches again", async () => {
  const user = "revoked";
  const connection = await open(user);
  const issuedAtMs = Date.now();
  const old = await mintLocally(user, { ttlSeconds: 7_200, issuedAtMs });
  expect((await backend.revoke(user)).status).toBe(200);
  expect(await connection.ended()).toEqual({ code: 4403, reason: "token_revoked" });
  const id = connection.established.connection_id;
  expect(await prolong(id, old)).toMatchObject({ status: 403, body: { code: "token_revoked" } });
  const again = await Connection.open(runtime.url, {
    token: await mintLocally(user, { issuedAtMs: Date.now() + 1_000 }),
  });
  const newId = again.established.connection_id;
  expect(await prolong(newId, old)).toMatchObject({ status: 403, body: { code: "token_revoked" } });
  await again.settle();
  await again.close();
});
