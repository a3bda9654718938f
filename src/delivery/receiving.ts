/** What a client says of what it was sent, in a frame or a request of its own: acks, rejections and pings (C5, C6, C8, C10). */
import { parseClientFrame } from "../protocol/client-frames.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import { PONG } from "../protocol/frames.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Acknowledged, Acknowledgement, TokenFacts } from "../protocol/mailbox-api.ts";
import { flush, noteProgress, noteUnrecorded } from "./acks.ts";
import { sessionFor } from "./attaching.ts";
import { close, fail } from "./closing.ts";
import type { Desk } from "./desk.ts";
import { isAnyOver, settleDirect, storeDirect } from "./direct.ts";
import type { Flight, Session } from "./session.ts";
import { pump } from "./streaming.ts";
import { traceAck, traceReject } from "./tracing.ts";
import { settleEphemeral, settleWaits } from "./waiting.ts";

/** Acks that no one waits for are recorded after so many, if not after `ackFlushMs`: it bounds what one flush has to do. */
const FLUSH_AFTER_ACKS = 1_024;

/** A frame came from a client; `undefined` = it was binary. */
export const receive = (desk: Desk, connection: string, text: string | undefined, now: number): void => {
  const session = desk.sessions.get(connection);
  if (session === undefined) return;
  if (session.expiresAt <= now) return close(desk, session, "token_expired", now);
  session.heardAt = now;
  const { clientFramesPerSecond } = desk.settings;
  if (session.countFrame(now) > clientFramesPerSecond) {
    return fail(desk, session, "too_many_frames", `At most ${clientFramesPerSecond} frames a second.`, now);
  }
  if (text === undefined) return fail(desk, session, "bad_frame", "Frames are text, not binary.", now);
  if (text.length > LIMITS.clientFrameMaxBytes || utf8Bytes(text) > LIMITS.clientFrameMaxBytes) {
    return fail(desk, session, "frame_too_large", `A frame is at most ${LIMITS.clientFrameMaxBytes} bytes.`, now);
  }
  const frame = parseClientFrame(text);
  switch (frame.type) {
    case "bad":
      return fail(desk, session, "bad_frame", frame.detail, now);
    case "ping":
      storeDirect(desk, now);
      session.pingedAt = now;
      return desk.frames(session, [PONG]);
    case "ack":
    case "reject": {
      const fault = take(desk, session, frame, now);
      if (fault !== undefined) fail(desk, session, fault.code, fault.detail, now);
    }
  }
};

/** The same in a request of its own (C10): a fault is its answer, and ends no connection. */
export const acknowledge = (
  desk: Desk,
  connection: string,
  token: TokenFacts,
  said: Acknowledgement,
  now: number,
): Acknowledged | Refusal => {
  const session = sessionFor(desk, connection, token, now);
  if (!session.ok) return session;
  const fault = take(desk, session.value, said, now);
  if (fault !== undefined) return refuse("invalid_request", fault.detail);
  // The reply rests on it (D9).
  flush(desk, now);
  return { ok: true, acked: session.value.acked, checkpoint: session.value.checkpoint };
};

/** Why an ack or a rejection is not taken; nothing has changed then. */
interface Fault {
  readonly code: "ack_beyond_sent" | "bad_frame";
  readonly detail: string;
}

const take = (desk: Desk, session: Session, said: Acknowledgement, now: number): Fault | undefined =>
  said.type === "ack"
    ? ack(desk, session, said.seq, said.checkpoint ?? said.seq, now)
    : reject(desk, session, said.seq, said.reason, now);

const ack = (desk: Desk, session: Session, seq: number, checkpoint: number, now: number): Fault | undefined => {
  if (seq > session.sent) {
    const detail = `Ack ${seq} is beyond ${session.sent}, the last seq sent on this connection. Reconnect with 'after'.`;
    return { code: "ack_beyond_sent", detail };
  }
  if (checkpoint > seq) return { code: "bad_frame", detail: `Checkpoint ${checkpoint} is beyond its ack ${seq}.` };
  // A late twin of an earlier ack says nothing new.
  if (seq < session.acked) return undefined;
  const before = session.acked;
  if (isAnyOver(desk, now)) storeDirect(desk, now);
  if (now >= desk.outbox.nextExpiry && seq > before) {
    // What others have acked of what is in its grace must not be recorded before that is stored.
    storeDirect(desk, now);
    flush(desk, now);
    desk.outbox.sweepRange(before, seq, now);
  }
  const cleared = desk.outbox.anyRejected && seq > before;
  traceAck(desk, session, seq, checkpoint, now);
  const released = session.ack(seq, checkpoint, now);
  noteProgress(desk, session);
  noteFirstAcks(desk, released, now);
  noteUnrecorded(desk, session, now);
  settleDirect(desk, now);
  const inGrace = desk.direct[0]?.head.seq ?? Number.POSITIVE_INFINITY;
  const waitedFor = desk.waits.anyWithin(before, Math.min(seq, inGrace - 1));
  desk.unrecordedAcks += released.length;
  if (cleared) desk.outbox.clearRejected(before, seq, now);
  for (const acked of released) {
    const ephemeral = desk.ephemerals.get(acked.seq);
    if (ephemeral !== undefined) settleEphemeral(desk, ephemeral, "delivered", now);
  }
  if (cleared || waitedFor || desk.unrecordedAcks >= FLUSH_AFTER_ACKS) {
    // What is recorded as acked has to be stored, or to have ended.
    storeDirect(desk, now);
    flush(desk, now);
  }
  pump(desk, session, now);
  settleWaits(desk, now);
  return undefined;
};

/**
 * How long those took that nobody had acked before (M1). Several that went as one count each, with the time of the first. A gap, which
 * weighs nothing, and what is never stored are no deliveries.
 */
const noteFirstAcks = (desk: Desk, released: readonly Flight[], now: number): void => {
  for (const { seq, firstSeq, bytes, sentAt, count, acceptedAt } of released) {
    if (seq <= desk.ackedThrough) continue;
    desk.ackedThrough = seq;
    if (bytes === 0 || desk.ephemerals.get(seq) !== undefined) continue;
    if (acceptedAt === undefined) continue;
    const messages = count ?? desk.outbox.countIn(firstSeq, seq);
    desk.measured.time("delivery", now - acceptedAt, messages);
    desk.measured.time("delivery_waiting", sentAt - acceptedAt, messages);
    desk.measured.time("delivery_wire", now - sentAt, messages);
  }
};

const reject = (desk: Desk, session: Session, seq: number, reason: string, now: number): Fault | undefined => {
  if (seq > session.sent) {
    const detail = `Reject ${seq} is beyond ${session.sent}, the last seq sent on this connection.`;
    return { code: "ack_beyond_sent", detail };
  }
  if (seq <= session.acked) return undefined;
  storeDirect(desk, now);
  flush(desk, now);
  desk.outbox.sweepRange(session.acked, seq, now);
  // Of deltas that went as one, none was processed.
  const first = session.firstOf(seq);
  if (desk.outbox.anyRejected) desk.outbox.clearRejected(session.acked, first - 1, now);
  desk.outbox.reject(first, seq, reason, now);
  traceReject(desk, session, first, seq, now);
  const released = session.ack(seq, seq, now);
  noteProgress(desk, session);
  noteFirstAcks(
    desk,
    released.filter((acked) => acked.seq < first),
    now,
  );
  desk.ackedThrough = Math.max(desk.ackedThrough, seq);
  for (const acked of released) {
    const ephemeral = desk.ephemerals.get(acked.seq);
    if (ephemeral !== undefined && acked.seq < first) settleEphemeral(desk, ephemeral, "delivered", now);
  }
  noteUnrecorded(desk, session, now);
  flush(desk, now);
  pump(desk, session, now);
  settleWaits(desk, now);
  return undefined;
};
