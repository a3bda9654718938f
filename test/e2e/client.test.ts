/** `restante/client` in Node, against the real server: what it keeps across connections, and what it makes of what a server says. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { FaultyProxy } from "../proofs/faulty-proxy.ts";
import { Backend } from "../support/backend.ts";
import { mintLocally } from "../support/credentials.ts";
import { Listener, type ListenerOptions, withoutWebSocket } from "../support/listener.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
let proxy: FaultyProxy;
beforeAll(async () => {
  // An event stream that was hung up on is noticed with its next heartbeat.
  runtime = await startRuntime({ vars: { HEARTBEAT_MS: "2000" } });
  backend = new Backend(runtime.url);
  proxy = await FaultyProxy.start(runtime.port);
});
afterAll(async () => {
  proxy?.stop();
  await runtime?.stop();
});
afterEach(() => {
  for (const { inbox } of listeners.splice(0)) inbox.close();
  vi.unstubAllGlobals();
});

const listeners: Listener[] = [];
/** Through the proxy, so that it can be cut off. */
const listen = (user: string, options: Partial<ListenerOptions> = {}): Listener => {
  const listener = new Listener({ url: proxy.url, token: () => mintLocally(user), ...options });
  listeners.push(listener);
  return listener;
};
const send = async (user: string, data: unknown, more: object = {}) =>
  (await backend.send(user, { type: "t", data, ...more })).body;
const stateOf = async (user: string, { id }: { id: string }) => (await backend.state(user, id)).body;
const cursorOf = async (user: string) => (await backend.user(user)).body.devices[0]?.cursor;
/** Cuts the connection, and waits for the next. */
const reconnected = async (listener: Listener): Promise<void> => {
  const before = listener.statuses.length;
  proxy.cut("reset");
  await listener.reaches("open", undefined, before);
};

test("[S3, C5] what waited and what is sent live is acked at once when its handler is done, so that a sender who waits has its answer", async () => {
  const user = "live";
  await send(user, 1);
  const listener = listen(user);
  const { connectMs, device } = await listener.reaches("open");
  expect(connectMs).toBeLessThan(5_000);
  expect(device).toBe("default");
  const from = performance.now();
  const reply = await backend.send(user, { type: "t", data: 2 }, { wait: 10 });
  expect(reply).toMatchObject({ status: 200, body: { status: "delivered" } });
  expect(performance.now() - from).toBeLessThan(1_000);
  expect(listener.data).toEqual([1, 2]);
});

test("[C5] a handler that closes the inbox has its message acked", async () => {
  const user = "closes-itself";
  const listener = listen(user, { onMessage: () => listener.inbox.close() });
  await listener.reaches("open");
  const [first, second] = [await send(user, 1), await send(user, 2)];
  await eventually("the first is acked", async () => (await stateOf(user, first)).status === "delivered");
  expect(await stateOf(user, second)).toMatchObject({ status: "queued" });
  expect(listener.data).toEqual([1]);
});

test("[D3] an entry whose handler runs across a reconnect is not handed over again, and is acked on the new connection", async () => {
  const user = "slow-handler";
  const done = Promise.withResolvers<void>();
  const listener = listen(user, { onMessage: ({ data }) => (data === 1 ? done.promise : undefined) });
  const first = await send(user, 1);
  await send(user, 2);
  await listener.has(1);
  await reconnected(listener);
  expect(listener.data).toEqual([1]);
  done.resolve();
  await listener.has(2);
  await eventually("it is acked", async () => (await stateOf(user, first)).status === "delivered");
  expect(listener.data).toEqual([1, 2]);
});

/** As browsers have it: its items are its own properties. */
class FakeStorage {
  [key: string]: unknown;
  getItem(key: string): unknown {
    return Object.hasOwn(this, key) ? this[key] : null;
  }
  setItem(key: string, value: unknown): void {
    this[key] = String(value);
  }
  removeItem(key: string): void {
    delete this[key];
  }
}

test("[D5] where there is storage a reload is the same device, and continues where it was", async () => {
  const user = "reloads";
  vi.stubGlobal("localStorage", new FakeStorage());
  const first = listen(user);
  const { device } = await first.reaches("open");
  expect(device).not.toBe("default");
  await backend.send(user, { type: "t", data: 1 }, { wait: 5 });
  first.inbox.close();
  await send(user, 2);
  const second = listen(user);
  expect((await second.reaches("open")).device).toBe(device);
  await second.has(1);
  expect(second.data).toEqual([2]);
  expect((await backend.user(user)).body.devices).toMatchObject([{ device }]);
});

test("[D5] a token's device goes before the page's own", async () => {
  const user = "bound";
  const listener = listen(user, { token: () => mintLocally(user, { device: "phone" }), device: "tablet" });
  expect((await listener.reaches("open")).device).toBe("phone");
});

test("[A6, D3] where the token is another user's after a reconnect, nothing of the first one's memory acks or drops what the second has", async () => {
  const [first, second] = ["first-user", "second-user"];
  // Sent sooner, so that their seqs are below all that the other user has processed; and with the same ids.
  const theirs = [await send(second, "b1", { id: "order-1" }), await send(second, "b2", { id: "order-2" })];
  let user = first;
  const done = Promise.withResolvers<void>();
  const listener = listen(first, {
    token: () => mintLocally(user),
    onMessage: ({ data }) => (data === "a2" ? done.promise : undefined),
  });
  await send(first, "a1", { id: "order-1" });
  await send(first, "a2", { id: "order-2" });
  await listener.has(2);
  user = second;
  const before = listener.statuses.length;
  // The renewed token is refused for this connection (C9), or the old one's end closes it: here, a revocation.
  await backend.revoke(first);
  await listener.reaches("open", undefined, before);
  done.resolve();
  await listener.has(4);
  expect(listener.data).toEqual(["a1", "a2", "b1", "b2"]);
  for (const message of theirs) {
    await eventually("it is acked", async () => (await stateOf(second, message)).status === "delivered");
  }
});

test('[C5] with `checkpoints: "manual"` a reconnect repeats nothing, and a reload gets all that lies above the checkpoint', async () => {
  const user = "checkpoints";
  const listener = listen(user, { checkpoints: "manual" });
  await listener.reaches("open");
  const { seq } = await send(user, 1);
  for (const n of [2, 3]) {
    expect((await backend.send(user, { type: "t", data: n }, { wait: 5 })).body.status).toBe("delivered");
  }
  expect(await cursorOf(user)).toBeLessThan(seq);
  listener.inbox.checkpoint(seq);
  await eventually("the cursor moves", async () => (await cursorOf(user)) === seq);
  await reconnected(listener);
  expect((await backend.send(user, { type: "t", data: 4 }, { wait: 5 })).body.status).toBe("delivered");
  expect(listener.data).toEqual([1, 2, 3, 4]);
  listener.inbox.close();
  const reloaded = listen(user, { checkpoints: "manual" });
  await reloaded.has(3);
  expect(reloaded.data).toEqual([2, 3, 4]);
});

test("[D3, C3] of a text that is streamed a reconnect repeats nothing, whether it waits for its checkpoint or its handler", async () => {
  const user = "streamed";
  const delta = (data: string) => backend.send(user, { type: "delta", data, topic: "run", append: true });
  const held: (() => void)[] = [];
  const slow = listen(user, { onMessage: () => new Promise<void>((done) => held.push(done)) });
  const page = listen(user, { device: "page", checkpoints: "manual" });
  await slow.reaches("open");
  await page.reaches("open");
  for (const data of ["a", "b", "c"]) await delta(data);
  await page.has(3);
  await slow.has(1);
  proxy.cut("reset");
  await eventually("both are gone", async () => !(await backend.user(user)).body.connected);
  for (const data of ["d", "e"]) await delta(data);
  await page.has(4);
  await eventually("the slow one is through", () => {
    held.shift()?.();
    return slow.data.join("").length >= 5;
  });
  expect(page.data).toEqual(["a", "b", "c", "de"]);
  expect(slow.data).toEqual(["a", "b", "c", "de"]);
});

/** Its handler fails for good while there is no connection; then there is one again. */
const failAway = async (listener: Listener, failing: PromiseWithResolvers<void>): Promise<void> => {
  proxy.refuse();
  proxy.cut("reset");
  failing.reject(new Error("the app's backend is away, as everything is"));
  await eventually("it has failed", () => listener.errors.length === 1);
  const before = listener.statuses.length;
  await proxy.listen();
  await listener.reaches("open", 30_000, before);
};

describe.each([
  ["a socket", "socket"],
  ["an event stream", "events"],
])("over %s", (_, carrier) => {
  const listenBy = (user: string, options: Partial<ListenerOptions> = {}) =>
    carrier === "socket" ? listen(user, options) : withoutWebSocket(() => listen(user, options));

  test("[C10] what carries the stream is told", async () => {
    expect((await listenBy(`carrier-${carrier}`).reaches("open")).carrier).toBe(carrier);
  });

  test("[C4] messages that expired unseen are a gap in their place, acked when its handler is done, and told once", async () => {
    const user = `gap-${carrier}`;
    const first = listenBy(user);
    await first.reaches("open");
    await backend.send(user, { type: "t", data: 1 }, { wait: 5 });
    first.inbox.close();
    await eventually("it is gone", async () => !(await backend.user(user)).body.connected);
    for (const n of [2, 3]) await send(user, n, { ttl: 0.05 });
    const last = await send(user, 4);
    await eventually("they are over", async () => (await backend.user(user)).body.held.count === 1);
    const order: unknown[] = [];
    const note = (what: unknown) => void order.push(what);
    const second = listenBy(user, { onMessage: ({ data }) => note(data), onGap: ({ count }) => note({ count }) });
    await second.has(1);
    expect(order).toEqual([{ count: 2 }, 4]);
    expect(second.gaps).toMatchObject([{ count: 2, reasons: { expired: 2 } }]);
    await eventually("it is acked", async () => (await stateOf(user, last)).status === "delivered");
    await reconnected(second);
    second.inbox.close();
    await listenBy(user).reaches("open");
    expect(order).toHaveLength(2);
  });

  test("[C6, D7] a message whose handler throws three times is a dead letter with the reason, and the stream goes on", async () => {
    const user = `reject-${carrier}`;
    const listener = listenBy(user, {
      onMessage: ({ data }) => {
        if (data === "bad") throw new RangeError("no such order");
      },
    });
    await listener.reaches("open");
    await send(user, "good");
    const bad = await send(user, "bad");
    const after = await backend.send(user, { type: "t", data: "after" }, { wait: 20 });
    expect(after.body.status).toBe("delivered");
    expect(listener.data).toEqual(["good", "bad", "bad", "bad", "after"]);
    expect(listener.errors).toMatchObject([{ code: "handler_failed", seq: bad.seq }]);
    await eventually("it is dead", async () => (await stateOf(user, bad)).status === "rejected");
    expect((await backend.deadLetters(user)).body.dead_letters).toMatchObject([
      { id: bad.id, reason: "rejected", reject_reason: expect.stringContaining("RangeError: no such order") },
    ]);
  });

  test("[C6] it is one, too, where the handler fails for good while there is no connection", async () => {
    const user = `reject-away-${carrier}`;
    const failing = Promise.withResolvers<void>();
    const listener = listenBy(user, { onMessage: ({ data }) => (data === "bad" ? failing.promise : undefined) });
    await listener.reaches("open");
    const bad = await send(user, "bad");
    await listener.has(1);
    await failAway(listener, failing);
    await eventually("it is dead", async () => (await stateOf(user, bad)).status === "rejected");
    expect(listener.data).toEqual(["bad", "bad", "bad"]);
  });

  test("[C6, C3] so is all that came as one, where its handler fails for good while there is no connection", async () => {
    const user = `reject-joined-${carrier}`;
    for (const data of ["a", "b", "c"]) await backend.send(user, { type: "delta", data, topic: "run", append: true });
    const failing = Promise.withResolvers<void>();
    const listener = listenBy(user, { onMessage: ({ data }) => (data === "abc" ? failing.promise : undefined) });
    await listener.has(1);
    await failAway(listener, failing);
    await eventually("nothing is held", async () => (await backend.user(user)).body.held.count === 0);
    const letters = (await backend.deadLetters(user)).body.dead_letters;
    expect(letters.map((letter: { readonly data: unknown }) => letter.data)).toEqual(["a", "b", "c"]);
    expect(listener.data).toEqual(["abc", "abc", "abc"]);
  });

  test("[C7, C11] 10,000 waiting messages are processed in order on one connection, whose acks are not too many", async () => {
    const user = `backlog-${carrier}`;
    for (let from = 0; from < 10_000; from += 1_000) {
      const batch = Array.from({ length: 1_000 }, (_, n) => ({ to: user, type: "t", data: from + n }));
      await backend.sendBatch(batch);
    }
    const listener = listenBy(user);
    await listener.has(10_000, 30_000);
    expect(listener.data).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
    await eventually("all are acked", async () => (await backend.user(user)).body.held.count === 0);
    expect(listener.connections).toHaveLength(1);
  }, 60_000);

  test("[C7, C11] with a window of one they come one by one, as fast as acks may go", async () => {
    const user = `window-${carrier}`;
    await backend.sendBatch(Array.from({ length: 150 }, (_, n) => ({ to: user, type: "t", data: n })));
    const listener = listenBy(user, { window: 1 });
    await listener.has(150, 20_000);
    expect(listener.data).toEqual(Array.from({ length: 150 }, (_, n) => n));
    expect(listener.connections).toHaveLength(1);
  });
});

test("[C6] a reject that was sent into a network that forgot the connection is sent again on the next", async () => {
  const quick = await startRuntime({ vars: { HEARTBEAT_MS: "2000", ACK_TIMEOUT_MS: "4000" } });
  const forgetful = await FaultyProxy.start(quick.port);
  const plane = new Backend(quick.url);
  const user = "reject-forgotten";
  const failing = Promise.withResolvers<void>();
  const listener = listen(user, {
    url: forgetful.url,
    onMessage: ({ data }) => (data === "bad" ? failing.promise : undefined),
  });
  try {
    await listener.reaches("open");
    const bad = (await plane.send(user, { type: "t", data: "bad" })).body;
    await listener.has(1);
    forgetful.forget();
    failing.reject(new Error("no"));
    await eventually("it has failed", () => listener.errors.length === 1);
    expect(listener.connections).toHaveLength(1);
    await eventually("there is another connection", () => listener.connections.length === 2, 20_000);
    // The old one holds it until the server gives that up, for want of acks.
    const isDead = async () => (await plane.state(user, bad.id)).body.status === "rejected";
    await eventually("it is dead", isDead, 20_000);
  } finally {
    listener.inbox.close();
    forgetful.stop();
    await quick.stop();
  }
});

test("[C10] where a proxy lets no socket through but other requests pass, it goes on over an event stream by itself", async () => {
  const user = "no-upgrades";
  const strict = await FaultyProxy.start(runtime.port, (text) =>
    /^upgrade: websocket/im.test(text) ? "lose" : "pass",
  );
  const listener = listen(user, { url: strict.url });
  try {
    await send(user, 1);
    expect((await listener.reaches("open", 30_000)).carrier).toBe("events");
    expect((await backend.send(user, { type: "t", data: 2 }, { wait: 5 })).body.status).toBe("delivered");
    expect(listener.data).toEqual([1, 2]);
    // After the third socket there is nothing to wait for.
    expect(listener.statuses.filter(({ state }) => state === "waiting")).toHaveLength(2);
  } finally {
    strict.stop();
  }
});
