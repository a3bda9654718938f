/** How a connection ends, and what that says about its device (C11, D4, D6). */
import { type CloseErrorCode, closeCodeOf } from "../protocol/errors.ts";
import { errorFrame } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { flush, noteUnrecorded } from "./acks.ts";
import type { Desk } from "./desk.ts";
import { storeDirect } from "./direct.ts";
import type { Session } from "./session.ts";
import { settleWaits } from "./waiting.ts";

/** A connection has ended, from the other side or by accident; `code`: as the runtime tells it (RFC 6455, section 7.4). */
export const detach = (desk: Desk, connection: string, code: number, now: number): void => {
  const session = desk.sessions.get(connection);
  if (session === undefined) return;
  end(desk, [session], code, false, now);
};

/** Says what was wrong, then closes (C11). */
export const fail = (desk: Desk, session: Session, code: CloseErrorCode, detail: string, now: number): void => {
  desk.frames(session, [errorFrame(code, detail)]);
  close(desk, session, code, now);
};

export const close = (desk: Desk, session: Session, code: CloseErrorCode, now: number): void => {
  closeAll(desk, [session], code, now);
};

/** Closes several in one go: none of them goes on, so that none moves its device's cursor past another of them. */
export const closeAll = (desk: Desk, sessions: readonly Session[], code: CloseErrorCode, now: number): void => {
  for (const session of sessions) {
    desk.effects.push({ kind: "close", connection: session.id, code: closeCodeOf(code), reason: code });
  }
  const closeCode = closeCodeOf(code);
  end(desk, sessions, closeCode, closeCode === closeCodeOf("ack_timeout"), now);
};

const end = (desk: Desk, leaving: readonly Session[], code: number, timedOut: boolean, now: number): void => {
  if (leaving.length === 0) return;
  storeDirect(desk, now);
  const ended = { at: now, code };
  for (const session of leaving) session.ended = ended;
  // With their acks, but without their cursors where others of the device go on (C5).
  for (const session of leaving) noteUnrecorded(desk, session, now);
  flush(desk, now, new Set(leaving));
  for (const session of leaving) {
    desk.outbox.trails.add(session.trail, ended);
    forget(desk, session, code, now);
  }
  const connected = desk.connectedDevices();
  for (const session of leaving) noteEnd(desk, session, timedOut, connected.has(session.device), now);
  settleWaits(desk, now);
};

/** It is open no more. */
export const forget = (desk: Desk, session: Session, code: number, now: number): void => {
  desk.sessions.delete(session.id);
  desk.measured.count("connections_ended");
  desk.measured.ended("open", session.openedAt, session.expiresAt, now);
  desk.outbox.witness.seen?.push({ type: "disconnected", ...session.name, code });
};

/** What the end of a connection says about its device: when it was last seen, what it was sent, and what it fails on (D6). */
const noteEnd = (desk: Desk, session: Session, timedOut: boolean, open: boolean, now: number): void => {
  const device = desk.outbox.devices.get(session.device);
  if (device === undefined) return;
  const failedOn = timedOut ? session.firstUnacked : undefined;
  // Of deltas that go as one the first tells: more may come behind it with each connection.
  const strikes = failedOn === undefined ? 0 : failedOn.firstSeq === device.strikeSeq ? device.strikes + 1 : 1;
  desk.outbox.devices.save({
    ...device,
    sent: Math.max(session.sent, device.sent),
    open,
    lastSeenAt: now,
    strikes,
    strikeSeq: failedOn?.firstSeq ?? 0,
    timeouts: timedOut ? device.timeouts + 1 : 0,
  });
  if (failedOn !== undefined && strikes >= LIMITS.strikesMax) {
    desk.outbox.giveUp(failedOn.firstSeq, failedOn.seq, now);
  }
};
