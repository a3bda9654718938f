/** What the end of a Mailbox's memory takes with it, and what it must have left (D1, D9). */
import type { Delivery } from "../../src/delivery/delivery.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { expect, fail } from "./mismatch.ts";
import { loseConnections, loseMemory } from "./model-devices.ts";
import type { Referee } from "./referee.ts";
import type { Turn } from "./world.ts";

/** The object is gone: in a crash with its sockets and with the acks that rested in them (D9). */
export const died = (referee: Referee, withSockets: boolean): void => {
  const { world, model } = referee;
  referee.waiting.clear();
  loseMemory(model);
  forgetDirect(referee);
  if (!withSockets) return;
  loseConnections(model);
  model.turn += 1;
  const seen = world.turn((delivery, now) => delivery.user(now)) as Turn<ReturnType<Delivery["user"]>>;
  for (const device of [...model.devices.values()]) {
    const found = seen.result.devices.find((d) => d.device === device.name);
    const cursor = found?.cursor ?? -1;
    if (cursor === -1 && device.durableSeenAt + LIMITS.deviceTtlMs <= seen.now) {
      model.devices.delete(device.name);
      continue;
    }
    expect(
      cursor >= device.durableCursor && cursor <= device.cursor,
      "D9",
      () => `after a crash, ${device.name} is at ${cursor}, outside of ${device.durableCursor}..${device.cursor}`,
    );
    device.cursor = cursor;
    // It was seen for as long as it was connected; how much of that is remembered is as with its acks.
    device.lastSeenAt = Math.max(device.durableSeenAt, found?.lastSeenAt ?? 0);
  }
  settleAcks(referee, seen.now);
  model.allDurable();
  referee.settle(seen);
};

/** Which acks the crash took back is seen from what became of the messages. */
const settleAcks = (referee: Referee, now: number): void => {
  const { world, model } = referee;
  let low = model.durableAcked;
  let high = model.acked;
  for (const m of model.messages) {
    if (m.seq <= low || m.seq > high || m.end !== undefined || m.ephemeral || m.rejectReason !== undefined) continue;
    const reply = world.turn((delivery, at) => delivery.state(m.id, at))?.result;
    if (reply?.ok !== true || reply.message.seq !== m.seq) return fail("S10", `${m.seq} is unknown after a crash`);
    if (reply.message.status === "delivered") low = m.seq;
    else {
      high = m.seq - 1;
      m.ackedAt = undefined;
    }
  }
  model.acked = high;
  model.ackedLow = low;
  for (const device of model.devices.values()) device.acked = Math.min(device.acked, high);
  referee.noteStored(now);
};

/** What went on its way and was never stored, or whose end was not, is known no more. */
export const forgetDirect = ({ world, model }: Referee): void => {
  if (!model.messages.some((m) => m.direct)) return;
  const outbox = new Outbox(world.sql, model.settings);
  model.messages = model.messages.filter((m) => !m.direct || outbox.state(m.seq, 0) !== undefined);
};
