import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const ROOM = 200;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ vars: { OUTBOX_MAX_MESSAGES: String(ROOM) } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

test("[S8, C4] a forgotten device never blocks a user who is online: it is overtaken, and told of how much", async () => {
  const user = "online";
  const token = await mintLocally(user);
  const forgotten = await Connection.open(runtime.url, { token, device: "forgotten" });
  await forgotten.caughtUp();
  await forgotten.close();

  const phone = await Connection.open(runtime.url, { token, device: "phone", ack: { every: 20 } });
  const total = 5 * ROOM;
  const statuses = new Map<number, number>();
  for (let n = 0; n < total; n += 1) {
    const reply = await backend.send(user, { type: "t", data: n });
    statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
  }
  // None was refused, and none held back.
  expect([...statuses]).toEqual([[202, total]]);
  await phone.receive(total);
  expect(phone.messages.map((m) => m.data)).toEqual([...Array(total).keys()]);
  expect(phone.gaps).toEqual([]);
  expect((await backend.user(user)).body.held.count).toBe(ROOM);

  const back = await Connection.open(runtime.url, { token, device: "forgotten", ack: { every: 50 } });
  await back.receive(ROOM);
  await back.caughtUp();
  const overtaken = back.gaps.reduce((sum, gap) => sum + gap.reasons.overtaken, 0);
  expect(overtaken).toBe(total - ROOM);
  expect(back.messages.map((m) => m.data)).toEqual([...Array(total).keys()].slice(-ROOM));
  await back.close();
  await phone.close();
});

test("[S8] only messages that nobody has acked fill the outbox: then a send is refused, and passes again after an ack", async () => {
  const user = "offline";
  const phone = await Connection.open(runtime.url, { token: await mintLocally(user), device: "phone" });
  for (let n = 0; n < ROOM; n += 1) expect((await backend.send(user, { type: "t" })).status).toBe(202);
  const refused = await backend.send(user, { type: "t" });
  expect(refused).toMatchObject({ status: 429, body: { code: "outbox_full" } });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  await phone.receive(ROOM);
  phone.ack();
  await phone.settle();
  expect((await backend.send(user, { type: "t" })).status).toBe(202);
  await phone.close();
});
