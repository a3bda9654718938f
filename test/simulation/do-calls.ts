/** The backend's other calls: looking, recalling, dead letters, revoking (S10, U1, U3, D7). */
import { LIMITS } from "../../src/protocol/limits.ts";
import type { DeadLetterSelector, UserState } from "../../src/protocol/mailbox-api.ts";
import { checkAlarm } from "./check-alarm.ts";
import { expect, fail, same } from "./mismatch.ts";
import type { Letter, Message } from "./model.ts";
import { forgetUnseen } from "./model-devices.ts";
import { checkComplete } from "./model-stream.ts";
import { checkTrail } from "./model-trails.ts";
import { awaiting } from "./model-webhooks.ts";
import type { Death, LetterChoice, Op } from "./operations.ts";
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

// ── Dead letters ─────────────────────────────────────────────────────────────────────────────────────────────────────

const selectorOf = (referee: Referee, of: LetterChoice): DeadLetterSelector => {
  if (of === "all") return { all: true };
  if (typeof of === "string") return { reason: of };
  const letters = referee.model.lettersAt(referee.world.now);
  return { seq: letters[of % Math.max(1, letters.length)]?.message.seq ?? 1 };
};

/** What a selector stands for: all that is over has ended before. */
const selected = (referee: Referee, selector: DeadLetterSelector, now: number): readonly Letter[] => {
  referee.model.sweepAll(now);
  const letters = referee.model.lettersAt(now);
  if ("seq" in selector) return letters.filter((l) => l.message.seq === selector.seq);
  return "reason" in selector ? letters.filter((l) => l.reason === selector.reason) : letters;
};

export const doDeadLetters = (referee: Referee, of: LetterChoice, dies?: Death): void => {
  const selector = selectorOf(referee, of);
  const turn = referee.turn((delivery, now) => delivery.deadLetters(0, 1_000, selector, now), dies);
  if (turn === undefined) return;
  const { items } = turn.result;
  const all = selected(referee, selector, turn.now);
  const letters = all.slice(0, Math.max(1, items.length));
  same(items.map((l) => l.seq).join(), letters.map((l) => l.message.seq).join(), "D7", () => "the dead letters");
  same(turn.result.next !== undefined, all.length > letters.length, "D7", () => "whether the dead letters go on");
  letters.forEach((letter, i) => {
    const { message, reason, endedAt } = letter;
    const what = (field: string) => () => `${field} of dead letter ${message.seq}`;
    same(items[i]?.id, message.id, "D7", what("id"));
    same(items[i]?.reason, reason, "D6", what("reason"));
    same(items[i]?.rejectReason, message.rejectReason, "C6", what("reject reason"));
    same(items[i]?.data, message.data, "D7", what("data"));
    same(items[i]?.endedAt, endedAt, "D7", what("end"));
    same(items[i]?.requeuedFrom, message.requeuedFrom, "D7", what("requeuedFrom"));
    checkTrail(referee.model, message, items[i]?.trail, turn.now, letter);
  });
  referee.perform(turn);
  referee.settle(turn);
};

const remove = (referee: Referee, gone: readonly Letter[]): void => {
  referee.model.letters = referee.model.letters.filter((letter) => !gone.includes(letter));
};

export const doRequeue = (referee: Referee, op: Extract<Op, { do: "requeue" }>): void => {
  const { model } = referee;
  const selector = selectorOf(referee, op.of);
  const turn = referee.turn((delivery, now) => delivery.requeue(selector, op.ttlMs, now), op.dies);
  if (turn === undefined) return;
  const { result, now } = turn;
  const letters = selected(referee, selector, now);
  const fitting: Letter[] = [];
  const made: Message[] = [];
  // In order, while there is room; the first that finds none stops it.
  for (const letter of letters) {
    if (!model.makeRoom(letter.message.bytes, undefined, now)) break;
    fitting.push(letter);
    const state = result.ok ? result.messages[fitting.length - 1] : undefined;
    if (state === undefined) return fail("D7", `dead letter ${letter.message.seq} was not requeued, and there is room`);
    const { type, data, bytes, topic, appendTo, acceptedAt, expiresAt } = letter.message;
    const ttlMs = Math.min(op.ttlMs ?? expiresAt - acceptedAt, model.settings.ttlMaxMs);
    const about = { type, data, bytes, topic, appendTo, acceptedAt: now, expiresAt: now + ttlMs };
    const { fallbackMs } = model.settings;
    const fallbackAt = fallbackMs === null ? undefined : now + fallbackMs;
    made.push(
      model.add({ ...about, fallbackAt, seq: state.seq, id: `~${state.seq}`, requeuedFrom: letter.message.seq }),
    );
  }
  remove(referee, fitting);
  if (!result.ok) {
    const expected = letters.length === 0 && "seq" in selector ? "unknown_dead_letter" : "outbox_full";
    same(result.code, expected, "D7", () => "refusal of a requeue");
    expect(fitting.length === 0, "D7", () => "a requeue was refused after it had requeued some");
  } else {
    same(result.messages.length, fitting.length, "D7", () => "number of requeued dead letters");
    same(result.left, letters.length - fitting.length, "D7", () => "dead letters left by a requeue");
  }
  referee.perform(turn);
  if (result.ok && turn.kind === "done") {
    made.forEach((m, i) => {
      const state = result.messages[i];
      if (state !== undefined) referee.checkState(m, state, now);
    });
    for (const c of model.connections.values()) checkComplete(model, c, now);
  }
  referee.settle(turn);
};

/** N5: a step takes at most its limit, the rest is for the next; and where it is repeated nothing is done twice. */
export const doBulk = (referee: Referee, op: Extract<Op, { do: "bulk" }>): void => {
  const { model } = referee;
  const { action, reason, lastMs, limit } = op;
  const until = referee.world.now;
  const since = lastMs === undefined ? 0 : until - lastMs;
  const range = { until, since, ...(reason === undefined ? {} : { reason }) };
  const held = new Set(model.messages.map((m) => m.seq));
  const turn = referee.turn((delivery, now) => {
    const step = delivery.bulkStep({ action, range, limit }, now);
    return { step, items: delivery.held(0, 1_000, now).items };
  }, op.dies);
  if (turn === undefined) return;
  const { now } = turn;
  const { step, items } = turn.result;
  const all = selected(referee, { all: true }, now).filter(
    (l) => (reason === undefined || l.reason === reason) && l.endedAt >= since && l.endedAt <= until,
  );
  const gone = action === "discard" ? all.slice(0, limit) : requeueLetters(referee, all, limit, items, held, now);
  remove(referee, gone);
  model.allDurable();
  same(step.done, gone.length, "N5", () => `dead letters that a step has to ${action}`);
  const isFull = action === "requeue" && gone.length < Math.min(limit, all.length);
  const more = action === "discard" ? gone.length === limit : !isFull && gone.length < all.length;
  same(step.more, more, "N5", () => `whether a step to ${action} is the last`);
  same(step.left, isFull ? all.length - gone.length : 0, "N5", () => "dead letters that found no room");
  referee.perform(turn);
  if (turn.kind === "done") for (const c of model.connections.values()) checkComplete(model, c, now);
  referee.settle(turn);
};

/** In order, while there is room: what is held since, and was not before, is what they became. */
const requeueLetters = (
  { model }: Referee,
  letters: readonly Letter[],
  limit: number,
  items: readonly { readonly seq: number; readonly requeuedFrom?: number }[],
  heldBefore: ReadonlySet<number>,
  now: number,
): readonly Letter[] => {
  const gone: Letter[] = [];
  for (const letter of letters.slice(0, limit)) {
    if (!model.makeRoom(letter.message.bytes, undefined, now)) break;
    const { type, data, bytes, topic, appendTo, acceptedAt, expiresAt, seq } = letter.message;
    const item = items.find((one) => one.requeuedFrom === seq && !heldBefore.has(one.seq));
    if (item === undefined) return fail("N5", `dead letter ${seq} was not requeued, and there is room`);
    const { fallbackMs, ttlMaxMs } = model.settings;
    model.add({
      ...{ type, data, bytes, topic, appendTo, acceptedAt: now, seq: item.seq, id: `~${item.seq}`, requeuedFrom: seq },
      expiresAt: now + Math.min(expiresAt - acceptedAt, ttlMaxMs),
      fallbackAt: fallbackMs === null ? undefined : now + fallbackMs,
    });
    gone.push(letter);
  }
  return gone;
};

export const doDiscard = (referee: Referee, of: LetterChoice, dies?: Death): void => {
  const selector = selectorOf(referee, of);
  const turn = referee.turn((delivery, now) => delivery.discard(selector, now), dies);
  if (turn === undefined) return;
  const letters = selected(referee, selector, turn.now);
  const seen = turn.result.ok ? turn.result.discarded : turn.result.code;
  const expected = letters.length === 0 && "seq" in selector ? "unknown_dead_letter" : letters.length;
  same(seen, expected, "D7", () => "reply to a discard");
  remove(referee, letters);
  referee.perform(turn);
  referee.settle(turn);
};

// ── The user as a whole, and what is due ─────────────────────────────────────────────────────────────────────────────

export const doRevoke = (referee: Referee, dies?: Death): void => {
  const { model } = referee;
  const turn = referee.turn((delivery, now) => delivery.revoke(now), dies);
  if (turn === undefined) return;
  model.revokedAt = Math.max(model.revokedAt, turn.now);
  referee.perform(turn, { revoked: true });
  if (turn.kind === "done") same(model.connections.size, 0, "U3", () => "connections open after a revocation");
  referee.settle(turn);
};

/** The webhook is told; again, with the same id, where that is not recorded. False where there is nothing to tell. */
export const doTell = (referee: Referee, dies?: Death): boolean => {
  const { model, world } = referee;
  model.turn += 1;
  const turn = world.tell(dies);
  if (turn === "nothing") return false;
  const id = world.received.at(-1) as string;
  expect(model.told.has(id), "N2", () => `the webhook was sent ${id}, which it was not to be told`);
  if (turn !== undefined) referee.settle(turn);
  else if (dies === "before_commit") referee.crash();
  else referee.forget();
  return true;
};

/** What is due by now has been done once the alarm has run (D4, C9, D8). */
export const doAlarm = (referee: Referee, dies?: Death): void => {
  const { model, world } = referee;
  if (!world.alarmIsDue) return;
  model.turn += 1;
  const wasUnrecorded = model.unrecordedSince;
  world.alarm((turn) => {
    if (turn === undefined) {
      if (dies === "before_commit") referee.crash();
      else referee.forget();
      return;
    }
    const { now } = turn;
    if (wasUnrecorded !== undefined) model.allDurable();
    referee.perform(turn);
    forgetUnseen(model, now);
    for (const c of model.connections.values()) {
      expect(now < c.expiresAt, "C9", () => `${c.id} is open after its token's end and the alarm`);
      expect(
        turn.kind === "committed" || c.flight.length === 0 || now < c.progressAt + 2 * model.settings.ackTimeoutMs,
        "D4",
        () => `${c.id} has acked nothing for twice the ack timeout, and is open after the alarm`,
      );
    }
    referee.noteStored(now);
    model.letters = model.lettersAt(now);
    const over = model.messages.find((m) => m.end === undefined && !m.ephemeral && m.expiresAt <= now);
    expect(turn.result || over === undefined, "D8", () => `${over?.seq} is over, and stored after the alarm`);
    const late = awaiting(model).find((m) => (m.fallbackAt ?? 0) <= now && m.expiresAt > now);
    expect(turn.result || late === undefined, "D8", () => `${late?.seq} is due for the webhook, and was not told of`);
    if (turn.kind === "committed") referee.settle(turn);
    else if (model.revokedAt + LIMITS.tokenTtlMaxMs <= now) model.revokedAt = -1;
  }, dies);
  if (dies !== undefined) return;
  checkAlarm(world, model, world.now);
  // What was due for the webhook is sent as its alarm has run.
  while (doTell(referee)) checkAlarm(world, model, world.now);
};
