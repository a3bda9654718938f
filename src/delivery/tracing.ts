/** Keeps what trails are told from, where an ack would forget it: what of it stays held, somebody may ask about (N3). */
import type { Desk } from "./desk.ts";
import type { Session } from "./session.ts";

/** The client acks through `seq`. To the only connection of the only device its own acks are nothing to keep: they release. */
export const traceAck = (desk: Desk, session: Session, seq: number, checkpoint: number, now: number): void => {
  const isAlone = desk.sessions.size === 1 && desk.outbox.devices.count === 1;
  if (isAlone && checkpoint >= seq) return;
  forgetReleased(desk, session);
  note(session, session.acked, seq, "acked", now);
};

/** The client acks what lies below `first`, and rejects from there to `seq`. */
export const traceReject = (desk: Desk, session: Session, first: number, seq: number, now: number): void => {
  forgetReleased(desk, session);
  note(session, session.acked, first - 1, "acked", now);
  note(session, first - 1, seq, "rejected", now);
};

/** The device says as it attaches that it has what lies above `after`, up to where it starts. */
export const traceAfter = (session: Session, after: number, now: number): void => {
  if (session.start <= after) return;
  const had = { from: after + 1, through: session.start, sentAt: undefined };
  session.answered.note([{ ...had, answer: { as: "acked", at: now } }]);
};

const note = (session: Session, after: number, through: number, as: "acked" | "rejected", now: number): void => {
  const sent = session.sentWithin(after, through);
  session.answered.note(sent.map((stretch) => ({ ...stretch, answer: { as, at: now } })));
};

const forgetReleased = ({ outbox, direct }: Desk, session: Session): void => {
  session.answered.forgetBelow(Math.min(outbox.trails.from, direct[0]?.head.seq ?? Number.POSITIVE_INFINITY));
};
