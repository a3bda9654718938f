/** What a connection is sent, within its window: from the outbox while it has a backlog, straight from memory once it is caught up. */
import { addedBytes, continues, type Fold, foldOf, join } from "../outbox/folding.ts";
import type { Held } from "../outbox/messages.ts";
import { type Entry, messageOf } from "../outbox/reading.ts";
import { caughtUpFrame } from "../protocol/frames.ts";
import { closeAll } from "./closing.ts";
import type { Desk } from "./desk.ts";
import type { Ephemeral } from "./ephemerals.ts";
import { framesOf } from "./frames-of.ts";
import type { Session } from "./session.ts";

/** How many pings a client may leave out before it counts as gone (C8). */
const HEARTBEATS_MISSED = 2.5;

/** A message that was accepted in this turn; an ephemeral one notes whom it reached. */
export type Fresh =
  | { readonly kind: "owed"; readonly message: Held }
  | { readonly kind: "ephemeral"; readonly message: Held; readonly ephemeral: Ephemeral; readonly reached: Session[] };

/** Sends what is new, straight from memory, to those who have nothing else to come; the others' windows are full. */
export const spread = (desk: Desk, fresh: readonly Fresh[], before: number, now: number): void => {
  if (fresh.length === 0) return;
  // What another message of the same group has replaced or pushed out has ended: nobody is sent it any more.
  const alive = fresh.filter((f) => f.kind === "ephemeral" || !desk.outbox.hasEnded(f.message.head.seq));
  for (const session of desk.sessions.values()) {
    if (Math.max(session.sent, session.scanned) < before) continue;
    const prev = session.sent;
    const { sent, all } = taken(session, alive, now);
    transmit(desk, session, prev, sent);
    if (all) session.scanned = desk.outbox.highestHeld;
  }
};

/** Sends what is in its session's flight already. */
const transmit = (desk: Desk, session: Session, prev: number, entries: readonly Entry[]): void => {
  desk.frames(session, framesOf(prev, entries));
  const { seen } = desk.outbox.witness;
  if (seen === undefined || entries.length === 0) return;
  const count = entries.reduce((sum, entry) => sum + (entry.kind === "gap" ? 0 : entry.count), 0);
  seen.push({ type: "sent", ...session.name, prev, seq: session.sent, count });
};

/** What a session is sent of `fresh`, as far as it has room, and whether that is all that it was to be sent. */
const taken = (
  session: Session,
  fresh: readonly Fresh[],
  now: number,
): { readonly sent: Entry[]; readonly all: boolean } => {
  const folds: { readonly fold: Fold; readonly messages: Held[] }[] = [];
  let all = true;
  for (const f of fresh) {
    const { head } = f.message;
    const last = folds.at(-1);
    const joins = last !== undefined && continues(last.fold, head);
    const fits = joins ? session.room.bytes >= addedBytes(head) : session.hasRoomFor(head.bytes);
    if (f.kind === "ephemeral") {
      // It is owed to nobody: those who have no room for it go without (S5).
      if (!fits || !session.caughtUp) continue;
      f.reached.push(session);
    } else if (!fits) {
      all = false;
      break;
    }
    if (joins) {
      join(last.fold, head);
      last.messages.push(f.message);
      session.extend(head.seq, addedBytes(head));
    } else {
      folds.push({ fold: foldOf(head), messages: [f.message] });
      session.push(head.seq, head.bytes, now, { acceptedAt: head.acceptedAt });
    }
  }
  return { sent: folds.map(({ fold, messages }) => messageOf(fold, messages)), all };
};

/** Sends everybody what waits for them who may be sent something still. */
export const pumpAll = (desk: Desk, now: number): void => {
  closeUnfit(desk, now);
  for (const session of desk.sessions.values()) pump(desk, session, now);
};

/** Closes the connections that may not be sent anything any more (C8, C9). */
export const closeUnfit = (desk: Desk, now: number): void => {
  const which = (over: (session: Session) => boolean) => [...desk.sessions.values()].filter(over);
  closeAll(
    desk,
    which((session) => session.expiresAt <= now),
    "token_expired",
    now,
  );
  const silentMs = HEARTBEATS_MISSED * desk.settings.heartbeatMs;
  closeAll(
    desk,
    which((session) => {
      const pingedAt = desk.pingedAt(session);
      return pingedAt !== undefined && now - Math.max(pingedAt, session.heardAt) > silentMs;
    }),
    "heartbeat_lost",
    now,
  );
};

/** Sends a connection what waits for it, as far as its window goes, and says so once it is caught up (C2, C7). */
export const pump = (desk: Desk, session: Session, now: number): void => {
  if (Math.max(session.sent, session.scanned) < desk.outbox.highestHeld && session.room.count > 0) {
    const cleanFrom = desk.outbox.devices.get(session.device)?.cleanFrom ?? 0;
    const prev = session.sent;
    const place = { after: session.sent, cleanFrom, foldsAbove: session.foldsAbove };
    const read = desk.outbox.read(place, session.room, now);
    for (const entry of read.entries) {
      if (entry.kind === "gap") session.push(entry.seq, 0, now);
      else session.push(entry.seq, entry.bytes, now, entry);
    }
    transmit(desk, session, prev, read.entries);
    if (read.exhausted) session.scanned = desk.outbox.highestHeld;
  }
  // What was the last to come may be gone meanwhile.
  const target = Math.min(session.target, desk.outbox.highestHeld);
  if (!session.caughtUp && Math.max(session.sent, session.scanned) >= target) {
    session.caughtUp = true;
    desk.frames(session, [caughtUpFrame(session.sent)]);
  }
};
