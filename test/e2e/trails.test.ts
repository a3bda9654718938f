import { afterAll, beforeAll, expect, test } from "vitest";
import type { TrailStep } from "../../src/protocol/trail.ts";
import { createSender } from "../../src/sender/sender.ts";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime.stop());

const connect = async (user: string, device: string): Promise<Connection> =>
  Connection.open(runtime.url, { token: await mintLocally(user), device });
const on = (connection: Connection, device: string) => ({
  connection_id: connection.established.connection_id,
  device,
});
const withoutTimes = (trail: readonly TrailStep[]): readonly object[] => trail.map(({ at: _, ...step }) => step);
const isSorted = (trail: readonly TrailStep[]): boolean =>
  trail.every(({ at }, n) => n === 0 || (trail[n - 1]?.at ?? "") <= at);

test("[N3] from before the first socket to a dead letter and back: every step of it, over HTTP and the SDK", async () => {
  const user = "trail-of-one";
  const sender = createSender({ url: runtime.url, key: API_KEY });
  const sent = await backend.send(user, { type: "order", data: { n: 7 }, id: "order-7" });
  const { seq, accepted_at } = sent.body;
  const trail = async (): Promise<readonly TrailStep[]> => (await backend.state(user, "order-7")).body.trail;
  expect(await trail()).toEqual([{ at: accepted_at, event: "accepted" }]);

  // Its first connection is sent it, says nothing, and is lost.
  const first = await connect(user, "phone");
  await first.receive(1);
  const lost = [{ event: "accepted" }, { event: "sent", ...on(first, "phone") }];
  expect(withoutTimes(await trail())).toEqual(lost);
  await first.cut();
  await eventually("the end of the connection is told", async () => (await trail()).length === 3);
  const closed = { event: "closed", ...on(first, "phone"), code: 1006 };
  expect(withoutTimes(await trail())).toEqual([...lost, closed]);

  // Another device cannot process it; the first one may still.
  const second = await connect(user, "laptop");
  await second.receive(1);
  second.reject(seq, "no such order");
  await second.settle();
  const rejected = { event: "rejected", ...on(second, "laptop") };
  const tried = [...lost, closed, { event: "sent", ...on(second, "laptop") }];
  const { messages } = (await backend.list(user)).body;
  expect(messages).toHaveLength(1);
  expect(withoutTimes(messages[0].trail)).toEqual([...tried, { ...rejected, reason: "no such order" }]);
  await second.close();

  // It comes back, and cannot either: nobody is left.
  const third = await connect(user, "phone");
  await third.receive(1);
  third.reject(seq, "still no such order");
  await third.settle();
  const [letter] = (await backend.deadLetters(user)).body.dead_letters;
  expect(letter).toMatchObject({ seq, reason: "rejected", reject_reason: "still no such order" });
  expect(withoutTimes(letter.trail)).toEqual([
    ...tried,
    rejected,
    { event: "sent", ...on(third, "phone") },
    { event: "rejected", ...on(third, "phone"), reason: "still no such order" },
  ]);
  expect(isSorted(letter.trail)).toBe(true);
  expect(letter.trail.at(-1).at).toBe(letter.ended_at);
  // The state of what has ended is told without it.
  expect((await backend.state(user, "order-7")).body).not.toHaveProperty("trail");
  for await (const told of sender.deadLetters(user)) {
    expect(told.trail?.at(-1)).toEqual({
      at: letter.ended_at,
      event: "rejected",
      connectionId: third.established.connection_id,
      device: "phone",
      reason: "still no such order",
    });
  }

  // Sent again, it begins anew, and says from where.
  const [requeued] = (await backend.requeue(user, { seq })).body.requeued;
  await third.receive(1);
  const held = await sender.message(user, requeued.id);
  expect(held.trail).toEqual([
    { at: requeued.accepted_at, event: "requeued", from: seq },
    {
      at: requeued.accepted_at,
      event: "sent",
      connectionId: third.established.connection_id,
      device: "phone",
    },
  ]);
  third.ack();
  await third.settle();
  const forLaptop = (await backend.state(user, requeued.id)).body;
  expect(forLaptop.status).toBe("delivered");
  expect(forLaptop.trail.at(-1)).toMatchObject({ event: "acked", ...on(third, "phone") });
  await third.close();
});
