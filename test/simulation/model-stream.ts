/** What one connection may be sent, and what it must have been sent by now (C2, C3, C4, C7). */
import type { LossCounts } from "../../src/protocol/frames.ts";
import { rfc3339 } from "../../src/protocol/instant.ts";
import { expect, fail, same } from "./mismatch.ts";
import type { Message, Model } from "./model.ts";
import type { Connection } from "./model-connection.ts";
import { noteSent } from "./model-trails.ts";

interface Owed {
  readonly message: Message;
  /** Absent = the message itself. */
  readonly loss?: NonNullable<Message["lost"]>;
}

/** What is owed to a connection above what it was sent, in order: messages, and losses that are its device's own. */
const owed = (model: Model, c: Connection, now: number): Owed[] => {
  const cleanFrom = model.devices.get(c.device)?.cleanFrom ?? 0;
  const items: Owed[] = [];
  for (const message of model.messages) {
    if (message.seq <= c.sent) continue;
    if (model.isHeld(message, now)) items.push({ message });
    else {
      const loss = model.lossOf(message, now);
      if (loss !== undefined && loss.at > cleanFrom) items.push({ message, loss });
    }
  }
  return items;
};

const mayBeSentNow = (c: Connection, now: number): void => {
  expect(c.established, "C1", () => `${c.id} was sent something before its confirmation`);
  expect(now < c.expiresAt, "C9", () => `${c.id} was sent something after its token's end`);
};

const push = (c: Connection, seqs: readonly number[], bytes: number, now: number): void => {
  expect(c.hasRoomFor(bytes), "C7", () => `${c.id} was sent ${seqs} beyond its window of ${c.window}`);
  c.push(seqs, bytes, now);
};

export interface WireMessage {
  readonly seq: number;
  readonly first_seq?: number;
  readonly id: string;
  readonly type: string;
  readonly data?: unknown;
  readonly timestamp: string;
  readonly topic?: string;
  readonly append?: boolean;
}

export const checkMessages = (
  model: Model,
  c: Connection,
  prev: number,
  entries: readonly WireMessage[],
  now: number,
): void => {
  mayBeSentNow(c, now);
  same(prev, c.sent, "C3", () => `prev of a messages frame to ${c.id}`);
  expect(entries.length > 0, "C3", () => "a messages frame without a message");
  entries.forEach((entry, at) => {
    const messages = covered(model, c, entry, now);
    for (const m of messages) checkTurn(model, c, m, now);
    const last = messages.at(-1) as Message;
    same(entry.id, last.id, "C3", () => `id of ${last.seq}`);
    same(entry.type, last.type, "C3", () => `type of ${last.seq}`);
    same(entry.data === undefined ? undefined : JSON.stringify(entry.data), dataOf(messages), "C3", () => {
      return `data of ${last.seq}`;
    });
    same(entry.timestamp, rfc3339(last.acceptedAt), "C3", () => `timestamp of ${last.seq}`);
    same(entry.append === true ? entry.topic : undefined, last.appendTo, "C3", () => `topic of ${last.seq}`);
    const next = entries[at + 1];
    const goesOn = next?.append === true && next.topic === entry.topic && entry.append === true;
    const bytes = total(goesOn ? [...messages, ...covered(model, c, next, now)] : messages);
    const isEphemeral = last.ephemeral || model.bySeq(next?.seq ?? 0)?.ephemeral === true;
    const [{ seq: first }] = messages as [Message];
    const mayGoApart = isEphemeral || bytes > FOLD_MAX_BYTES || (c.gotBefore !== undefined && first <= c.target);
    expect(!goesOn || mayGoApart, "C3", () => `${last.seq} and what follows go apart`);
    const isKnown = messages.length > 1 && first <= (c.gotBefore ?? 0);
    expect(!isKnown, "D3", () => `${c.id}, which may have ${first} already, was sent it as one with ${last.seq}`);
    push(
      c,
      messages.map((m) => m.seq),
      total(messages),
      now,
    );
    model.sentTo.set(c.device, Math.max(last.seq, model.sentTo.get(c.device) ?? 0));
    for (const m of messages) {
      m.wasSent = true;
      noteSent(m, c, now);
    }
  });
};

/** What is too large to be joined. */
const FOLD_MAX_BYTES = 48 * 1_024;

/** Of those that go as one, only the first has a type and all that stands around a text. */
const total = (messages: readonly Message[]): number =>
  messages.reduce((sum, m, at) => sum + m.bytes - (at === 0 ? 0 : AROUND_BYTES), 0);

/** `{"type":"t","data":""}` */
const AROUND_BYTES = 22;

/** The messages that an entry stands for: one, or all that are owed from its first to its last. */
const covered = (model: Model, c: Connection, entry: WireMessage, now: number): readonly Message[] => {
  const m = model.bySeq(entry.seq);
  if (m === undefined) return fail("C3", `${c.id} was sent ${entry.seq}, which nobody has sent`);
  const first = entry.first_seq;
  if (first === undefined) return [m];
  expect(first < entry.seq, "C3", () => `first_seq of ${entry.seq} is ${first}`);
  const all = model.messages.filter(({ seq }) => seq >= first && seq <= entry.seq);
  const sent = all.filter((other) => {
    return !other.ephemeral && other.appendTo === m.appendTo && (model.isHeld(other, now) || endsNow(model, other));
  });
  expect(m.appendTo !== undefined && sent[0]?.seq === first, "C3", () => `${entry.seq} stands for ${first} to itself`);
  return sent;
};

const dataOf = (messages: readonly Message[]): string | undefined =>
  messages.length === 1
    ? messages[0]?.data
    : JSON.stringify(messages.map(({ data }) => JSON.parse(data ?? "") as string).join(""));

/** What ended in this very turn may have been sent before it did. */
const endsNow = (model: Model, m: Message): boolean => m.end !== undefined && m.endedIn === model.turn;

/** Whether a message may be sent, and nothing that was to come before it was left out. */
const checkTurn = (model: Model, c: Connection, m: Message, now: number): void => {
  expect(m.seq > c.sent, "D2", () => `${c.id} was sent ${m.seq} after ${c.sent}`);
  if (m.ephemeral) expect(c.caughtUp, "S5", () => `${c.id} was sent ttl 0 ${m.seq} before it was caught up`);
  else
    expect(endsNow(model, m) || model.isHeld(m, now), "D8", () => `${c.id} was sent ${m.seq}, ${model.status(m, now)}`);
  const next = owed(model, c, now).find((item) => item.message.endedIn !== model.turn || item.loss !== undefined);
  const skipped = next !== undefined && next.message.seq < m.seq && !isFoldedWith(next.message, m);
  expect(
    !skipped,
    "D2",
    () => `${c.id} was sent ${m.seq} before ${next?.message.seq}, ${next?.loss === undefined ? "a message" : "a gap"}`,
  );
};

/** Of those that go as one, the ones before it come with it. */
const isFoldedWith = (before: Message, m: Message): boolean =>
  m.appendTo !== undefined && before.appendTo === m.appendTo;

export const checkGap = (
  model: Model,
  c: Connection,
  frame: { readonly prev: number; readonly seq: number; readonly count: number; readonly reasons: Partial<LossCounts> },
  now: number,
): void => {
  mayBeSentNow(c, now);
  same(frame.prev, c.sent, "C3", () => `prev of a gap to ${c.id}`);
  const counts = { expired: 0, overtaken: 0, undeliverable: 0 };
  let last = 0;
  for (const { message, loss } of owed(model, c, now)) {
    if (message.seq > frame.seq) break;
    if (loss === undefined) return fail("C4", `a gap at ${frame.seq} to ${c.id} goes over the message ${message.seq}`);
    counts[loss.reason] += 1;
    last = message.seq;
  }
  same(frame.seq, last, "C4", () => `place of a gap to ${c.id}`);
  same(frame.count, counts.expired + counts.overtaken + counts.undeliverable, "C4", () => `count of the gap ${last}`);
  same(frame.reasons.expired, counts.expired, "C4", () => `expired of the gap ${last}`);
  same(frame.reasons.overtaken, counts.overtaken, "C4", () => `overtaken of the gap ${last}`);
  same(frame.reasons.undeliverable ?? 0, counts.undeliverable, "C4", () => `undeliverable of the gap ${last}`);
  push(c, [frame.seq], 0, now);
};

export const checkCaughtUp = (model: Model, c: Connection, seq: number, now: number): void => {
  mayBeSentNow(c, now);
  expect(!c.caughtUp, "C2", () => `${c.id} was told twice that it is caught up`);
  same(seq, c.sent, "C2", () => `seq of caught_up to ${c.id}`);
  const left = owed(model, c, now).find(({ message }) => message.seq <= c.target && message.endedIn !== model.turn);
  expect(left === undefined, "C2", () => `${c.id} was told that it is caught up, but ${left?.message.seq} is left`);
  c.caughtUp = true;
};

/** S5: whether it is caught up, with nothing held back that was sent before `seq`, or was until this turn. */
export const hasBacklogBefore = (model: Model, c: Connection, seq: number, now: number): boolean =>
  isFreed(model, c) || owed(model, c, now).some(({ message }) => message.seq < seq);

/** Whether something ended in this turn that it had no room for: what comes after it comes with the next. */
const isFreed = (model: Model, c: Connection): boolean =>
  model.messages.some((m) => !m.ephemeral && m.endedIn === model.turn && m.seq > c.sent);

/** After a turn in which it was to be sent what it has room for: nothing was kept back. */
export const checkComplete = (model: Model, c: Connection, now: number): void => {
  if (c.flight.length >= c.window) return;
  const items = owed(model, c, now);
  const next = items[0];
  if (isFreed(model, c)) return;
  const bytes = next === undefined || next.loss !== undefined ? 0 : next.message.bytes;
  expect(
    next === undefined || !c.hasRoomFor(bytes),
    "C2",
    () => `${c.id} has room for ${next?.message.seq} (${next?.loss?.reason ?? "a message"}), and was not sent it`,
  );
  const left = next !== undefined && (next.message.seq <= c.target || !c.hasRoomFor(bytes));
  expect(c.caughtUp || left, "C2", () => `${c.id} is caught up, and was not told so`);
};
