/** The backend's other calls, beside those about dead letters: looking, recalling, revoking (S10, U1, U3). */
import type { UserState } from "../../src/protocol/mailbox-api.ts";
import { expect, fail, same } from "./mismatch.ts";
import type { Message } from "./model.ts";
import { forgetUnseen } from "./model-devices.ts";
import { checkTrail } from "./model-trails.ts";
import type { Death, Op } from "./operations.ts";
import type { Referee } from "./referee.ts";

const pickMessage = (referee: Referee, which: number): Message | undefined =>
  referee.model.messages.at(-1 - (which % Math.max(1, referee.model.messages.length)));

export const doState = (referee: Referee, which: number, dies?: Death): void => {
  const m = pickMessage(referee, which);
  const turn = referee.turn((delivery, now) => delivery.state(m?.id ?? "nobody", now), dies);
  if (turn === undefined) return;
  const { result, now } = turn;
  const { model } = referee;
  if (m === undefined) same(result.ok, false, "S10", () => "state of a message that there is not");
  else if (model.byId(m.id) === m) {
    expect(result.ok || !model.isKnown(m, now), "S10", () => `${m.seq} (${m.id}) is not known any more`);
    if (result.ok) referee.checkState(m, result.message, now);
    if (result.ok && model.isHeld(m, now)) {
      checkTrail(model, m, "type" in result.message ? result.message.trail : undefined, now);
    }
  }
  referee.perform(turn);
  referee.settle(turn);
};

export const doRecall = (referee: Referee, which: number, dies?: Death): void => {
  const { model } = referee;
  const m = pickMessage(referee, which);
  // What is never stored is on its way already, or gone.
  if (m === undefined || m.ephemeral || model.byId(m.id) !== m) return;
  const turn = referee.turn((delivery, now) => delivery.recall(m.id, now), dies);
  if (turn === undefined) return;
  const { result, now } = turn;
  const status = model.status(m, now);
  if (status === "queued") {
    if (!result.ok) return fail("S10", `${m.seq} is queued, and a recall was refused: ${result.code}`);
    expect(
      result.sent === m.wasSent || (result.sent && m.mayHaveBeenSent),
      "S10",
      () => `sent of the recall of ${m.seq}`,
    );
    model.end(m, "recalled", now);
  } else if (!(!model.isKnown(m, now) && !result.ok && result.code === "unknown_message")) {
    const expected = status === "delivered" ? "already_acked" : "already_ended";
    same(result.ok ? "ok" : result.code, expected, "S10", () => `reply to the recall of ${m.seq}`);
  }
  if (status === "delivered") model.durableAcked = Math.max(model.durableAcked, Math.min(m.seq, model.acked));
  referee.perform(turn);
  referee.settle(turn);
};

export const doHeld = (referee: Referee, op: Extract<Op, { do: "held" }>): void => {
  const { model } = referee;
  const after = model.messages[op.skip % Math.max(1, model.messages.length)]?.seq ?? 0;
  const from = op.skip === 0 ? 0 : after;
  const turn = referee.turn((delivery, now) => delivery.held(from, op.limit, now), op.dies);
  if (turn === undefined) return;
  const { result, now } = turn;
  model.allDurable();
  const all = model.held(now).filter((m) => m.seq > from);
  // A page may be shorter than asked for, where its messages are large.
  const page = all.slice(0, Math.min(op.limit, Math.max(1, result.items.length)));
  same(result.items.map((m) => m.seq).join(), page.map((m) => m.seq).join(), "S10", () => "the held list");
  page.forEach((m, i) => {
    const item = result.items[i];
    if (item === undefined) return fail("S10", "a hole in the held list");
    referee.checkState(m, item, now);
    same(item.data, m.data, "S10", () => `data of held ${m.seq}`);
    same(item.topic, m.topic, "S10", () => `topic of held ${m.seq}`);
    checkTrail(model, m, item.trail, now);
  });
  same(result.next !== undefined, all.length > page.length, "S10", () => "whether the held list goes on");
  referee.perform(turn);
  referee.settle(turn);
};

/** What a look, which writes nothing, has to have as a call has it: all but when a device was recorded last, and what is still to be swept. */
const shown = ({ connections, devices, held }: UserState): string =>
  JSON.stringify([connections, devices.map((d) => [d.device, d.cursor, d.connected, d.firstSeenAt]), held]);

export const doUser = (referee: Referee, dies?: Death): void => {
  const { model } = referee;
  let looked: UserState | undefined;
  const turn = referee.turn((delivery, now) => {
    looked = delivery.graceEndsAt === undefined ? delivery.look(now) : undefined;
    return delivery.user(now);
  }, dies);
  if (turn === undefined) return;
  const { result, now } = turn;
  // Where a device is forgotten now, what was held for it is not held any more.
  if (looked?.devices.length === result.devices.length)
    same(shown(looked), shown(result), "N6", () => "what is looked at");
  model.allDurable();
  model.sweepAll(now);
  forgetUnseen(model, now);
  const held = model.held(now);
  same(result.held.count, held.length, "U1", () => "count of held messages");
  same(
    result.held.bytes,
    held.reduce((sum, m) => sum + m.bytes, 0),
    "U1",
    () => "bytes of held messages",
  );
  same(result.held.oldestAt, oldestOf(held), "U1", () => "age of the oldest held message");
  const devices = [...model.devices.values()].map((d) => `${d.name}@${d.cursor}`);
  const seen = result.devices.map((d) => `${d.device}@${d.cursor}`);
  same(seen.sort().join(), devices.sort().join(), "U1", () => "devices with cursors");
  const open = [...model.connections.values()].filter((c) => c.expiresAt > now);
  same(result.connections.length, open.length, "U1", () => "number of connections");
  for (const c of open) {
    const s = result.connections.find((one) => one.connectionId === c.id);
    if (s === undefined) return fail("U1", `${c.id} is not listed`);
    same(s.sentSeq, c.sent, "U1", () => `sent of ${c.id}`);
    same(s.ackedSeq, c.acked, "U1", () => `acked of ${c.id}`);
    if (turn.kind === "committed") continue;
    same(referee.world.onlooker.ackedOf(c.id), c.acked, "N6", () => `acked of ${c.id}, as it was seen`);
    same(s.inFlight, c.flight.length, "U1", () => `in flight of ${c.id}`);
    same(s.caughtUp, c.caughtUp, "U1", () => `caught up of ${c.id}`);
  }
  same(result.deadLetters, model.lettersAt(now).length, "U1", () => "number of dead letters");
  referee.perform(turn);
  referee.settle(turn);
};

const oldestOf = (held: readonly Message[]): number | undefined =>
  held.length === 0 ? undefined : Math.min(...held.map((m) => m.acceptedAt));

export const doRevoke = (referee: Referee, dies?: Death): void => {
  const { model } = referee;
  const turn = referee.turn((delivery, now) => delivery.revoke(now), dies);
  if (turn === undefined) return;
  model.revokedAt = Math.max(model.revokedAt, turn.now);
  referee.perform(turn, { revoked: true });
  if (turn.kind === "done") same(model.connections.size, 0, "U3", () => "connections open after a revocation");
  referee.settle(turn);
};
