/** How a connection begins, and how it is prolonged (C1, C2, C9, D5). */
import type { Device } from "../outbox/devices.ts";
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { establishedFrame } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { AttachCall, TokenFacts } from "../protocol/mailbox-api.ts";
import { flush, noteProgress, noteUnrecorded } from "./acks.ts";
import { close, closeAll } from "./closing.ts";
import type { Desk } from "./desk.ts";
import { Session } from "./session.ts";
import { pump } from "./streaming.ts";
import { traceAfter } from "./tracing.ts";
import { settleWaits } from "./waiting.ts";

/** Takes a connection in: confirmation, then what waits (C1, C2). Its socket must be accepted before the effects are carried out. */
export const attach = (desk: Desk, call: AttachCall, id: string, now: number): Refusal | { readonly ok: true } => {
  const outbox = desk.outbox;
  if (call.token.issuedAt <= outbox.revokedAt) {
    return refuse("token_revoked", "This token was revoked. Get a new one from your backend and connect again.");
  }
  if (call.token.expiresAt <= now) {
    return refuse("token_expired", "This token has ended. Get a new one from your backend and connect again.");
  }
  outbox.own(call.user);
  flush(desk, now);
  // Those whose token is over are connected no more, though nobody has closed them yet: they must keep nobody out.
  const over = [...desk.sessions.values()].filter((session) => session.expiresAt <= now);
  closeAll(desk, over, "token_expired", now);
  const welcome = outbox.welcome(call.device, desk.connectedDevices(), now);
  if (welcome === undefined) {
    return refuse(
      "too_many_devices",
      `All ${LIMITS.devicesMax} devices of this user are connected. Close one, or attach under the name of a known one.`,
      { retryAfterSeconds: 60 },
    );
  }
  if (desk.sessions.size >= LIMITS.connectionsMax) {
    const oldest = [...desk.sessions.values()].sort((a, b) => lastSign(desk, a) - lastSign(desk, b))[0];
    if (oldest !== undefined) close(desk, oldest, "replaced_by_newer", now);
  }
  const { resumed } = welcome;
  // Its end may have moved this device's cursor.
  const device = { ...(outbox.devices.get(call.device) ?? welcome.device), open: true };
  if (outbox.devices.get(call.device)?.open === false) outbox.devices.save(device);
  const start = Math.max(device.cursor, Math.min(call.after ?? 0, outbox.highestSeq));
  if (start > device.cursor) {
    outbox.sweepRange(device.cursor, start, now);
    if (outbox.anyRejected) outbox.clearRejected(Math.max(device.acked, device.cursor), start, now);
  }
  const session = new Session({
    id,
    device: call.device,
    window: call.window,
    start,
    target: outbox.highestHeld,
    foldsAbove: call.after === undefined ? 0 : gotBefore(desk, device, resumed),
    openedAt: now,
    issuedAt: call.token.issuedAt,
    expiresAt: call.token.expiresAt,
  });
  desk.sessions.set(id, session);
  desk.measured.count("connections_established");
  desk.measured.began("open", now, session.expiresAt, now);
  desk.touched.add(session);
  outbox.witness.seen?.push({ type: "connected", ...session.name });
  if (start > device.cursor) {
    noteProgress(desk, session);
    traceAfter(session, Math.max(device.acked, device.cursor), now);
    noteUnrecorded(desk, session, now);
    flush(desk, now);
  }
  desk.frames(session, [
    establishedFrame({
      connectionId: id,
      user: call.user,
      device: call.device,
      timestamp: now,
      resumed,
      cursor: start,
      pending: outbox.pending(start, now),
      window: call.window,
      heartbeatMs: desk.settings.heartbeatMs,
      expiresAt: call.token.expiresAt,
    }),
  ]);
  pump(desk, session, now);
  desk.effects.push({ kind: "arrived" });
  settleWaits(desk, now);
  return { ok: true };
};

/** Nothing above this was ever sent to a device, as far as is known; of one that is new, or was forgotten, nothing is. */
const gotBefore = (desk: Desk, device: Device, isKnown: boolean): number => {
  if (!isKnown) return desk.outbox.highestSeq;
  const sent = [...desk.sessions.values()].flatMap((s) => (s.device === device.name ? s.sent : []));
  return Math.max(device.sent, ...sent);
};

/** The last sign of life: its ping, else its beginning. */
const lastSign = (desk: Desk, session: Session): number => {
  return desk.pingedAt(session) ?? session.openedAt;
};

/** A new token for an open connection (C9). */
export const prolong = (
  desk: Desk,
  connection: string,
  token: TokenFacts,
  now: number,
): Refusal | { readonly ok: true; readonly expiresAt: number } => {
  flush(desk, now);
  const found = sessionFor(desk, connection, token, now);
  if (!found.ok) return found;
  const session = found.value;
  desk.measured.ended("open", session.openedAt, session.expiresAt, now);
  desk.measured.began("open", session.openedAt, token.expiresAt, now);
  session.expiresAt = token.expiresAt;
  session.issuedAt = token.issuedAt;
  desk.touched.add(session);
  return { ok: true, expiresAt: token.expiresAt };
};

/** The open connection that the bearer of a token of its user may speak for. */
export const sessionFor = (desk: Desk, connection: string, token: TokenFacts, now: number): Checked<Session> => {
  if (token.issuedAt <= desk.outbox.revokedAt) {
    return refuse("token_revoked", "This token was revoked. Get a new one from your backend.");
  }
  const session = desk.sessions.get(connection);
  if (session === undefined || session.expiresAt <= now) {
    return refuse("unknown_connection", "This connection has ended: connect again.");
  }
  if (token.device !== undefined && token.device !== session.device) {
    return refuse("token_mismatch", "The token is bound to another device than this connection's.");
  }
  return granted(session);
};
