/** What the parts of delivery share: the outbox, the open connections, and what the running turn wants done. */
import type { Measured } from "../measures/measured.ts";
import type { Known } from "../outbox/knowing.ts";
import type { Held } from "../outbox/messages.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { MessageState } from "../protocol/message.ts";
import type { DeliverySettings } from "../settings/delivery.ts";
import type { Effect } from "./effects.ts";
import { Ephemerals } from "./ephemerals.ts";
import type { Session } from "./session.ts";
import { Waits } from "./waits.ts";

export class Desk {
  readonly outbox: Outbox;
  readonly settings: DeliverySettings;
  readonly sessions: Map<string, Session>;
  readonly waits: Waits;
  readonly ephemerals = new Ephemerals();
  /** On their way and not stored yet, in order. */
  readonly direct: Held[] = [];
  /** Devices with acks that are not recorded yet, since when, and of how many entries. */
  readonly unrecorded = new Set<string>();
  unrecordedSince = 0;
  unrecordedAcks = 0;
  /** When the last ack came. */
  ackedAt = Number.NEGATIVE_INFINITY;
  /** No message is held too long before this instant (`stuck.ts`); 0 = nobody has looked. */
  notStuckBefore = 0;
  /** The running turn does what is due. */
  hasTicked = false;
  /** What is measured in this turn (M1). */
  readonly measured: Measured;
  /** No seq above was ever acked by anybody: what is acked above is acked for the first time. */
  ackedThrough: number;
  /** To be done once the turn is committed, and the sessions whose attachment it has changed. */
  effects: Effect[] = [];
  readonly touched = new Set<Session>();
  /** When the runtime last answered a ping of a connection by itself; undefined = never. */
  readonly #autoPingedAt: (connection: string) => number | undefined;

  constructor(
    outbox: Outbox,
    settings: DeliverySettings,
    sessions: readonly Session[],
    autoPingedAt: (connection: string) => number | undefined,
  ) {
    this.outbox = outbox;
    this.settings = settings;
    this.sessions = new Map(sessions.map((session) => [session.id, session]));
    this.measured = outbox.measured;
    this.waits = new Waits(outbox.measured);
    this.ackedThrough = Math.max(outbox.ackedThrough, ...sessions.map((session) => session.acked));
    this.#autoPingedAt = autoPingedAt;
  }

  frames(session: Session, frames: readonly string[]): void {
    for (const text of frames) this.effects.push({ kind: "frame", connection: session.id, text });
    if (frames.length > 0) this.touched.add(session);
  }

  /** When a connection last pinged; undefined where it never has (C8). */
  pingedAt(session: Session): number | undefined {
    const at = Math.max(session.pingedAt, this.#autoPingedAt(session.id) ?? 0);
    return at === 0 ? undefined : at;
  }

  connectedDevices(): ReadonlySet<string> {
    return new Set([...this.sessions.values()].map((session) => session.device));
  }

  /** What is known of a message, with what is true of this moment (S7). */
  stateOf(known: Known): MessageState {
    let sentTo = 0;
    for (const session of this.sessions.values()) if (wasSent(session, known)) sentTo += 1;
    return { ...known, devices: this.outbox.devices.count, sentTo };
  }
}

/** Whether a connection was sent a message; one that ended unacked may have ended before its turn came. */
const wasSent = (session: Session, { seq, status }: Known): boolean => {
  const isPast = session.start < seq && seq <= session.sent;
  return status === "queued" || status === "delivered" || status === "rejected" ? isPast : session.hasInFlight(seq);
};
