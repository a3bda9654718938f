/**
 * Direct delivery: a message that its sender waits for goes to a user who is all there before it is stored; where every device
 * acks it within its grace it never is. No row is written for it, and no disk waited for.
 *
 * It is in nobody's hands but the sender's until then: no reply has been given, so that a crash loses what was never accepted
 * (S1). Anything that happens but an ack or another such send first stores what is in its grace, in order, and goes on as if it
 * had been stored from the beginning.
 */
import { acceptanceOf, fallbackMsOf, heldOf } from "../outbox/accepting.ts";
import type { Held } from "../outbox/messages.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { NewMessage } from "../protocol/message.ts";
import { flush } from "./acks.ts";
import type { Desk } from "./desk.ts";
import type { CallOutcome, GroupedCall } from "./sending.ts";
import { spread } from "./streaming.ts";
import { reply, settleWaits } from "./waiting.ts";

/** Whether all of these may go before they are stored. */
export const goDirect = (desk: Desk, calls: readonly GroupedCall[], now: number): boolean => {
  const messages = calls.flatMap(({ send }) => send.messages);
  const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
  const ids = messages.flatMap(({ id }) => id ?? []);
  return (
    desk.settings.directGraceMs > 0 &&
    calls.every(({ send }) => send.messages.length === 1 && (send.waitMs ?? 0) > 0) &&
    messages.every((message) => isPlain(desk, message, now)) &&
    new Set(ids).size === ids.length &&
    desk.waits.count + calls.length <= LIMITS.waitersMax &&
    desk.outbox.hasRoomFor(desk.direct.length + messages.length, bytes + bytesOf(desk.direct)) &&
    isAllThere(desk, messages.length, bytes)
  );
};

/** It replaces nothing, nothing stands for it, and it outlives its grace. */
const isPlain = (desk: Desk, message: NewMessage, now: number): boolean => {
  const { id, topic, ttlMs } = message;
  const fallbackMs = fallbackMsOf(desk.settings, message);
  if (fallbackMs !== null && (fallbackMs <= desk.settings.directGraceMs || !desk.settings.hasReceiver)) return false;
  if (topic !== undefined || (ttlMs !== undefined && ttlMs <= desk.settings.directGraceMs)) return false;
  if (id === undefined) return true;
  const isOnItsWay = desk.ephemerals.withId(id) !== undefined || desk.direct.some(({ head }) => head.id === id);
  return !isOnItsWay && desk.outbox.twin(message, now) === undefined;
};

/** Each device that is known has a connection, and each connection has all that there is, and room for more. */
const isAllThere = (desk: Desk, count: number, bytes: number): boolean => {
  if (desk.sessions.size === 0) return false;
  for (const session of desk.sessions.values()) {
    const hasAll = session.caughtUp && Math.max(session.sent, session.scanned) >= desk.outbox.highestHeld;
    if (!hasAll || session.room.count < count || session.room.bytes < bytes) return false;
  }
  const connected = desk.connectedDevices();
  return desk.outbox.devices.all().every(({ name }) => connected.has(name));
};

const bytesOf = (messages: readonly Held[]): number => messages.reduce((sum, { head }) => sum + head.bytes, 0);

/** Sends them on; each waits for its end. */
export const sendDirect = (desk: Desk, calls: readonly GroupedCall[], now: number): readonly CallOutcome[] => {
  const before = desk.outbox.highestHeld;
  const held = calls
    .flatMap(({ send }) => send.messages)
    .map((message) => {
      const held = heldOf(desk.settings, message, desk.outbox.takeSeq(now), now);
      desk.outbox.witness.seen?.push(acceptanceOf(held.head, message));
      return held;
    });
  desk.direct.push(...held);
  spread(
    desk,
    held.map((message) => ({ kind: "owed", message })),
    before,
    now,
  );
  return calls.map(({ call, send }, at): CallOutcome => {
    const { head } = held[at] as Held;
    desk.waits.add(head.seq, { call, index: 0 });
    const message = desk.stateOf(desk.outbox.knownOf(head, now));
    const forMs = Math.min(send.waitMs ?? 0, head.expiresAt - now);
    return { replies: [{ ok: true, message, replayed: false }], waits: [{ index: 0, seq: head.seq, forMs }] };
  });
};

/** What every device has acked and checkpointed has ended, and was never stored. */
export const settleDirect = (desk: Desk, now: number): void => {
  if (desk.direct.length === 0) return;
  let passed = Number.POSITIVE_INFINITY;
  for (const session of desk.sessions.values()) passed = Math.min(passed, session.checkpoint);
  while ((desk.direct[0]?.head.seq ?? Number.POSITIVE_INFINITY) <= passed) {
    const { head } = desk.direct.shift() as Held;
    reply(desk, head.seq, desk.stateOf(desk.outbox.endDirect(head, now)));
  }
};

/** The instant at which what is in its grace is to be stored; undefined where nothing is. */
export const graceEndsAt = (desk: Desk): number | undefined => {
  const first = desk.direct[0];
  return first === undefined ? undefined : first.head.acceptedAt + desk.settings.directGraceMs;
};

/** Stores what is in its grace: from now on it is held as any other. */
export const storeDirect = (desk: Desk, now: number): void => {
  if (desk.direct.length === 0) return;
  for (const message of desk.direct.splice(0)) desk.outbox.insert(message);
  desk.outbox.write();
  // Some may have acked what others have not.
  flush(desk, now);
  settleWaits(desk, now);
};

/** Whether one of those in their grace is over: an ack comes too late for it (D8). */
export const isAnyOver = (desk: Desk, now: number): boolean => desk.direct.some(({ head }) => head.expiresAt <= now);
