/** What happens in an order that is rare, by a driven clock. */
import { expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import type { NewMessage } from "../../src/protocol/message.ts";
import { DELIVERY_DEFAULTS } from "../../src/settings/delivery.ts";

const AT = Date.UTC(2026, 10, 23);

const stage = (window = 256) => {
  const settings = { ...DELIVERY_DEFAULTS, hasReceiver: true };
  const outbox = new Outbox(new NodeSql(), settings, "m");
  const delivery = new Delivery(outbox, settings, [], () => undefined, AT);
  const attach = (device: string) => {
    const token = { issuedAt: AT, expiresAt: AT + 3_600_000 };
    delivery.attach({ user: "ada", device, window, tag: "t", token }, device, AT);
    delivery.takeEffects();
  };
  const send = (message: Partial<NewMessage>, now: number, waitMs?: number) => {
    const send = { messages: [{ type: "t", bytes: 12, ...message }], ...(waitMs === undefined ? {} : { waitMs }) };
    const [outcome] = delivery.send([{ call: now, send }], now);
    delivery.takeEffects();
    const reply = outcome?.replies[0];
    if (reply?.ok !== true) throw new Error("It was refused.");
    return reply.message;
  };
  const ack = (device: string, seq: number, now: number) => {
    delivery.receive(device, `{"type":"ack","seq":${seq}}`, now);
    return delivery.takeEffects().effects;
  };
  return { outbox, delivery, attach, send, ack };
};

test("[S7, N1] what one of two devices has acked in its grace is delivered as it is stored, whatever else was over meanwhile", () => {
  const { outbox, delivery, attach, send, ack } = stage();
  attach("phone");
  attach("laptop");
  const { seq: over } = send({ ttlMs: 1_000 }, AT);
  ack("phone", over, AT + 100);
  const { seq } = send({ fallbackMs: 5_000 }, AT + 2_000, 30_000);
  expect(delivery.graceEndsAt).toBe(AT + 2_250);
  ack("phone", seq, AT + 2_010);
  // Too late for the one that is over: that has to be recorded, and the other is still on its way to the laptop.
  ack("laptop", over, AT + 2_020);
  if (delivery.graceEndsAt !== undefined) delivery.endGrace(AT + 2_250);
  delivery.takeEffects();
  expect(delivery.state(`~${seq}`, AT + 2_300)).toMatchObject({
    message: { status: "delivered", deliveredAt: expect.any(Number) },
  });
  delivery.tick(AT + 7_000);
  expect(outbox.webhooks.list(0, 10)).toEqual([]);
});

test("[S7, D8] what is over has no `escalated_at` any more, swept away or not", () => {
  const { delivery, send } = stage();
  const message = { id: "mine", digest: "d", ttlMs: 2_000, fallbackMs: 1_000 };
  send(message, AT);
  delivery.tick(AT + 1_000);
  delivery.takeEffects();
  expect(send(message, AT + 1_500)).toMatchObject({ status: "queued", escalatedAt: AT + 1_000 });
  const over = send(message, AT + 2_000);
  expect(over.status).toBe("expired");
  expect(over).not.toHaveProperty("escalatedAt");
});

test("[C4] a gap counts what was lost since the last one, also where there are so many that their places are merged", () => {
  const { delivery, attach, send, ack } = stage(2);
  const lose = (now: number) => {
    for (let n = 0; n < 700; n += 1) send({ ttlMs: 1_000 }, now);
    while (delivery.tick(now + 1_500)) delivery.takeEffects();
    delivery.takeEffects();
  };
  const gapsIn = (effects: ReturnType<typeof ack>) =>
    effects.flatMap((effect) =>
      effect.kind === "frame" && effect.text.includes('"gap"') ? JSON.parse(effect.text) : [],
    );
  attach("phone");
  send({}, AT);
  const { seq: second } = send({}, AT);
  lose(AT + 10);
  expect(gapsIn(ack("phone", second, AT + 2_000))).toMatchObject([{ count: 700 }]);
  const { seq: next } = send({ ttlMs: 1_000 }, AT + 2_000);
  lose(AT + 2_010);
  expect(gapsIn(ack("phone", next, AT + 4_000))).toMatchObject([{ count: 700 }]);
});
