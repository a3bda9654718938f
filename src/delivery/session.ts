/** One open connection: what it was sent, what it has acked, and how much more it may be sent. */
import type { ConnectionEnd, OpenTrail, Stretch } from "../outbox/stretches.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Answered } from "./answered.ts";

/**
 * What survives hibernation, in the socket's attachment (at most 16,384 bytes): about 5 kB with a full window, and up
 * to 15 kB where each entry was sent at a time of its own.
 * `v` is the version of this shape (O2): a release that changes it reads the one before, too.
 */
export interface Attachment {
  readonly v: 1;
  readonly id: string;
  readonly device: string;
  readonly window: number;
  readonly start: number;
  readonly sent: number;
  readonly acked: number;
  readonly checkpoint: number;
  readonly target: number;
  readonly caughtUp: boolean;
  /** Absent as an older release has left it. */
  readonly foldsAbove?: number;
  /**
   * In flight: distance from the seq before (the first: from `acked`), and bytes, in turn; where several messages went as one,
   * the distance from their last back to their first, below 0, comes after.
   */
  readonly flight: readonly number[];
  /**
   * Of those, in turn: how many, how long after the ones before they were sent (the first: after `openedAt`), and how long before that
   * they were accepted. Absent as an older release has left it.
   */
  readonly times?: readonly number[];
  /** What it has acked or rejected, and somebody else may need (N3). Absent as an older release has left it. */
  readonly answered?: string;
  readonly openedAt: number;
  readonly progressAt: number;
  readonly pingedAt: number;
  readonly heardAt: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface SessionStart {
  readonly id: string;
  readonly device: string;
  readonly window: number;
  readonly start: number;
  readonly target: number;
  readonly foldsAbove?: number;
  readonly openedAt: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** An entry that was sent and is not acked: a message, several that went as one, or a gap, which weighs nothing. */
export interface Flight {
  seq: number;
  readonly firstSeq: number;
  bytes: number;
  readonly sentAt: number;
  /** When the first of them was accepted; undefined where that is not known. */
  readonly acceptedAt: number | undefined;
  /** How many go as one; undefined where that is not known any more. */
  count: number | undefined;
}

/** What is known of an entry beside its place and its weight. */
export interface FlightFacts {
  /** Where several messages go as one, the first of them. */
  readonly firstSeq?: number;
  readonly count?: number;
  readonly acceptedAt?: number;
}

export class Session {
  readonly id: string;
  readonly device: string;
  /** At most so many un-acked entries (C7). */
  readonly window: number;
  /** Where it started: the `cursor` of its confirmation (C1). */
  readonly start: number;
  /** `caught_up` is due once nothing at or below is left to send (C2). */
  readonly target: number;
  /** Its client may have what lies at or below, and knows it by its seq: of that nothing is joined (C3). */
  readonly foldsAbove: number;
  readonly openedAt: number;
  /** The token's, and of the newest one since it was prolonged (C9). */
  issuedAt: number;
  expiresAt: number;
  caughtUp = false;
  /** When an ack last advanced, or the first entry went out with none before it (D4). */
  progressAt: number;
  /** The last ping that the runtime did not answer by itself; 0 = none. */
  pingedAt = 0;
  /** The last frame that reached the Mailbox; 0 = none. */
  heardAt = 0;
  /** Nothing at or below is still to be sent; known again after one read, so it is not kept in the attachment. */
  scanned = 0;
  /** What it has acked or rejected, and somebody else may still need (N3). */
  answered: Answered;
  /** Its end, in the turn in which it comes: it may end messages, too, whose trails tell of it (N3). */
  ended: ConnectionEnd | undefined;

  #sent: number;
  #acked: number;
  #checkpoint: number;
  #flight: Flight[] = [];
  #flightBytes = 0;
  /** Frames received in the running second, to hold the client to its rate. */
  #second = 0;
  #framesInSecond = 0;

  constructor(s: SessionStart) {
    this.id = s.id;
    this.device = s.device;
    this.window = s.window;
    this.start = s.start;
    this.target = s.target;
    this.foldsAbove = s.foldsAbove ?? 0;
    this.openedAt = s.openedAt;
    this.issuedAt = s.issuedAt;
    this.expiresAt = s.expiresAt;
    this.progressAt = s.openedAt;
    this.answered = new Answered(s);
    this.#sent = s.start;
    this.#acked = s.start;
    this.#checkpoint = s.start;
  }

  static restore(a: Attachment): Session {
    const session = new Session(a);
    session.caughtUp = a.caughtUp;
    session.progressAt = a.progressAt;
    session.pingedAt = a.pingedAt;
    session.heardAt = a.heardAt;
    session.answered = new Answered(a, a.answered);
    session.#sent = a.sent;
    session.#acked = a.acked;
    session.#checkpoint = a.checkpoint;
    let seq = a.acked;
    const times = timesOf(a);
    for (let i = 0; i + 1 < a.flight.length; i += 2) {
      seq += a.flight[i] as number;
      const bytes = a.flight[i + 1] as number;
      const back = a.flight[i + 2] ?? 0;
      const { sentAt = a.progressAt, acceptedAt } = times.next().value ?? {};
      const [firstSeq, count] = back < 0 ? [seq + back, undefined] : [seq, 1];
      session.#enter({ seq, firstSeq, bytes, sentAt, acceptedAt, count });
      if (back < 0) i += 1;
    }
    return session;
  }

  attachment(): Attachment {
    const flight: number[] = [];
    const times: number[] = [];
    let before = this.#acked;
    let beforeAt = this.openedAt;
    for (const { seq, bytes, firstSeq, sentAt, acceptedAt } of this.#flight) {
      const waitedMs = sentAt - (acceptedAt ?? sentAt);
      if (sentAt === beforeAt && waitedMs === times.at(-1)) times[times.length - 3] = (times.at(-3) as number) + 1;
      else times.push(1, sentAt - beforeAt, waitedMs);
      beforeAt = sentAt;
      flight.push(seq - before, bytes);
      if (firstSeq < seq) flight.push(firstSeq - seq);
      before = seq;
    }
    return {
      v: 1,
      id: this.id,
      device: this.device,
      window: this.window,
      start: this.start,
      sent: this.#sent,
      acked: this.#acked,
      checkpoint: this.#checkpoint,
      target: this.target,
      caughtUp: this.caughtUp,
      foldsAbove: this.foldsAbove,
      flight,
      times,
      answered: this.answered.packed,
      openedAt: this.openedAt,
      progressAt: this.progressAt,
      pingedAt: this.pingedAt,
      heardAt: this.heardAt,
      issuedAt: this.issuedAt,
      expiresAt: this.expiresAt,
    };
  }

  /** The last seq that it was sent; its `cursor` before the first. */
  get sent(): number {
    return this.#sent;
  }

  get acked(): number {
    return this.#acked;
  }

  /** Where its device's cursor may go (C5). */
  get checkpoint(): number {
    return this.#checkpoint;
  }

  /** As operators are told of it (N6). */
  get name(): { readonly connection_id: string; readonly device: string } {
    return { connection_id: this.id, device: this.device };
  }

  get inFlight(): number {
    return this.#flight.length;
  }

  /** The first entry that it was sent and has not acked: one message or gap, or what went as one, as far as it is not acked. */
  get firstUnacked(): Pick<Flight, "firstSeq" | "seq"> | undefined {
    const [first] = this.#flight;
    return first === undefined ? undefined : { firstSeq: Math.max(first.firstSeq, this.#acked + 1), seq: first.seq };
  }

  /** Whether it was sent a message, and not the gap in its place, which weighs nothing, and has not acked it. */
  hasInFlight(seq: number): boolean {
    return this.#flight.some((flight) => flight.firstSeq <= seq && seq <= flight.seq && flight.bytes > 0);
  }

  /** What it was sent in `(after, through]`, and has not acked: neighbours that went at one time are one (N3). */
  sentWithin(after: number, through: number): readonly Stretch[] {
    const stretches: Stretch[] = [];
    for (const { firstSeq, seq, sentAt } of this.#flight) {
      if (seq <= after) continue;
      if (firstSeq > through) break;
      const [from, to] = [Math.max(firstSeq, after + 1), Math.min(seq, through)];
      const last = stretches.at(-1);
      if (last?.sentAt === sentAt) stretches[stretches.length - 1] = { from: last.from, through: to, sentAt };
      else stretches.push({ from, through: to, sentAt });
    }
    return stretches;
  }

  /** What it was sent, as far as somebody may still ask (N3). */
  get trail(): OpenTrail {
    const inFlight = this.sentWithin(this.#acked, this.#sent);
    const stretches = [...this.answered.all, ...inFlight];
    const trail = { connection: this.id, device: this.device, sent: this.#sent, stretches };
    return this.ended === undefined ? trail : { ...trail, ended: this.ended };
  }

  /** What still fits into its window (C7). */
  get room(): { readonly count: number; readonly bytes: number } {
    return { count: this.window - this.#flight.length, bytes: LIMITS.windowMaxBytes - this.#flightBytes };
  }

  hasRoomFor(bytes: number): boolean {
    return this.#flight.length < this.window && this.#flightBytes + bytes <= LIMITS.windowMaxBytes;
  }

  /** It is being sent this. */
  push(seq: number, bytes: number, now: number, facts: FlightFacts = {}): void {
    if (this.#flight.length === 0) this.progressAt = now;
    const { firstSeq = seq, count = 1, acceptedAt } = facts;
    this.#enter({ seq, firstSeq, bytes, sentAt: now, acceptedAt, count });
    this.#sent = seq;
  }

  /** One more message goes with the last. */
  extend(seq: number, bytes: number): void {
    const last = this.#flight.at(-1) as Flight;
    last.seq = seq;
    last.bytes += bytes;
    if (last.count !== undefined) last.count += 1;
    this.#flightBytes += bytes;
    this.#sent = seq;
  }

  /** Where the entry begins that a seq in flight belongs to. */
  firstOf(seq: number): number {
    return this.#flight.find((flight) => flight.firstSeq <= seq && seq <= flight.seq)?.firstSeq ?? seq;
  }

  /** Moves its acks to `seq` and gives back what is no longer in flight. */
  ack(seq: number, checkpoint: number, now: number): readonly Flight[] {
    const released: Flight[] = [];
    while (this.#flight.length > 0 && (this.#flight[0] as Flight).seq <= seq) {
      const flight = this.#flight.shift() as Flight;
      this.#flightBytes -= flight.bytes;
      released.push(flight);
    }
    if (seq > this.#acked) {
      this.#acked = seq;
      this.progressAt = now;
    }
    this.#checkpoint = Math.max(this.#checkpoint, checkpoint);
    return released;
  }

  /** Counts one more frame from the client; how many that makes in the running second. */
  countFrame(now: number): number {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#framesInSecond = 0;
    }
    this.#framesInSecond += 1;
    return this.#framesInSecond;
  }

  #enter(flight: Flight): void {
    this.#flight.push(flight);
    this.#flightBytes += flight.bytes;
  }
}

function* timesOf({ times = [], openedAt }: Attachment): Generator<Pick<Flight, "sentAt" | "acceptedAt">, undefined> {
  let sentAt = openedAt;
  for (let i = 0; i + 2 < times.length; i += 3) {
    sentAt += times[i + 1] as number;
    for (let n = times[i] as number; n > 0; n -= 1) yield { sentAt, acceptedAt: sentAt - (times[i + 2] as number) };
  }
}
