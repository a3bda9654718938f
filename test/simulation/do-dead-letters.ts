/** Dead letters: listed, requeued, thrown away, one by one or in steps of a job (D7, N5). */
import type { DeadLetterSelector } from "../../src/protocol/mailbox-api.ts";
import { expect, fail, same } from "./mismatch.ts";
import type { Letter, Message } from "./model.ts";
import { checkComplete } from "./model-stream.ts";
import { checkTrail } from "./model-trails.ts";
import type { Death, LetterChoice, Op } from "./operations.ts";
import type { Referee } from "./referee.ts";

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
