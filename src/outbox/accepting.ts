/** How a message gets in: idempotent by its id (S4), replacing its topic's (S6), where there is room or room can be made (S8). */
import { messageEntry } from "../protocol/frames.ts";
import type { DeadLetterSelector } from "../protocol/mailbox-api.ts";
import { type NewMessage, serverId } from "../protocol/message.ts";
import type { DeliverySettings } from "../settings/delivery.ts";
import { finish, noteDelivered, sweep } from "./ending.ts";
import { type Known, knownOf, state } from "./knowing.ts";
import type { Head, Held } from "./messages.ts";
import type { Tables } from "./tables.ts";

export type Appended =
  | { readonly kind: "new"; readonly message: Held }
  | { readonly kind: "full" }
  | { readonly kind: "twin"; readonly known: Known }
  | { readonly kind: "other_content"; readonly seq: number };

/** Whether accepting these rests on what has been acked so far, which must then be recorded first (D9). */
export const restsOnAcks = (tables: Tables, messages: readonly NewMessage[]): boolean => {
  const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
  return (
    !fits(tables, messages.length, bytes) ||
    messages.some(
      ({ id, topic, append }) =>
        (topic !== undefined && append !== true) || (id !== undefined && tables.receipts.find(id) !== undefined),
    )
  );
};

/** A twin of a message that is known, or what stands against it; undefined where the id is free (S4). */
export const twin = (
  tables: Tables,
  message: NewMessage,
  now: number,
): Extract<Appended, { kind: "twin" | "other_content" }> | undefined => {
  if (message.id === undefined) return undefined;
  const receipt = tables.receipts.find(message.id);
  if (receipt === undefined) return undefined;
  const known = state(tables, receipt.seq, now);
  if (known === undefined) return undefined;
  return receipt.digest === message.digest ? { kind: "twin", known } : { kind: "other_content", seq: receipt.seq };
};

/** Takes a message in: idempotent by its id (S4), replacing its topic's (S6), making room where it may (S8). */
export const append = (tables: Tables, message: NewMessage, now: number): Appended => {
  const known = twin(tables, message, now);
  if (known !== undefined) return known;
  // A delta goes on where the last one of its topic ended: it replaces nothing.
  const replaces = message.topic !== undefined && message.append !== true;
  const replaced = !replaces ? [] : tables.messages.ofTopic(message.topic ?? "", tables.acked, now);
  if (!makeRoom(tables, message.bytes, replaced, now)) return { kind: "full" };
  finish(tables, replaced, "replaced", now);
  const seq = tables.sequence.take(now);
  const held = heldOf(tables.settings, message, seq, now, !tables.devices.anyOpen);
  tables.witness.seen?.push(acceptanceOf(held.head, message));
  insert(tables, held);
  return { kind: "new", message: held };
};

export const insert = (tables: Tables, message: Held): void => {
  const { id, seq } = message.head;
  tables.messages.insert(message);
  noteAccepted(tables, message.head);
  if (id !== null) tables.receipts.add(id, seq);
};

/** Ends a message as delivered that was never stored. Its line in the journal waits for the next flush. */
export const endDirect = (tables: Tables, head: Head, now: number): Known => {
  const { seq, id, digest, acceptedAt, expiresAt } = head;
  tables.journal.defer({ seq, id, digest, end: "delivered", acceptedAt, expiresAt, endedAt: now, requeuedFrom: null });
  if (id !== null) tables.receipts.add(id, seq);
  tables.measured.count("messages_accepted");
  noteDelivered(tables, [head]);
  return { ...knownOf(tables, head, now), status: "delivered", deliveredAt: now };
};

const noteAccepted = ({ measured }: Tables, { acceptedAt, expiresAt, away }: Head): void => {
  measured.count("messages_accepted");
  if (away) measured.count("messages_accepted_away");
  measured.began("held", acceptedAt, expiresAt, acceptedAt);
};

/** As operators are told of it (N6), stored or not. */
export const acceptanceOf = ({ seq, id }: Pick<Head, "seq" | "id">, { type, topic }: NewMessage) =>
  ({
    type: "accepted",
    seq,
    id: id ?? serverId(seq),
    message_type: type,
    ...(topic === undefined ? {} : { topic }),
  }) as const;

/** A message as it is held from now on; `away`: while no device is connected. */
export const heldOf = (
  settings: DeliverySettings,
  message: NewMessage,
  seq: number,
  now: number,
  away = false,
): Held => {
  const { type, data, bytes, id, digest, topic, traceparent } = message;
  const appends = message.append === true;
  const fallbackMs = fallbackMsOf(settings, message);
  return {
    head: {
      seq,
      id: id ?? null,
      digest: id === undefined ? null : (digest ?? ""),
      bytes,
      acceptedAt: now,
      expiresAt: now + Math.min(message.ttlMs ?? settings.ttlDefaultMs, settings.ttlMaxMs),
      deliveredAt: null,
      rejectReason: null,
      requeuedFrom: null,
      topic: topic ?? null,
      fallbackAt: fallbackMs === null ? null : now + fallbackMs,
      escalatedAt: null,
      appendType: appends ? type : null,
      away,
    },
    entry: messageEntry({
      seq,
      id: id ?? serverId(seq),
      type,
      data,
      acceptedAt: now,
      traceparent,
      appendTo: appends ? topic : undefined,
    }),
  };
};

/** How long a message may go un-acked before it goes to the webhook; null where it never does. */
export const fallbackMsOf = (settings: DeliverySettings, message: NewMessage): number | null =>
  message.ttlMs === 0 ? null : message.fallbackMs === undefined ? settings.fallbackMs : message.fallbackMs;

/** Remembers the end of a message that was never stored, so that its id stays idempotent (S4, S5). */
export const rememberEphemeral = (
  tables: Tables,
  message: NewMessage,
  seq: number,
  end: "delivered" | "dropped",
  acceptedAt: number,
  now: number,
) => {
  if (message.id === undefined) return;
  const { id, digest = "" } = message;
  const ended = { seq, id, digest, end, acceptedAt, expiresAt: acceptedAt, endedAt: now, requeuedFrom: null };
  tables.journal.enter([ended], now);
  tables.receipts.add(id, seq);
};

/** Sends dead letters again, in order, as new messages at the end, while there is room (D7). */
export const requeue = (
  tables: Tables,
  selector: DeadLetterSelector,
  ttlMs: number | undefined,
  now: number,
  limit = Number.POSITIVE_INFINITY,
) => {
  const letters = tables.deadLetters.heads(now, 0, selector);
  const requeued: Head[] = [];
  for (const letter of letters) {
    if (requeued.length >= limit) break;
    if (!makeRoom(tables, letter.bytes, [], now)) break;
    const { type, data, topic, append } = tables.deadLetters.content(letter.seq);
    const message: NewMessage = {
      type,
      bytes: letter.bytes,
      ttlMs: ttlMs ?? letter.ttlMs,
      ...(data === null ? {} : { data }),
      ...(topic === null ? {} : { topic }),
      ...(append ? { append } : {}),
    };
    const { head, entry } = heldOf(tables.settings, message, tables.sequence.take(now), now, !tables.devices.anyOpen);
    const again = { head: { ...head, requeuedFrom: letter.seq }, entry };
    tables.messages.insert(again);
    noteAccepted(tables, again.head);
    tables.witness.seen?.push(acceptanceOf(again.head, message));
    requeued.push(again.head);
  }
  tables.messages.write();
  tables.deadLetters.remove(letters.slice(0, requeued.length).map((letter) => letter.seq));
  return { requeued, selected: letters.length };
};

export const fits = (tables: Tables, count: number, bytes: number): boolean => {
  return (
    tables.messages.count + count <= tables.settings.outboxMaxMessages &&
    tables.messages.bytes + bytes <= tables.settings.outboxMaxBytes
  );
};

/** Room for one more, once `leaving` are gone; false where only un-acked messages stand in the way (S8). */
const makeRoom = (tables: Tables, bytes: number, leaving: readonly Head[], now: number): boolean => {
  const leavingBytes = leaving.reduce((sum, head) => sum + head.bytes, 0);
  const hasRoom = () => fits(tables, 1 - leaving.length, bytes - leavingBytes);
  if (hasRoom()) return true;
  const unacked = tables.messages.unacked(tables.acked, now);
  const possible =
    unacked.count + 1 - leaving.length <= tables.settings.outboxMaxMessages &&
    unacked.bytes + bytes - leavingBytes <= tables.settings.outboxMaxBytes;
  if (!possible) return false;
  while (!hasRoom() && sweep(tables, now)) {
    // Each sweep frees up to a step of what is over already.
  }
  while (!hasRoom()) {
    const oldest = tables.messages.oldestDelivered(tables.acked);
    if (oldest === undefined) return false;
    finish(tables, [oldest], "delivered", now, { reason: "overtaken", lostAt: () => now + 1 });
  }
  return true;
};
