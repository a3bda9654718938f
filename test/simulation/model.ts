/**
 * The reference model: one user's messages, devices and dead letters, as the contract's rules have it. Every question is
 * answered by looking through all of them; nothing is indexed, cached or stored.
 *
 * Where the contract leaves freedom, what was seen decides: acks that a crash took back (`settle`), and when exactly what is
 * over was swept away (`noteStored`).
 */
import { LIMITS } from "../../src/protocol/limits.ts";
import type { DeadLetterReason, MessageEnd, MessageStatus } from "../../src/protocol/message.ts";
import type { DeliverySettings } from "../../src/settings/delivery.ts";
import { fail } from "./mismatch.ts";
import type { Connection } from "./model-connection.ts";
import type { Passage } from "./model-trails.ts";

export type LossReason = "expired" | "overtaken" | "undeliverable";

export interface Message {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly data: string | undefined;
  readonly bytes: number;
  readonly topic: string | undefined;
  /** Of a stream's delta, its topic: neighbours of one topic go as one entry (C3). */
  readonly appendTo: string | undefined;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly requeuedFrom: number | undefined;
  /** `ttl: 0`: on its way as long as it has no end. */
  readonly ephemeral: boolean;
  /** It went on its way before it was stored: until it is, nothing of it outlives the object's memory. */
  direct: boolean;
  /** When it goes to the webhook, if nobody has acked it by then; undefined where it does not, or has gone. */
  fallbackAt: number | undefined;
  /** When it went, and was not a dead letter by then. */
  escalatedAt: number | undefined;
  rejectReason: string | undefined;
  end: MessageEnd | undefined;
  /** The turn in which it ended: in that turn it may have been sent before. */
  endedIn: number;
  lost: { readonly reason: LossReason; readonly at: number } | undefined;
  ackedAt: number | undefined;
  wasSent: boolean;
  /** A crash took the memory of which socket was sent what. */
  mayHaveBeenSent: boolean;
  /** What became of it on each connection, by its id (N3). */
  readonly passages: Map<string, Passage>;
}

export interface Device {
  readonly name: string;
  readonly cleanFrom: number;
  cursor: number;
  acked: number;
  /** No crash takes the cursor back below. */
  durableCursor: number;
  lastSeenAt: number;
  /** The same without acks, which a crash may take back. */
  durableSeenAt: number;
  strikeSeq: number;
  /** A crash may or may not interrupt a row of 4408 (D6). */
  strikesMin: number;
  strikesMax: number;
}

export interface Letter {
  readonly message: Message;
  readonly reason: DeadLetterReason;
  readonly endedAt: number;
}

export class Model {
  readonly settings: DeliverySettings;
  messages: Message[] = [];
  readonly devices = new Map<string, Device>();
  readonly connections = new Map<string, Connection>();
  /** The highest seq that each device was ever sent: its client may remember it, even where the server has forgotten the device. */
  readonly sentTo = new Map<string, number>();
  letters: Letter[] = [];
  /** What the webhook is told of since the last erasure, by its id. */
  readonly told = new Set<string>();
  /** The highest seq ever acked: somewhere in `ackedLow..acked`, which differ only after a crash. */
  acked = 0;
  ackedLow = 0;
  durableAcked = 0;
  /** Since when acks may rest in memory; undefined = all are durable. */
  unrecordedSince: number | undefined;
  hadDevice = false;
  /** How many there were since the last erasure. */
  connectionsEnded = 0;
  highestSeq = 0;
  /** The same since the last erasure: of what was before nothing is known. */
  highestKnown = 0;
  revokedAt = -1;
  turn = 0;
  /** The clock's floor after a restart is what is stored: it may lie below what was seen before. */
  hasSteppedBack = false;

  constructor(settings: DeliverySettings) {
    this.settings = settings;
  }

  bySeq(seq: number): Message | undefined {
    return this.messages.find((m) => m.seq === seq);
  }

  /** The newest with this id: an id that is forgotten may be used again. */
  byId(id: string): Message | undefined {
    return this.messages.findLast((m) => m.id === id);
  }

  isAcked(m: Message): boolean {
    return !m.ephemeral && m.seq <= this.acked && m.rejectReason === undefined;
  }

  status(m: Message, now: number): MessageStatus {
    if (m.end !== undefined) return m.end;
    if (this.isAcked(m)) return "delivered";
    if (m.ephemeral || m.expiresAt > now) return "queued";
    return m.rejectReason === undefined ? "expired" : "rejected";
  }

  /** Every device has passed it, and somebody has acked it (or all that could have rejected it). */
  isReleased(m: Message): boolean {
    if (m.seq > this.acked) return false;
    for (const device of this.devices.values()) if (device.cursor < m.seq) return false;
    return true;
  }

  isHeld(m: Message, now: number): boolean {
    return !m.ephemeral && m.end === undefined && m.expiresAt > now && !this.isReleased(m);
  }

  held(now: number): Message[] {
    return this.messages.filter((m) => this.isHeld(m, now));
  }

  /** C4: what stands in its place for who was to have it. What is over is over, swept away or not (D8). */
  lossOf(m: Message, now: number): Message["lost"] {
    if (m.lost !== undefined) return m.lost;
    return !m.ephemeral && m.end === undefined && m.expiresAt <= now
      ? { reason: "expired", at: m.expiresAt }
      : undefined;
  }

  /** Whether an id is certainly known still (S4). */
  isKnown(m: Message, now: number): boolean {
    // What is never stored is remembered for its sender's id alone.
    if (m.ephemeral && m.id.startsWith("~")) return m.end === undefined;
    return this.isHeld(m, now) || now < m.acceptedAt + LIMITS.receiptTtlMs;
  }

  // ── Accepting ──────────────────────────────────────────────────────────────────────────────────────────────────────

  add(
    m: Pick<Message, "seq" | "id" | "type" | "data" | "bytes" | "topic" | "acceptedAt" | "expiresAt"> &
      Partial<Message>,
  ) {
    const message: Message = {
      requeuedFrom: undefined,
      appendTo: undefined,
      fallbackAt: undefined,
      escalatedAt: undefined,
      ephemeral: false,
      direct: false,
      rejectReason: undefined,
      end: undefined,
      endedIn: 0,
      lost: undefined,
      ackedAt: undefined,
      wasSent: false,
      mayHaveBeenSent: false,
      passages: new Map(),
      ...m,
    };
    if (m.seq <= this.highestSeq)
      fail("D10", `seq ${m.seq} is not above ${this.highestSeq}, which was given out before`);
    this.highestSeq = m.seq;
    this.highestKnown = m.seq;
    this.messages.push(message);
    return message;
  }

  /** S6, S8: makes room for one more, or says that there is none; nothing has changed then. */
  makeRoom(bytes: number, topic: string | undefined, now: number): boolean {
    const { outboxMaxMessages, outboxMaxBytes } = this.settings;
    const held = this.held(now);
    const unacked = held.filter((m) => !this.isAcked(m));
    const replaced = topic === undefined ? [] : unacked.filter((m) => m.topic === topic);
    const fits = (among: readonly Message[]) =>
      among.length + 1 - replaced.length <= outboxMaxMessages &&
      total(among) + bytes - total(replaced) <= outboxMaxBytes;
    if (!fits(unacked)) return false;
    const acked = held.filter((m) => this.isAcked(m));
    for (; !fits([...unacked, ...acked]); acked.shift()) {
      this.end(acked[0] as Message, "delivered", now, "overtaken");
    }
    for (const m of replaced) this.end(m, "replaced", now);
    return true;
  }

  // ── Ending ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  end(m: Message, end: MessageEnd, now: number, loss?: LossReason): void {
    m.end = end;
    m.endedIn = this.turn;
    // Which of two came first in one millisecond nobody can tell: a device that attaches in it may be told, too.
    if (loss !== undefined)
      m.lost = loss === "expired" ? { reason: loss, at: m.expiresAt } : { reason: loss, at: now + 1 };
    if (end !== "expired" && end !== "rejected" && end !== "undeliverable") return;
    this.letters.push({ message: m, reason: end, endedAt: end === "expired" ? m.expiresAt : now });
    if (this.letters.length <= this.settings.deadLettersMax) return;
    const oldest = this.letters.toSorted((a, b) => a.endedAt - b.endedAt || a.message.seq - b.message.seq)[0];
    this.letters = this.letters.filter((letter) => letter !== oldest);
  }

  lettersAt(now: number): Letter[] {
    return this.letters
      .filter((letter) => letter.endedAt + this.settings.deadLetterTtlMs > now)
      .sort((a, b) => a.message.seq - b.message.seq);
  }

  /** Whether something is over that may be swept away at any time (D8). */
  isAnyOver(now: number): boolean {
    return this.messages.some((m) => m.end === undefined && !m.ephemeral && m.expiresAt <= now);
  }

  /** Before a reply that speaks of ends, all that is over has ended (D8). */
  sweepAll(now: number): void {
    this.noteStored(new Set(), now);
  }

  /** What is over and no longer stored has been swept away. */
  noteStored(stored: ReadonlySet<number>, now: number): void {
    for (const m of this.messages) {
      if (m.end !== undefined || m.ephemeral || m.expiresAt > now || stored.has(m.seq)) continue;
      this.end(m, this.status(m, now) as MessageEnd, now, "expired");
    }
  }

  /** An ack over `(after, through]`: what is over already it comes too late for; a rejection in it is made good (C6). */
  ackRange(after: number, through: number, now: number, rejectedAfter = after): void {
    for (const m of this.messages) {
      if (m.seq <= after || m.seq > through || m.end !== undefined || m.ephemeral) continue;
      if (m.expiresAt <= now) {
        if (!this.isAcked(m)) this.end(m, m.rejectReason === undefined ? "expired" : "rejected", now, "expired");
        continue;
      }
      if (m.seq > rejectedAfter) m.rejectReason = undefined;
      m.ackedAt ??= now;
    }
    this.raiseAcked(through, now);
  }

  raiseAcked(through: number, now: number): void {
    if (through > this.acked) {
      this.acked = through;
      this.ackedLow = through;
    }
    this.unrecordedSince ??= now;
  }

  /** `first`: of deltas that went as one, the first. */
  reject(after: number, first: number, seq: number, reason: string, now: number): void {
    this.ackRange(after, first - 1, now);
    for (const m of this.messages) {
      if (m.seq < first || m.seq > seq || m.end !== undefined || m.ephemeral || this.isAcked(m)) continue;
      if (m.expiresAt > now) m.rejectReason = reason;
      else this.end(m, m.rejectReason === undefined ? "expired" : "rejected", now, "expired");
    }
    this.raiseAcked(seq, now);
  }

  /** C6: what was rejected, and is released without an ack, is a dead letter. */
  buryRejected(now: number): void {
    for (const m of this.messages) {
      if (m.rejectReason !== undefined && m.end === undefined && this.isReleased(m)) this.end(m, "rejected", now);
    }
  }

  // ── Durability (D9) ────────────────────────────────────────────────────────────────────────────────────────────────

  /** A reply has rested on all acks, or their time is over: no crash takes them back. */
  allDurable(): void {
    this.durableAcked = this.ackedLow;
    for (const device of this.devices.values()) device.durableCursor = device.cursor;
    this.unrecordedSince = undefined;
  }

  erase(now: number): void {
    this.messages = [];
    this.devices.clear();
    this.connections.clear();
    this.letters = [];
    this.told.clear();
    this.acked = 0;
    this.ackedLow = 0;
    this.durableAcked = 0;
    this.unrecordedSince = undefined;
    this.hadDevice = false;
    this.connectionsEnded = 0;
    this.highestKnown = 0;
    this.revokedAt = Math.max(this.revokedAt, now);
  }
}

const total = (messages: readonly Message[]): number => messages.reduce((sum, m) => sum + m.bytes, 0);
