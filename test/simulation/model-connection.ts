/** The reference model's view of one open connection: what it was sent, what it acked, and what its client has of it. */
import { LIMITS } from "../../src/protocol/limits.ts";

export interface Entry {
  readonly seq: number;
  /** Where several messages went as one. */
  readonly firstSeq: number;
  readonly bytes: number;
}

export class Connection {
  readonly id: string;
  readonly device: string;
  readonly window: number;
  /** The `cursor` of its confirmation; the model's expectation until that has come. */
  start: number;
  sent: number;
  acked: number;
  checkpoint: number;
  /** Highest seq given out when it attached. */
  readonly target: number;
  /** Its client has its memory, and may have what lies at or below; undefined where it has none (C3). */
  gotBefore: number | undefined;
  readonly openedAt: number;
  readonly issuedAt: number;
  expiresAt: number;
  established = false;
  caughtUp = false;
  flight: Entry[] = [];
  progressAt: number;
  pingedAt = 0;
  /** The last frame of any kind. */
  heardAt = 0;
  /** Every seq that it was sent. */
  readonly got = new Set<number>();
  /** The client: the last seq that reached it without a hole, and whether it has seen one. */
  received: number;
  sawHole = false;
  loseNext = false;
  /** Seqs that reached the client and that it has not acked, in order. */
  unacked: number[] = [];

  constructor(
    s: Pick<Connection, "id" | "device" | "window" | "start" | "target" | "openedAt" | "issuedAt" | "expiresAt">,
  ) {
    this.id = s.id;
    this.device = s.device;
    this.window = s.window;
    this.start = s.start;
    this.sent = s.start;
    this.acked = s.start;
    this.checkpoint = s.start;
    this.received = s.start;
    this.target = s.target;
    this.openedAt = s.openedAt;
    this.progressAt = s.openedAt;
    this.issuedAt = s.issuedAt;
    this.expiresAt = s.expiresAt;
  }

  get flightBytes(): number {
    let bytes = 0;
    for (const entry of this.flight) bytes += entry.bytes;
    return bytes;
  }

  /** C7: at most a window un-acked, in number and in bytes. */
  hasRoomFor(bytes: number): boolean {
    return this.flight.length < this.window && this.flightBytes + bytes <= LIMITS.windowMaxBytes;
  }

  /** It was sent an entry. */
  push(seqs: readonly number[], bytes: number, now: number): void {
    if (this.flight.length === 0) this.progressAt = now;
    const [firstSeq, seq] = [seqs[0] as number, seqs.at(-1) as number];
    this.flight.push({ seq, firstSeq, bytes });
    this.sent = seq;
    for (const got of seqs) this.got.add(got);
  }

  /** Where the entry in flight begins that a seq belongs to. */
  firstOf(seq: number): number {
    return this.flight.find((entry) => entry.firstSeq <= seq && seq <= entry.seq)?.firstSeq ?? seq;
  }

  /** Its client has acked through `seq`; gives what that took out of flight. */
  ack(seq: number, checkpoint: number, now: number): readonly Entry[] {
    const out = this.flight.filter((entry) => entry.seq <= seq);
    this.flight = this.flight.filter((entry) => entry.seq > seq);
    this.unacked = this.unacked.filter((unacked) => unacked > seq);
    if (seq > this.acked) {
      this.acked = seq;
      this.progressAt = now;
    }
    this.checkpoint = Math.max(this.checkpoint, checkpoint);
    return out;
  }

  /** The last sign of life that counts where the oldest has to go. */
  get lastSign(): number {
    return this.pingedAt === 0 ? this.openedAt : this.pingedAt;
  }
}
