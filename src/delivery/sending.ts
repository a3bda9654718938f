/** How messages are accepted, a group of calls in one commit, and what their senders are told (S1–S8). */
import { acceptanceOf, heldOf } from "../outbox/accepting.ts";
import type { Known } from "../outbox/knowing.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { SendCall, Sent } from "../protocol/mailbox-api.ts";
import type { NewMessage } from "../protocol/message.ts";
import { flush } from "./acks.ts";
import type { Desk } from "./desk.ts";
import { goDirect, isAnyOver, sendDirect, storeDirect } from "./direct.ts";
import { type Ephemeral, ephemeralState } from "./ephemerals.ts";
import { closeUnfit, type Fresh, pump, pumpAll, spread } from "./streaming.ts";
import { endEphemeral, settleWaits } from "./waiting.ts";

/** One call's part of a group that is committed together. */
export interface GroupedCall {
  /** The shell's name for it; unique while it waits. */
  readonly call: number;
  readonly send: SendCall;
}

export interface CallOutcome {
  readonly replies: readonly (Sent | Refusal)[];
  /** Replies to hold back: which message, and for how long at most. */
  readonly waits: readonly { readonly index: number; readonly seq: number; readonly forMs: number }[];
}

/** What became of one message of a call, before anybody was sent anything. */
type Draft =
  | { readonly kind: "known"; readonly known: Known; readonly replayed: boolean }
  | { readonly kind: "ephemeral"; readonly seq: number; readonly replayed: boolean }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** Accepts a group of calls in one commit and sends what is new to whoever has room for it. */
export const send = (desk: Desk, calls: readonly GroupedCall[], now: number): readonly CallOutcome[] => {
  const user = calls.find(({ send }) => send.user !== undefined)?.send.user;
  if (user !== undefined) desk.outbox.own(user);
  if (isAnyOver(desk, now)) storeDirect(desk, now);
  closeUnfit(desk, now);
  if (goDirect(desk, calls, now)) return sendDirect(desk, calls, now);
  storeDirect(desk, now);
  if (desk.outbox.restsOnAcks(calls.flatMap(({ send }) => send.messages))) flush(desk, now);
  desk.outbox.forgetUnseen(desk.connectedDevices(), now);
  pumpAll(desk, now);
  const before = desk.outbox.highestHeld;
  const wasIdle = desk.sessions.size === 0 && before === 0;
  const group: Group = { fresh: [], ephemerals: new Map() };
  const { fresh } = group;
  const drafts = calls.map(({ send }) => {
    let full = false;
    return send.messages.map((message): Draft => {
      if (full) return { kind: "refused", refusal: outboxFull() };
      const draft = accept(desk, message, group, now);
      full = draft.kind === "refused" && draft.refusal.code === "outbox_full";
      return draft;
    });
  });
  desk.outbox.write();
  spread(desk, fresh, before, now);
  // What was replaced or pushed out may have been what somebody had no room for.
  if (desk.outbox.anyEnded) for (const session of desk.sessions.values()) pump(desk, session, now);
  for (const f of fresh) {
    if (f.kind === "ephemeral") desk.ephemerals.add({ ...f.ephemeral, sentTo: f.reached.length });
  }
  if (wasIdle && fresh.some((f) => f.kind === "owed")) desk.effects.push({ kind: "waiting" });
  const outcomes = drafts.map((messages, at) => outcomeOf(desk, calls[at] as GroupedCall, messages, now));
  settleWaits(desk, now);
  return outcomes;
};

/** What is new in the group that is being accepted. */
interface Group {
  readonly fresh: Fresh[];
  /** Those that are never stored, by the id of their sender's. */
  readonly ephemerals: Map<string, Ephemeral>;
}

const accept = (desk: Desk, message: NewMessage, { fresh, ephemerals }: Group, now: number): Draft => {
  const { id } = message;
  if (message.fallbackMs && !desk.settings.hasReceiver) return { kind: "refused", refusal: noReceiver() };
  const onItsWay = id === undefined ? undefined : (ephemerals.get(id) ?? desk.ephemerals.withId(id));
  if (onItsWay !== undefined) {
    return onItsWay.message.digest === message.digest
      ? { kind: "ephemeral", seq: onItsWay.seq, replayed: true }
      : { kind: "refused", refusal: idReused(message.id, onItsWay.seq) };
  }
  if (message.ttlMs === 0) {
    const twin = desk.outbox.twin(message, now);
    if (twin === undefined) {
      const ephemeral = { seq: desk.outbox.takeSeq(now), message, acceptedAt: now, sentTo: 0 };
      if (id !== undefined) ephemerals.set(id, ephemeral);
      const { head, entry } = heldOf(desk.settings, message, ephemeral.seq, now);
      desk.outbox.witness.seen?.push(acceptanceOf(head, message));
      // It goes alone: whether it arrived is told of it by itself.
      fresh.push({
        kind: "ephemeral",
        message: { head: { ...head, appendType: null }, entry },
        ephemeral,
        reached: [],
      });
      return { kind: "ephemeral", seq: ephemeral.seq, replayed: false };
    }
    return twin.kind === "twin"
      ? { kind: "known", known: twin.known, replayed: true }
      : { kind: "refused", refusal: idReused(message.id, twin.seq) };
  }
  const appended = desk.outbox.append(message, now);
  switch (appended.kind) {
    case "new":
      fresh.push({ kind: "owed", message: appended.message });
      return { kind: "known", known: desk.outbox.knownOf(appended.message.head, now), replayed: false };
    case "twin":
      return { kind: "known", known: appended.known, replayed: true };
    case "other_content":
      return { kind: "refused", refusal: idReused(message.id, appended.seq) };
    case "full":
      return { kind: "refused", refusal: outboxFull() };
  }
};

const outcomeOf = (desk: Desk, { call, send }: GroupedCall, drafts: readonly Draft[], now: number): CallOutcome => {
  const waits: { index: number; seq: number; forMs: number }[] = [];
  const wait = (index: number, seq: number, forMs: number) => {
    if (forMs <= 0 || desk.waits.count >= LIMITS.waitersMax) return false;
    desk.waits.add(seq, { call, index });
    waits.push({ index, seq, forMs });
    return true;
  };
  const replies = drafts.map((draft, index): Sent | Refusal => {
    switch (draft.kind) {
      case "refused":
        return draft.refusal;
      case "known": {
        const { seq } = draft.known;
        // Another message of the same group may have ended it already.
        const known = desk.outbox.hasEnded(seq) ? desk.outbox.state(seq, now) : draft.known;
        const message = desk.stateOf(known ?? draft.known);
        if (message.status === "queued" && send.waitMs !== undefined) {
          // A wait ends with the message, even where nobody sweeps at that instant.
          wait(index, message.seq, Math.min(send.waitMs, message.expiresAt - now));
        }
        return { ok: true, message, replayed: draft.replayed };
      }
      case "ephemeral": {
        const ephemeral = desk.ephemerals.get(draft.seq);
        if (ephemeral === undefined) {
          // A twin in the same turn, whose first has been dropped already.
          const known = desk.outbox.state(draft.seq, now) as Known;
          return { ok: true, message: desk.stateOf(known), replayed: true };
        }
        // A twin that says no `ttl: 0` of its own has no wait of its own either (S4).
        const ownMs = send.messages[index]?.ttlMs === 0 ? LIMITS.ephemeralWaitMs : 0;
        const forMs = Math.min(send.waitMs ?? ownMs, LIMITS.waitMaxMs);
        const waiting = ephemeral.sentTo > 0 && wait(index, draft.seq, forMs);
        // Without a wait it is over at once, unless it is a twin of one that others wait for.
        const message =
          waiting || desk.waits.has(draft.seq)
            ? ephemeralState(ephemeral, "queued", desk.outbox.devices.count, now)
            : endEphemeral(desk, ephemeral, "dropped", now);
        return { ok: true, message, replayed: draft.replayed };
      }
    }
  });
  return { replies, waits };
};

export const outboxFull = (): Refusal =>
  refuse(
    "outbox_full",
    "This user's outbox is full of messages that nobody has acked. Send again later, recall some, or give them a shorter ttl.",
    { retryAfterSeconds: 30 },
  );

const noReceiver = (): Refusal =>
  refuse(
    "not_configured",
    "A fallback needs a webhook to go to: set WEBHOOK_URL and WEBHOOK_SECRET, or send without `fallback`.",
  );

const idReused = (id: string | undefined, seq: number): Refusal =>
  refuse(
    "id_reused",
    "This id was used for a message with another type or data. Send the same content again, or choose a new id.",
    { extra: { id, seq } },
  );

/** What the senders of a group are told that was accepted and erased in one turn (U4). */
export const asErased = ({ replies, waits }: CallOutcome): CallOutcome => ({
  waits,
  replies: replies.map((reply) =>
    reply.ok && reply.message.status === "queued"
      ? { ...reply, message: { ...reply.message, status: "erased", devices: 0, sentTo: 0 } }
      : reply,
  ),
});
