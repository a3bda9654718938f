/** Acks on their way to the disk: they rest in the sessions, and their attachments, until a reply or a decision rests on them (D9). */
import type { Desk } from "./desk.ts";
import type { Session } from "./session.ts";

export const noteUnrecorded = (desk: Desk, session: Session, now: number): void => {
  if (desk.unrecorded.size === 0) desk.unrecordedSince = now;
  desk.unrecorded.add(session.device);
  desk.ackedAt = now;
  desk.touched.add(session);
};

/** Tells operators how far a connection has come (N6). */
export const noteProgress = ({ outbox }: Desk, session: Session): void => {
  outbox.witness.seen?.push({ type: "acked", ...session.name, seq: session.acked, checkpoint: session.checkpoint });
};

/** Records the acks that rest in the sessions, and releases what they free. Those that are `leaving` no longer hold their device's cursor back. */
export const flush = (desk: Desk, now: number, leaving?: ReadonlySet<Session>): void => {
  if (desk.unrecorded.size === 0) return;
  const progress = [...desk.unrecorded].flatMap((device) => {
    const sessions = [...desk.sessions.values()].filter((s) => s.device === device);
    const staying = sessions.filter((s) => leaving?.has(s) !== true);
    const holding = staying.length > 0 ? staying : sessions;
    if (holding.length === 0) return [];
    return {
      device,
      acked: Math.max(...sessions.map((s) => s.acked)),
      cursor: Math.min(...holding.map((s) => s.checkpoint)),
      isDone: staying.length > 0 && staying.every((s) => s.inFlight === 0),
    };
  });
  desk.unrecorded.clear();
  desk.unrecordedAcks = 0;
  desk.outbox.record(progress, now);
};
