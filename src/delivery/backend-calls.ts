/** What the backend asks and orders beside sending (S10, U1, U3, U4, D7). Each begins with a flush: what it says or does rests on acks. */
import type { Device } from "../outbox/devices.ts";
import type { Held } from "../outbox/messages.ts";
import type { TrailTeller } from "../outbox/trail.ts";
import { closeCodeOf, type Refusal, refuse } from "../protocol/errors.ts";
import { contentOf } from "../protocol/frames.ts";
import type {
  BulkStep,
  BulkStepDone,
  ConnectionState,
  DeadLetterSelector,
  HeldMessage,
  Page,
  Requeued,
  UserState,
  WebhookEntry,
} from "../protocol/mailbox-api.ts";
import { type MessageState, serverId } from "../protocol/message.ts";
import { flush } from "./acks.ts";
import { closeAll, forget } from "./closing.ts";
import type { Desk } from "./desk.ts";
import { ephemeralState } from "./ephemerals.ts";
import { outboxFull } from "./sending.ts";
import type { Session } from "./session.ts";
import { pumpAll } from "./streaming.ts";
import { noteEphemeralEnd, reply, settleWaits } from "./waiting.ts";

export const held = (desk: Desk, after: number, limit: number, now: number): Page<HeldMessage> => {
  flush(desk, now);
  const messages = desk.outbox.list(after, limit, now);
  const trailOf = desk.outbox.trails.teller();
  const last = messages.at(-1)?.head.seq ?? after;
  return {
    items: messages.map((m) => heldState(desk, m, trailOf, now)),
    ...(messages.length > 0 && desk.outbox.pending(last, now) > 0 ? { next: last } : {}),
  };
};

const heldState = (desk: Desk, m: Held, trailOf: TrailTeller, now: number): HeldMessage => {
  return {
    ...desk.stateOf(desk.outbox.knownOf(m.head, now)),
    ...contentOf(m.entry),
    ...(m.head.topic === null ? {} : { topic: m.head.topic }),
    trail: trailOf(m.head),
  };
};

export const state = (
  desk: Desk,
  id: string,
  now: number,
): { readonly ok: true; readonly message: HeldMessage | MessageState } | Refusal => {
  flush(desk, now);
  const seq = desk.outbox.seqOf(id);
  // An end that a reply has told stays one, whatever the clock does after a restart (S1, D10).
  if (seq !== undefined) desk.outbox.sweepRange(seq - 1, seq, now);
  const held = seq === undefined ? undefined : desk.outbox.held(seq, now);
  if (held !== undefined && sameId(held, id)) {
    return { ok: true, message: heldState(desk, held, desk.outbox.trails.teller(), now) };
  }
  const onItsWay = desk.ephemerals.all().find((e) => (e.message.id ?? serverId(e.seq)) === id);
  if (onItsWay !== undefined) {
    return { ok: true, message: ephemeralState(onItsWay, "queued", desk.outbox.devices.count, now) };
  }
  const known = seq === undefined ? undefined : desk.outbox.state(seq, now);
  if (known === undefined || known.id !== id) return unknownMessage();
  return { ok: true, message: desk.stateOf(known) };
};

export const recall = (
  desk: Desk,
  id: string,
  now: number,
): { readonly ok: true; readonly sent: boolean } | Refusal => {
  flush(desk, now);
  const seq = desk.outbox.seqOf(id);
  const known = seq === undefined ? undefined : desk.outbox.state(seq, now);
  if (known === undefined || known.id !== id) return unknownMessage();
  const sentTo = desk.stateOf(known).sentTo;
  if (!desk.outbox.recall(known.seq, now)) {
    return known.status === "delivered"
      ? refuse("already_acked", "A connection has acked this message: it can no longer be recalled.", {
          extra: { message_status: known.status },
        })
      : refuse("already_ended", `This message has ended as '${known.status}': there is nothing to recall.`, {
          extra: { message_status: known.status },
        });
  }
  // It may have been the last that somebody still had to be sent (C2).
  pumpAll(desk, now);
  settleWaits(desk, now);
  return { ok: true, sent: sentTo > 0 || wasSent(desk, known.seq) };
};

/** Whether a connection that is gone was sent it, as far as is known; in doubt, it was (S10). */
const wasSent = (desk: Desk, seq: number): boolean => {
  return desk.outbox.devices.all().some((device) => seq <= device.sent);
};

/** What is known of the user (U1). */
export const user = (desk: Desk, now: number): UserState => {
  flush(desk, now);
  desk.outbox.sweepAll(now);
  desk.outbox.forgetUnseen(desk.connectedDevices(), now);
  return look(desk, now);
};

/**
 * The same, and nothing is changed by it (N6): what rests in the sessions counts as if it were recorded, and what is on its way
 * goes on being so.
 */
export const look = (desk: Desk, now: number): UserState => {
  const all = [...desk.sessions.values()];
  const cursorOf = ({ name, cursor }: Device): number => {
    const checkpoints = all.flatMap((s) => (s.device === name ? s.checkpoint : []));
    return checkpoints.length === 0 ? cursor : Math.max(cursor, Math.min(...checkpoints));
  };
  const devices = desk.outbox.devices.all().map((device) => ({ ...device, cursor: cursorOf(device) }));
  const acked = Math.max(desk.outbox.ackedThrough, ...all.map((s) => s.acked));
  const { count, bytes, oldestAt } = desk.outbox.summary(Math.min(acked, ...devices.map((d) => d.cursor)), now);
  const sessions = all.filter((s) => s.expiresAt > now);
  const connected = new Set(sessions.map((s) => s.device));
  return {
    connections: sessions.map((s) => connectionState(desk, s)),
    devices: devices.map((d) => ({
      device: d.name,
      cursor: d.cursor,
      connected: connected.has(d.name),
      firstSeenAt: d.firstSeenAt,
      lastSeenAt: d.lastSeenAt,
    })),
    held: { count, bytes, ...(oldestAt === null ? {} : { oldestAt }) },
    deadLetters: desk.outbox.deadLetterCount(now),
  };
};

const connectionState = (desk: Desk, s: Session): ConnectionState => {
  const pingedAt = desk.pingedAt(s);
  return {
    connectionId: s.id,
    device: s.device,
    openedAt: s.openedAt,
    sentSeq: s.sent,
    ackedSeq: s.acked,
    inFlight: s.inFlight,
    window: s.window,
    caughtUp: s.caughtUp,
    tokenExpiresAt: s.expiresAt,
    ...(pingedAt === undefined ? {} : { pingedAt }),
  };
};

export const deadLetters = (desk: Desk, after: number, limit: number, selector: DeadLetterSelector, now: number) => {
  flush(desk, now);
  desk.outbox.sweepAll(now);
  const { letters, more } = desk.outbox.deadLetters(after, limit, selector, now);
  const last = letters.at(-1);
  return { items: letters, ...(more && last !== undefined ? { next: last.seq } : {}) };
};

export const requeue = (
  desk: Desk,
  selector: DeadLetterSelector,
  ttlMs: number | undefined,
  now: number,
): Requeued | Refusal => {
  flush(desk, now);
  desk.outbox.sweepAll(now);
  const { requeued, selected } = desk.outbox.requeue(selector, ttlMs, now);
  if (selected === 0 && "seq" in selector) return unknownDeadLetter();
  if (requeued.length === 0 && selected > 0) return outboxFull();
  pumpAll(desk, now);
  settleWaits(desk, now);
  return {
    ok: true,
    messages: requeued.map((m) => desk.stateOf(desk.outbox.knownOf(m, now))),
    left: selected - requeued.length,
  };
};

export const discard = (
  desk: Desk,
  selector: DeadLetterSelector,
  now: number,
): { readonly ok: true; readonly discarded: number } | Refusal => {
  flush(desk, now);
  desk.outbox.sweepAll(now);
  const discarded = desk.outbox.discard(selector, now);
  return discarded === 0 && "seq" in selector ? unknownDeadLetter() : { ok: true, discarded };
};

export const webhooks = (desk: Desk, after: number, limit: number): Page<WebhookEntry> => {
  const rows = desk.outbox.webhooks.list(after, limit + 1);
  const items = rows.slice(0, limit).map(({ n: _, ...webhook }) => webhook);
  const last = rows[limit - 1];
  return { items, ...(rows.length > limit && last !== undefined ? { next: last.n } : {}) };
};

/** One step of what is done to the dead letters of many users (N5): a turn stays short, however many there are. */
export const bulkStep = (desk: Desk, { action, range, ttlMs, limit }: BulkStep, now: number): BulkStepDone => {
  flush(desk, now);
  desk.outbox.sweepAll(now);
  if (action === "discard") {
    const done = desk.outbox.discard({ range }, now, limit);
    return { done, left: 0, more: done === limit };
  }
  const { requeued, selected } = desk.outbox.requeue({ range }, ttlMs, now, limit);
  pumpAll(desk, now);
  settleWaits(desk, now);
  const left = selected - requeued.length;
  const more = left > 0 && requeued.length === limit;
  return { done: requeued.length, left: more ? 0 : left, more };
};

/** Ends all tokens issued until now, and the connections that stand on them (U3). */
export const revoke = (desk: Desk, now: number): void => {
  flush(desk, now);
  desk.outbox.revoke(now);
  const over = [...desk.sessions.values()].filter((session) => session.issuedAt <= desk.outbox.revokedAt);
  closeAll(desk, over, "token_revoked", now);
};

/** Forgets everything about the user; whoever waits is told so (U4). The object is to be built anew afterwards. */
export const erase = (desk: Desk, now: number): void => {
  flush(desk, now);
  const waited = desk.waits.seqs().map((seq) => {
    const ephemeral = desk.ephemerals.get(seq);
    if (ephemeral !== undefined) return { ...ephemeralState(ephemeral, "erased", 0, now), sentTo: 0 };
    const known = desk.outbox.state(seq, now);
    return known === undefined ? undefined : { ...known, status: "erased" as const, devices: 0, sentTo: 0 };
  });
  for (const message of waited) if (message !== undefined) reply(desk, message.seq, message);
  for (const session of desk.sessions.values()) {
    desk.effects.push({ kind: "close", connection: session.id, code: closeCodeOf("erased"), reason: "erased" });
    desk.touched.add(session);
    forget(desk, session, closeCodeOf("erased"), now);
  }
  for (const ephemeral of desk.ephemerals.all()) noteEphemeralEnd(desk, ephemeral, "erased");
  desk.outbox.erase(now);
};

const sameId = ({ head }: Held, id: string): boolean => (head.id ?? serverId(head.seq)) === id;

const unknownMessage = (): Refusal =>
  refuse("unknown_message", "No message with this id is known: it never was, or it ended more than 24 hours ago.");

const unknownDeadLetter = (): Refusal =>
  refuse("unknown_dead_letter", "There is no dead letter with this seq: list them with GET …/dead-letters.");
