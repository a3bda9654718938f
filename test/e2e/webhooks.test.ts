import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { type Answer, type Received, Receiver, SECRET } from "../support/receiver.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let receiver: Receiver;
let runtime: Runtime;
let backend: Backend;

beforeAll(async () => {
  receiver = await Receiver.start();
  runtime = await startRuntime({
    vars: {
      ENVIRONMENT: "development",
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_EVENTS: "message.expired,message.rejected",
    },
  });
  backend = new Backend(runtime.url);
});
afterAll(async () => {
  await runtime.stop();
  await receiver.close();
});

const of = (user: string) => (one: Received) => one.body.data.user === user;
const heard = (user: string): readonly Received[] => receiver.received.filter(of(user));
const until = (user: string, count: number) => receiver.until((all) => all.filter(of(user)).length >= count);

test("[N1] what nobody has acked by its time goes to the webhook, signed; an ack or a recall that comes first calls it off", async () => {
  const fallback = { after: 1 };
  const [late, acked, recalled] = ["late", "acked", "recalled"];
  const token = await mintLocally(acked);
  const reader = await Connection.open(runtime.url, { token, ack: "each" });
  const sent = await backend.send(late, {
    type: "order",
    data: { n: 7, é: ["ü"] },
    id: "order-7",
    topic: "t",
    fallback,
  });
  expect(sent.status).toBe(202);
  await backend.send(acked, { type: "order", fallback });
  await reader.receive(1);
  const gone = await backend.send(recalled, { type: "order", fallback });
  expect((await backend.recall(recalled, gone.body.id)).status).toBe(200);
  await until(late, 1);
  expect(heard(late)[0]).toMatchObject({
    id: expect.stringMatching(/^msg_[0-9a-f]{32}_\d+_fallback$/),
    body: {
      type: "message.fallback",
      data: { user: late, id: "order-7", seq: sent.body.seq, type: "order", topic: "t", data: { n: 7, é: ["ü"] } },
    },
  });
  // It is still held, and is told of no second time.
  const held = (await backend.state(late, "order-7")).body;
  expect(held.status).toBe("queued");
  expect(Date.parse(held.escalated_at) - Date.parse(held.accepted_at)).toBeGreaterThanOrEqual(1_000);
  const after = await backend.send("later", { type: "order", fallback });
  await until("later", 1);
  expect(after.status).toBe(202);
  expect([late, acked, recalled].map((user) => heard(user).length)).toEqual([1, 0, 0]);
  expect(receiver.forged).toEqual([]);
  await reader.close();
  // Of users who are away, too, and soon.
  const shown = { events: 2, taken: 2, failed: 0, givenUp: 0 };
  await eventually("counted", async () => isDeepStrictEqual(await counted(), shown));
});

/** What `GET /metrics` has of it. */
const counted = async () => {
  const text = await (
    await fetch(`${runtime.url}/metrics`, { headers: { authorization: `Bearer ${API_KEY}` } })
  ).text();
  const value = (series: string): number => {
    const line = text.split("\n").find((one) => one.startsWith(`restante_${series} `));
    return Number(line?.split(" ")[1]);
  };
  return {
    events: value('webhooks_total{event="message.fallback"}'),
    taken: value('webhook_attempts_total{outcome="taken"}'),
    failed: value('webhook_attempts_total{outcome="failed"}'),
    givenUp: value("webhooks_given_up_total"),
  };
};

test("[N1] a default for all, and null for none: and a fallback of what is never stored, or goes nowhere, is refused", async () => {
  expect((await backend.send("never", { type: "a", ttl: 0, fallback: { after: 1 } })).status).toBe(400);
  for (const fallback of [{ after: 0 }, { after: "1" }, {}, 5, { after: 1, url: "https://example.com" }]) {
    const refused = await backend.send("never", { type: "a", fallback });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body.errors)).toContain("/fallback");
  }
  expect((await backend.list("never")).body.messages).toEqual([]);
  const other = await startRuntime({
    vars: {
      ENVIRONMENT: "development",
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRET: SECRET,
      FALLBACK_AFTER_SECONDS: "1",
    },
  });
  const bare = await startRuntime();
  try {
    await new Backend(other.url).send("default", { type: "none", fallback: null });
    await new Backend(other.url).send("default", { type: "some" });
    await until("default", 1);
    expect(heard("default").map(({ body }) => body.data.type)).toEqual(["some"]);
    const refused = await new Backend(bare.url).send("never", { type: "a", fallback: { after: 1 } });
    expect(refused).toMatchObject({ status: 503, body: { code: "not_configured" } });
    expect(refused.body.detail).toContain("WEBHOOK_URL");
    const batch = await new Backend(bare.url).sendBatch([{ to: "never", type: "a", fallback: { after: 1 } }]);
    expect(batch.body.results[0]).toMatchObject({ http_status: 503, code: "not_configured" });
    expect((await new Backend(bare.url).list("never")).body.messages).toEqual([]);
  } finally {
    await Promise.all([other.stop(), bare.stop()]);
  }
});

test("[N2] a receiver that fails is asked again, with the same id and another signature; one that redirects, too; 410 ends it", {
  timeout: 40_000,
}, async () => {
  const answers: Readonly<Record<string, (times: number) => Answer>> = {
    failing: (times) => ({ status: times === 1 ? 500 : 204 }),
    redirecting: (times) => (times === 1 ? { status: 302, headers: { location: "/elsewhere" } } : { status: 200 }),
    pausing: (times) => (times === 1 ? { status: 429, headers: { "retry-after": "8" } } : { status: 200 }),
    gone: () => ({ status: 410 }),
  };
  receiver.answer = ({ body }) => {
    const user = String(body.data.user);
    return answers[user]?.(heard(user).length) ?? { status: 204 };
  };
  const startedAt = Date.now();
  await Promise.all(Object.keys(answers).map((user) => backend.send(user, { type: "a", ttl: 0.2 })));
  await until("failing", 2);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(5_000);
  await until("redirecting", 2);
  await until("pausing", 2);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(8_000);
  for (const user of ["failing", "redirecting", "pausing"]) {
    const [first, second] = heard(user) as [Received, Received];
    expect(second).toMatchObject({ id: first.id, body: first.body, path: "/hook" });
    expect(second.timestamp).toBeGreaterThan(first.timestamp);
    expect(first.body).toMatchObject({ type: "message.expired", data: { user, type: "a" } });
  }
  expect(heard("gone")).toHaveLength(1);
  expect(receiver.forged).toEqual([]);
});

test("[N2] only the ends that are switched on are told of, with the client's words where it rejected", async () => {
  const token = await mintLocally("rejecting");
  const reader = await Connection.open(runtime.url, { token });
  const { body } = await backend.send("rejecting", { type: "a" });
  await reader.receive(1);
  reader.send({ type: "reject", seq: body.seq, reason: "no such order" });
  await until("rejecting", 1);
  expect(heard("rejecting")[0]?.body).toMatchObject({
    type: "message.rejected",
    data: { seq: body.seq, reject_reason: "no such order" },
  });
  await reader.close();
});

test("[A5] outside of development a receiver on this machine is a fault that is named, and nobody is let in", async () => {
  const production = await startRuntime({
    vars: { ENVIRONMENT: "production", WEBHOOK_URL: receiver.url.replace("http", "https"), WEBHOOK_SECRET: SECRET },
  });
  try {
    const refused = await new Backend(production.url).send("never", { type: "a" });
    expect(refused).toMatchObject({ status: 503, body: { code: "not_configured" } });
    expect(refused.body.detail).toMatch(/WEBHOOK_URL .* public/);
  } finally {
    await production.stop();
  }
});
