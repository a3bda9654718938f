/** What ends an inbox of the SDK for good, what does not, and how its token is renewed, against the real server. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventually, instant } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { Listener, type ListenerOptions, withoutWebSocket } from "../support/listener.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const listeners: Listener[] = [];
afterEach(() => {
  for (const { inbox } of listeners.splice(0)) inbox.close();
});
const listen = (options: Omit<ListenerOptions, "url">): Listener => {
  const listener = new Listener({ url: runtime.url, ...options });
  listeners.push(listener);
  return listener;
};
/**
 * Connected, and with a frame sent: workerd ends a socket that it closes only ten seconds later, where its client has never
 * said anything.
 */
const settled = async (user: string, listener: Listener): Promise<void> => {
  await listener.reaches("open");
  expect((await backend.send(user, { type: "t", data: 0 }, { wait: 5 })).body.status).toBe("delivered");
};
const stopped = async (listener: Listener, from = 0) => (await listener.reaches("stopped", 20_000, from)).error;
/** Sends until `instantMs`, each awaited to its ack; gives the statuses. */
const sendUntil = async (user: string, instantMs: number): Promise<readonly string[]> => {
  const statuses: string[] = [];
  while (Date.now() < instantMs) {
    statuses.push((await backend.send(user, { type: "t", data: statuses.length }, { wait: 10 })).body.status);
    await instant(performance.now() + 50);
  }
  return statuses;
};

test.each([
  ["is none", () => "nonsense", "invalid_token"],
  ["was signed by somebody else", () => mintLocally("ada", { secret: "x".repeat(40) }), "invalid_token"],
  ["has ended", () => mintLocally("ada", { ttlSeconds: -5 }), "token_expired"],
])(
  "[C11] where a token %s, the inbox asks why the handshake was refused, and stops with that",
  async (_, mint, code) => {
    const error = await stopped(listen({ token: await mint() }));
    expect(error).toMatchObject({ code, message: expect.stringMatching(/\w+/) });
  },
);

test("[C11] a function is asked for another token once, and where that is refused too, the inbox stops", async () => {
  let asked = 0;
  const listener = listen({
    token: () => {
      asked += 1;
      return mintLocally("ada", { ttlSeconds: -5 });
    },
  });
  expect(await stopped(listener)).toMatchObject({ code: "token_expired" });
  expect(asked).toBe(2);
  expect(listener.errors).toMatchObject([{ code: "token_expired" }]);
  expect(listener.connections).toEqual([]);
});

test("[C11] over an event stream a refusal is read as it comes", async () => {
  const token = await mintLocally("ada", { ttlSeconds: -5 });
  expect(await stopped(withoutWebSocket(() => listen({ token })))).toMatchObject({ code: "token_expired" });
});

test("[C11] a wrong device stops it: that is a fault of the page", async () => {
  const error = await stopped(listen({ token: () => mintLocally("ada"), device: "no such name" }));
  expect(error).toMatchObject({ code: "invalid_request" });
});

test("[U3, C11] a revocation stops an inbox that has only that token, and `reconnect` is refused as well", async () => {
  const user = "revoked";
  const listener = listen({ token: await mintLocally(user) });
  await settled(user, listener);
  await backend.revoke(user);
  expect(await stopped(listener)).toMatchObject({ code: "token_revoked" });
  const before = listener.statuses.length;
  listener.inbox.reconnect();
  expect(await stopped(listener, before)).toMatchObject({ code: "token_revoked" });
});

test("[U3, C11] after a revocation an inbox that can ask for another token goes on with that, and misses nothing", async () => {
  const user = "revoked-and-back";
  const listener = listen({ token: () => mintLocally(user) });
  await settled(user, listener);
  const before = listener.statuses.length;
  await backend.revoke(user);
  await backend.send(user, { type: "t", data: 1 });
  await listener.reaches("open", undefined, before);
  await listener.has(2);
  expect(listener.data).toEqual([0, 1]);
  expect(listener.connections).toHaveLength(2);
});

test("[D5, C11] the 33rd connection takes the place of the oldest, which stays away until it is wanted", async () => {
  const user = "crowded";
  const token = await mintLocally(user);
  const listener = listen({ token });
  await settled(user, listener);
  const others = await Promise.all(Array.from({ length: 32 }, () => Connection.open(runtime.url, { token })));
  expect(await stopped(listener)).toMatchObject({ code: "replaced_by_newer" });
  expect(listener.connections).toHaveLength(1);
  for (const other of others) await other.close();
  await backend.send(user, { type: "t", data: 1 });
  listener.inbox.reconnect();
  await listener.has(2);
  expect(listener.data).toEqual([0, 1]);
});

test("[C9] tokens are renewed before they end: the connection keeps its name, and every message is acked at once", async () => {
  const user = "renews";
  let asked = 0;
  const listener = listen({
    token: () => {
      asked += 1;
      return mintLocally(user, { ttlSeconds: 2 });
    },
  });
  const { connectionId } = await listener.reaches("open");
  const statuses = await sendUntil(user, Date.now() + 5_000);
  expect(new Set(statuses)).toEqual(new Set(["delivered"]));
  expect(asked).toBeGreaterThanOrEqual(4);
  expect(listener.connections).toEqual([connectionId]);
  expect((await backend.user(user)).body.connections).toMatchObject([{ connection_id: connectionId }]);
  expect(listener.data).toEqual(statuses.map((_, n) => n));
});

test("[C9, C10] over an event stream as well, whose acks then travel with the new token", async () => {
  const user = "renews-events";
  const listener = withoutWebSocket(() => listen({ token: () => mintLocally(user, { ttlSeconds: 2 }) }));
  const { connectionId } = await listener.reaches("open");
  const statuses = await sendUntil(user, Date.now() + 4_000);
  expect(new Set(statuses)).toEqual(new Set(["delivered"]));
  expect(listener.connections).toEqual([connectionId]);
});

test("[C9] a function that gives another user's token for a renewal gets a connection of that user", async () => {
  const [first, second] = ["renews-first", "renews-second"];
  let user = first;
  const listener = listen({ token: () => mintLocally(user, { ttlSeconds: 4 }) });
  await listener.reaches("open");
  await backend.send(second, { type: "t", data: "theirs" });
  user = second;
  await listener.has(1);
  expect(listener.data).toEqual(["theirs"]);
  expect((await backend.user(first)).body.connected).toBe(false);
});

test("[C9, C11] a token alone is not renewed: the inbox stops with its end", async () => {
  const user = "ends";
  const listener = listen({ token: await mintLocally(user, { ttlSeconds: 1 }) });
  await settled(user, listener);
  expect(await stopped(listener)).toMatchObject({ code: "token_expired" });
});

test("[C9] a token that cannot be fetched is told of, and asked for again until it comes", async () => {
  const user = "token-fails";
  let asked = 0;
  const listener = listen({
    token: () => {
      asked += 1;
      if (asked < 3) throw new Error("the app's backend is away");
      return mintLocally(user);
    },
  });
  await listener.reaches("open");
  expect(listener.errors).toMatchObject([{ code: "token_failed" }, { code: "token_failed" }]);
  const waits = listener.statuses.flatMap((status) => (status.state === "waiting" ? [status.cause.code] : []));
  expect(waits).toEqual(["token_failed", "token_failed"]);
  await eventually("it is connected", async () => (await backend.user(user)).body.connected);
});
