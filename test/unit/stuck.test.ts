/** N4: a message that is held and not acked while somebody is connected, by a driven clock. */
import { expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { reasonsOf } from "../../src/protocol/attention.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { DELIVERY_DEFAULTS } from "../../src/settings/delivery.ts";

const AT = Date.UTC(2026, 10, 23);
const MINUTE_MS = 60_000;

/** One who has two messages, a window of one, and acks nothing but slowly enough never to be closed. */
const stage = () => {
  const settings = { ...DELIVERY_DEFAULTS, ackTimeoutMs: 60 * MINUTE_MS };
  const outbox = new Outbox(new NodeSql(), settings, "m");
  const delivery = new Delivery(outbox, settings, [], () => undefined, AT);
  const turn = (now: number, work: () => unknown) => {
    work();
    delivery.noteAttention(now);
    delivery.takeEffects();
    return reasonsOf(outbox.attention.pending?.reasons ?? 0);
  };
  const attach = (now: number) =>
    turn(now, () =>
      delivery.attach(
        {
          ...{ user: "ada", device: "phone", window: 1, tag: "t" },
          token: { issuedAt: now, expiresAt: now + LIMITS.tokenTtlMaxMs },
        },
        `c${now}`,
        now,
      ),
    );
  const send = (now: number) => {
    const call = { call: now, send: { user: "ada", messages: [{ type: "t", bytes: 12 }] } };
    return turn(now, () => delivery.send([call], now));
  };
  const tick = (now: number) => turn(now, () => delivery.tick(now));
  return { delivery, outbox, turn, attach, send, tick };
};

test("[N4] fifteen minutes after it was accepted, and not sooner; until it is acked", () => {
  const { delivery, outbox, turn, attach, send, tick } = stage();
  attach(AT);
  expect(delivery.dueAt(AT + 10 * MINUTE_MS)).toBe(AT + LIMITS.tokenTtlMaxMs);
  send(AT + 5 * MINUTE_MS);
  const { seq = 0 } = delivery.held(0, 1, AT + 5 * MINUTE_MS).items[0] ?? {};
  expect(tick(AT + 19 * MINUTE_MS)).toEqual([]);
  const due = AT + 20 * MINUTE_MS;
  expect(delivery.dueAt(AT + 19 * MINUTE_MS)).toBe(due);
  expect(tick(due)).toEqual(["held"]);
  // Told once, whatever else happens.
  const stamp = outbox.attention.pending?.stamp;
  expect(send(due + 1)).toEqual(["held"]);
  expect(outbox.attention.pending?.stamp).toBe(stamp);
  expect(delivery.dueAt(due + 2)).not.toBe(due);
  const acked = (through: number, now: number) =>
    turn(now, () => delivery.receive(`c${AT}`, `{"type":"ack","seq":${through}}`, now));
  expect(acked(seq, due + MINUTE_MS)).toEqual([]);
  // The next one is younger: its time is still to come.
  expect(tick(due + 15 * MINUTE_MS)).toEqual([]);
  expect(tick(due + 15 * MINUTE_MS + 1)).toEqual(["held"]);
});

test("[N4] a backlog that waited for somebody to connect is none, until they had fifteen minutes for it; and is none when they leave", () => {
  const { delivery, turn, attach, send, tick } = stage();
  send(AT);
  const back = AT + 24 * 60 * MINUTE_MS;
  expect(tick(back - 1)).toEqual([]);
  expect(attach(back)).toEqual([]);
  expect(tick(back + 14 * MINUTE_MS)).toEqual([]);
  expect(tick(back + 15 * MINUTE_MS)).toEqual(["held"]);
  expect(turn(back + 16 * MINUTE_MS, () => delivery.detach(`c${back}`, 1000, back + 16 * MINUTE_MS))).toEqual([]);
});
