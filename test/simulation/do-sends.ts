/** Sends, alone or as a group in one commit, and what waits for their end (S). */
import type { Delivery } from "../../src/delivery/delivery.ts";
import type { Refusal } from "../../src/protocol/errors.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Sent } from "../../src/protocol/mailbox-api.ts";
import type { MessageState, NewMessage } from "../../src/protocol/message.ts";
import { checkAlarm } from "./check-alarm.ts";
import { expect, fail, same } from "./mismatch.ts";
import type { Message } from "./model.ts";
import type { Connection } from "./model-connection.ts";
import { forgetUnseen } from "./model-devices.ts";
import { checkComplete, hasBacklogBefore } from "./model-stream.ts";
import type { CallPlan, Death, MessagePlan } from "./operations.ts";
import type { Referee } from "./referee.ts";
import type { Turn } from "./world.ts";

type Reply = Sent | Refusal;
type GroupedCall = Parameters<Delivery["send"]>[0][number];

const newMessage = (plan: MessagePlan): NewMessage => {
  const data = plan.append === true ? `"${plan.content}é"` : `{"n":${plan.content}}`;
  return {
    type: "t",
    data,
    bytes: plan.bytes,
    ...(plan.id === undefined ? {} : { id: `id-${plan.id}`, digest: data }),
    ...(plan.ttlMs === undefined ? {} : { ttlMs: plan.ttlMs }),
    ...(plan.topic === undefined ? {} : { topic: `topic-${plan.topic}` }),
    ...(plan.append === undefined ? {} : { append: plan.append }),
    ...(plan.fallbackMs === undefined ? {} : { fallbackMs: plan.fallbackMs }),
  };
};

const grouped = (referee: Referee, plans: readonly CallPlan[]): readonly GroupedCall[] =>
  plans.map(({ messages, waitMs }) => {
    referee.lastCall += 1;
    return {
      call: referee.lastCall,
      send: { user: "user", messages: messages.map(newMessage), ...(waitMs === undefined ? {} : { waitMs }) },
    };
  });

/** A message with its reply, to be held against the model once its frames are known. */
interface Accepted {
  readonly m: Message;
  readonly state: MessageState;
  readonly isNew: boolean;
}

/** Holds one reply against the rules, in the order in which the group was accepted. */
const checkReply = (referee: Referee, message: NewMessage, reply: Reply, now: number): Accepted | undefined => {
  const { model } = referee;
  if (message.fallbackMs !== undefined && !model.settings.hasReceiver) {
    same(reply.ok ? "ok" : reply.code, "not_configured", "A5", () => "reply to a fallback that can go nowhere");
    return undefined;
  }
  const twin = message.id === undefined ? undefined : model.byId(message.id);
  if (twin !== undefined && (model.isKnown(twin, now) || (reply.ok && reply.replayed))) {
    if (twin.data !== message.data) {
      same(reply.ok ? "ok" : reply.code, "id_reused", "S4", () => `reply to other content under ${message.id}`);
      return undefined;
    }
    if (!reply.ok) return fail("S4", `a twin of ${twin.seq} was refused: ${reply.code}`);
    same(reply.replayed, true, "S4", () => `replayed of a twin of ${twin.seq}`);
    return { m: twin, state: reply.message, isNew: false };
  }
  if (!reply.ok && reply.code === "id_reused" && twin !== undefined) return undefined;
  const fits = message.ttlMs === 0 || model.makeRoom(message.bytes, message.append ? undefined : message.topic, now);
  if (!fits) {
    same(reply.ok ? "ok" : reply.code, "outbox_full", "S8", () => "reply to a send for which there is no room");
    return undefined;
  }
  if (!reply.ok) return fail("S8", `a send was refused as ${reply.code}, and there is room`);
  same(reply.replayed, false, "S4", () => `replayed of ${reply.message.seq}, which is new`);
  const { seq } = reply.message;
  const { ttlDefaultMs, ttlMaxMs } = model.settings;
  expect(model.highestSeq > 0 || seq >= now * 1_024, "D10", () => `the first seq is ${seq} at ${now}`);
  const fallbackMs = message.ttlMs === 0 ? null : (message.fallbackMs ?? model.settings.fallbackMs);
  const m = model.add({
    seq,
    id: message.id ?? `~${seq}`,
    type: message.type,
    data: message.data,
    bytes: message.bytes,
    topic: message.ttlMs === 0 ? undefined : message.topic,
    acceptedAt: now,
    expiresAt: now + Math.min(message.ttlMs ?? ttlDefaultMs, ttlMaxMs),
    ephemeral: message.ttlMs === 0,
    fallbackAt: fallbackMs === null ? undefined : now + fallbackMs,
    appendTo: message.append === true ? message.topic : undefined,
  });
  return { m, state: reply.message, isNew: true };
};

const checkReplies = (
  referee: Referee,
  calls: readonly GroupedCall[],
  replies: readonly (readonly Reply[])[],
  now: number,
) =>
  calls.map(({ send }, at) => {
    let full = false;
    return send.messages.map((message, index) => {
      const reply = replies[at]?.[index];
      if (reply === undefined) return fail("S9", "a message without a reply");
      if (full) {
        same(reply.ok ? "ok" : reply.code, "outbox_full", "S9", () => "reply after one that was refused as full");
        return undefined;
      }
      full = !reply.ok && reply.code === "outbox_full";
      return checkReply(referee, message, reply, now);
    });
  });

/** S5: to connections that are caught up and have room, and to no others. */
const checkEphemeral = (referee: Referee, { m, state }: Accepted, wasCaughtUp: ReadonlySet<string>, now: number) => {
  let sentTo = 0;
  for (const c of referee.model.connections.values()) {
    if (c.got.has(m.seq)) sentTo += 1;
    else if (wasCaughtUp.has(c.id) && !hasBacklogBefore(referee.model, c, m.seq, now)) {
      expect(!c.hasRoomFor(m.bytes), "S5", () => `${c.id} has room for ttl 0 ${m.seq}, and was not sent it`);
    }
  }
  same(state.sentTo, sentTo, "S7", () => `sentTo of ttl 0 ${m.seq}`);
  return sentTo;
};

export const doSend = (referee: Referee, plans: readonly CallPlan[], dies?: Death): void => {
  const { model } = referee;
  const calls = grouped(referee, plans);
  const turn = referee.turn((delivery, now) => delivery.send(calls, now), dies);
  if (turn === undefined) return;
  const { result, now } = turn;
  forgetUnseen(model, now);
  // Who is not to be sent anything any more is closed before anything is accepted.
  referee.perform(
    turn,
    {},
    turn.effects.filter((e) => e.kind === "close"),
  );
  // Also of what a byte-full window holds back: a group that ends it does so after its first messages had their turn.
  const hadNothingToCome = (c: Connection) => c.caughtUp && !hasBacklogBefore(model, c, Number.MAX_SAFE_INTEGER, now);
  const wasCaughtUp = new Set([...model.connections.values()].filter(hadNothingToCome).map((c) => c.id));
  const accepted = checkReplies(
    referee,
    calls,
    result.map((outcome) => outcome.replies),
    now,
  );
  referee.perform(
    turn,
    {},
    turn.effects.filter((e) => e.kind === "frame"),
  );
  calls.forEach((call, at) => {
    const waits = result[at]?.waits ?? [];
    accepted[at]?.forEach((a, index) => {
      const wait = waits.find((w) => w.index === index);
      if (a !== undefined) settleReply(referee, call, index, a, wait?.forMs, turn, wasCaughtUp);
      if (wait === undefined) return;
      const held = referee.waiting.get(call.call) ?? new Map();
      referee.waiting.set(call.call, held.set(index, { seq: wait.seq, deadline: now + wait.forMs }));
    });
  });
  for (const a of accepted.flat()) if (a?.isNew && !a.m.ephemeral) referee.noteDirect(a.m);
  referee.perform(
    turn,
    {},
    turn.effects.filter((e) => e.kind !== "frame" && e.kind !== "close"),
  );
  if (turn.kind === "done") {
    referee.checkAllFit(now);
    for (const c of model.connections.values()) checkComplete(model, c, now);
  }
  referee.settle(turn);
};

/** What the reply says, and how long it is held back. */
const settleReply = (
  referee: Referee,
  { send }: GroupedCall,
  index: number,
  a: Accepted,
  forMs: number | undefined,
  turn: Turn<unknown>,
  wasCaughtUp: ReadonlySet<string>,
): void => {
  const { model } = referee;
  const { m, state } = a;
  const { now } = turn;
  if (m.ephemeral && m.end === undefined) {
    const sentTo = turn.kind === "done" && a.isNew ? checkEphemeral(referee, a, wasCaughtUp, now) : state.sentTo;
    const own = send.messages[index]?.ttlMs === 0 ? LIMITS.ephemeralWaitMs : 0;
    const asked = Math.min(send.waitMs ?? own, LIMITS.waitMaxMs);
    const waits = sentTo > 0 && asked > 0;
    same(forMs, waits ? asked : undefined, "S5", () => `wait of ttl 0 ${m.seq}`);
    // A twin without a wait of its own does not end what others wait for.
    const goesOn = waits || referee.isWaitedFor(m.seq);
    same(state.status, goesOn ? "queued" : "dropped", "S5", () => `status of ttl 0 ${m.seq}`);
    if (!goesOn) model.end(m, "dropped", now);
    return;
  }
  // One call of the group may replace what another has just sent: its reply was true when that was accepted.
  const endedSince = m.end === "replaced" && m.endedIn === model.turn && state.status === "queued";
  if (!endedSince && turn.kind === "done") referee.checkState(m, state, now);
  const asked = state.status === "queued" ? Math.min(send.waitMs ?? 0, m.expiresAt - now) : 0;
  same(forMs, asked > 0 ? asked : undefined, "S3", () => `wait of ${m.seq}`);
};

/** The time of what is on its way, and not stored yet, is over. */
export const endGrace = (referee: Referee): void => {
  if (!referee.world.graceIsOver) return;
  const turn = referee.turn((delivery, now) => delivery.endGrace(now));
  if (turn === undefined) return;
  referee.perform(turn);
  referee.settle(turn);
};

/** The time of waits is over, in the order of their deadlines. */
export const endWaits = (referee: Referee): void => {
  for (;;) {
    const at = referee.world.now;
    const due = [...referee.waiting]
      .flatMap(([call, waits]) => [...waits].map(([index, wait]) => ({ call, index, ...wait })))
      .filter((wait) => wait.deadline <= at)
      .sort((a, b) => a.deadline - b.deadline)[0];
    if (due === undefined) return;
    const turn = referee.turn((delivery, now) => delivery.waitOver(due, now));
    if (turn === undefined) return;
    const { model } = referee;
    const m = model.bySeq(due.seq);
    if (m === undefined) return fail("S3", `a wait for ${due.seq}, which there is not`);
    // The longest wait for what is never stored decides when it is over (S5).
    const wasWaiting = referee.waiting.get(due.call)?.delete(due.index);
    if (m.ephemeral && m.end === undefined && !referee.isWaitedFor(m.seq)) model.end(m, "dropped", turn.now);
    if (wasWaiting) referee.waiting.get(due.call)?.set(due.index, due);
    model.allDurable();
    referee.perform(turn);
    if (turn.result !== undefined) referee.checkState(m, turn.result, turn.now);
    const isSettled = !referee.waiting.get(due.call)?.has(due.index);
    expect(turn.result !== undefined || isSettled, "S3", () => `the wait for ${due.seq} is over without a reply`);
    referee.dropWait(due.call, due.index);
    referee.settle(turn);
  }
};

/** S13: a caller that hangs up cancels nothing. */
export const doHangUp = (referee: Referee, which: number): void => {
  const calls = [...referee.waiting.keys()];
  const call = calls[which % calls.length];
  if (call === undefined) return;
  const waits = [...(referee.waiting.get(call)?.values() ?? [])];
  const turn = referee.turn((delivery, now) => delivery.stopWaiting(call, now));
  if (turn === undefined) return;
  // The wait goes on where it is also what ends a message that is never stored (S5).
  const goesOn = waits.some(({ seq }) => referee.model.bySeq(seq)?.ephemeral === true);
  same(turn.result, !goesOn, "S13", () => "whether a wait is over as its caller has hung up");
  if (!goesOn) referee.waiting.delete(call);
  referee.settle(turn);
};

/** U4: sends in progress are accepted and erased in one turn, and their senders told so. */
export const doErase = (referee: Referee, plans: readonly CallPlan[], dies?: Death): void => {
  const { model } = referee;
  const calls = grouped(referee, plans);
  const turn = referee.turn((delivery, now) => {
    const outcomes = delivery.send(calls, now);
    delivery.erase(now);
    return outcomes;
  }, dies);
  if (turn === undefined) return;
  referee.hasErased = true;
  const { now } = turn;
  forgetUnseen(model, now);
  const isErasure = (e: (typeof turn.effects)[number]) => e.kind === "close" && e.reason === "erased";
  referee.perform(
    turn,
    {},
    turn.effects.filter((e) => e.kind === "close" && !isErasure(e)),
  );
  checkReplies(
    referee,
    calls,
    turn.result.map((outcome) => outcome.replies),
    now,
  );
  referee.perform(
    turn,
    {},
    turn.effects.filter((e) => e.kind === "frame"),
  );
  turn.result.forEach((outcome, at) => {
    const waits = new Map(outcome.waits.map((w) => [w.index, { seq: w.seq, deadline: now + w.forMs }]));
    if (waits.size > 0) referee.waiting.set((calls[at] as GroupedCall).call, waits);
  });
  referee.perform(
    turn,
    { erased: true },
    turn.effects.filter((e) => isErasure(e) || e.kind === "ended"),
  );
  if (turn.kind === "done") {
    same(model.connections.size, 0, "U4", () => "connections open after an erasure");
    same(referee.waiting.size, 0, "U4", () => "calls that wait after an erasure");
  }
  referee.waiting.clear();
  model.erase(now);
  // What the outbox keeps in memory is of tables that are empty now.
  referee.world.hibernate();
  void referee.world.now;
  checkAlarm(referee.world, referee.model, now);
};
