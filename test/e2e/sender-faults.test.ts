/** `restante/sender` on networks and servers that fail: nothing is lost, and nothing is there twice. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  createSender,
  type Fetch,
  type HeldMessage,
  type Receipt,
  SendError,
  type Sender,
} from "../../src/sender/sender.ts";
import { API_KEY } from "../support/credentials.ts";
import { type Fault, type FlakyProxy, flakyProxy } from "../support/flaky-proxy.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime();
});
afterAll(() => runtime?.stop());

const proxies: FlakyProxy[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.stop();
});
/** First these faults, and then it passes. */
const behind = async (...faults: readonly Fault[]): Promise<FlakyProxy> => {
  const proxy = await flakyProxy(runtime.port, (_, index) => faults[index] ?? "passes");
  proxies.push(proxy);
  return proxy;
};
const through = ({ url }: FlakyProxy, options: { readonly attemptTimeoutMs?: number } = {}): Sender =>
  createSender({ url, key: API_KEY, ...options });

const heldBy = async (user: string): Promise<readonly HeldMessage[]> => {
  const held: HeldMessage[] = [];
  for await (const message of createSender({ url: runtime.url, key: API_KEY }).held(user)) held.push(message);
  return held;
};

test.each([
  ["is refused", "refuses", false],
  ["has its reply lost", "loses_reply", true],
  ["has its reply cut", "cuts_reply", true],
  ["has its reply kept back", "keeps_reply", true],
  ["meets a proxy's 503", { status: 503, headers: { "retry-after": "1" } }, false],
  ["meets a proxy's 502", { status: 502 }, false],
] as const)("[S4] a send that %s makes one message, and resolves", async (how, fault, wasAccepted) => {
  const user = `faults-${how}`;
  const proxy = await behind(fault, fault);
  const receipt = await through(proxy, { attemptTimeoutMs: 500 }).send(user, { type: "order", data: { n: 7 } });
  expect(proxy.requests).toHaveLength(3);
  expect(new Set(proxy.requests.map(({ body }) => body)).size).toBe(1);
  // The server said so of the third: the first had made it already.
  expect(receipt).toMatchObject({ status: "queued", replayed: wasAccepted });
  expect(await heldBy(user)).toMatchObject([{ id: receipt.id, seq: receipt.seq, data: { n: 7 } }]);
});

test("[S8] Retry-After is waited for, however it is written", async () => {
  const date = new Date(Date.now() + 1_500).toUTCString();
  const retryAfter = (value: string): Fault => ({ status: 503, headers: { "retry-after": value } });
  const proxy = await behind(retryAfter("1"), retryAfter(date));
  await through(proxy).send("faults-retry-after", { type: "order" });
  const [first = 0, second = 0] = proxy.requests.map(({ at }) => at);
  expect(second - first).toBeGreaterThanOrEqual(1_000);
  expect(proxy.requests).toHaveLength(3);
});

test("[S13] without an id a lost reply is told, and not sent again", async () => {
  const proxy = await behind("loses_reply");
  const error = await through(proxy)
    .send("faults-no-id", { type: "order", id: false })
    .catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "network", retry: "same_id", attempts: 1, id: undefined });
  expect(proxy.requests).toHaveLength(1);
  expect(await heldBy("faults-no-id")).toHaveLength(1);
});

test("[S4] with the id of the error, the app itself may go on later", async () => {
  const proxy = await behind("loses_reply");
  const impatient = createSender({ url: proxy.url, key: API_KEY, maxAttempts: 1 });
  const message = { type: "order", data: { n: 1 } };
  const error = await impatient.send("faults-later", message).catch((error: unknown) => error);
  if (!(error instanceof SendError) || error.id === undefined) throw error;
  expect(error.code).toBe("network");
  const receipt = await impatient.send("faults-later", { ...message, id: error.id });
  expect(receipt).toMatchObject({ id: error.id, replayed: true });
  expect(await heldBy("faults-later")).toHaveLength(1);
});

test("[S9] of a batch whose replies are lost, each message is there once, in order", async () => {
  const proxy = await behind("loses_reply", { status: 502 }, "cuts_reply");
  const messages = Array.from({ length: 60 }, (_, n) => ({ to: `faults-batch-${n % 3}`, type: "t", data: n }));
  const outcomes = await through(proxy).sendBatch(messages);
  expect(proxy.requests).toHaveLength(4);
  expect(outcomes.every((outcome) => !(outcome instanceof SendError) && outcome.replayed)).toBe(true);
  for (const rest of [0, 1, 2]) {
    const held = await heldBy(`faults-batch-${rest}`);
    expect(held.map(({ data }) => data)).toEqual(Array.from({ length: 20 }, (_, n) => 3 * n + rest));
  }
});

test("[S4, S13] while the server is killed three times, eight senders lose nothing and repeat nothing", async () => {
  const [users, each, kills] = [8, 60, 3];
  let broken = 0;
  const counting: Fetch = async (url, init) => {
    try {
      return await fetch(url, init);
    } catch (error) {
      broken += 1;
      throw error;
    }
  };
  const sender = createSender<{ count: number }>({ url: runtime.url, key: API_KEY, fetch: counting });
  const receipts: Receipt[][] = Array.from({ length: users }, () => []);
  let sent = 0;
  let told = (): void => {};
  const sendAll = async (own: Receipt[], user: string): Promise<void> => {
    for (let n = 0; n < each; n += 1) {
      own.push(await sender.send(user, { type: "count", data: n }));
      sent += 1;
      told();
    }
  };
  const reached = (count: number): Promise<void> =>
    new Promise((done) => {
      told = () => sent >= count && done();
      told();
    });
  const sending = Promise.all(receipts.map((own, index) => sendAll(own, `killed-${index}`)));
  for (let kill = 1; kill <= kills; kill += 1) {
    await reached((kill * users * each) / (kills + 1));
    await runtime.kill();
    await runtime.restart();
  }
  await sending;
  expect(broken).toBeGreaterThanOrEqual(kills);
  for (const [index, own] of receipts.entries()) {
    const held = await heldBy(`killed-${index}`);
    expect(held.map(({ data }) => data)).toEqual(Array.from({ length: each }, (_, n) => n));
    expect(held.map(({ id, seq }) => [id, seq])).toEqual(own.map(({ id, seq }) => [id, seq]));
  }
}, 60_000);
