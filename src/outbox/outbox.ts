/**
 * The durable queue of one user: what is held, for whom, until when, and how it ends.
 *
 * Synchronous and without a clock: every call says what time it is, and the caller wraps it in a transaction. What is over
 * (`expiresAt <= now`) is over for every reader here, whether it has been swept away yet or not (D8).
 */
import { LIMITS } from "../protocol/limits.ts";
import type { DeadLetterSelector } from "../protocol/mailbox-api.ts";
import { type MessageEnd, type MessageStatus, type NewMessage, seqOfServerId, serverId } from "../protocol/message.ts";
import type { DeliverySettings } from "../settings.ts";
import { DeadLetters } from "./dead-letters.ts";
import { type Device, Devices } from "./devices.ts";
import { Facts } from "./facts.ts";
import { Losses, type LossReason } from "./losses.ts";
import { type Head, type Held, Messages, seqsOf } from "./messages.ts";
import { list, type Reading, type Room, read } from "./reading.ts";
import { Receipts } from "./receipts.ts";
import { migrate, USER_TABLES } from "./schema.ts";
import { Sequence } from "./sequence.ts";
import type { Sql } from "./sql.ts";

/** What is known of a message, held or not. */
export interface Known {
  readonly seq: number;
  readonly id: string;
  readonly status: MessageStatus;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly deliveredAt?: number;
  readonly requeuedFrom?: number;
}

export type Appended =
  | { readonly kind: "new"; readonly message: Held }
  | { readonly kind: "full" }
  | { readonly kind: "twin"; readonly known: Known }
  | { readonly kind: "other_content"; readonly seq: number };

/** What one device's connections have acked, and where its cursor may go (C5). */
export interface Progress {
  readonly device: string;
  readonly acked: number;
  readonly cursor: number;
}

/** How many messages are ended in one go: a step of this size takes a few milliseconds. */
const SWEEP = 500;

export class Outbox {
  readonly devices: Devices;
  readonly #sql: Sql;
  readonly #settings: DeliverySettings;
  readonly #facts: Facts;
  readonly #sequence: Sequence;
  readonly #messages: Messages;
  readonly #losses: Losses;
  readonly #deadLetters: DeadLetters;
  readonly #receipts: Receipts;
  /** The highest seq that any connection has acked, as stored: what lies at or below it and was not rejected is delivered. */
  #acked: number;
  /** What was ended since `takeFinished` was last asked. */
  readonly #finished = new Set<number>();

  constructor(sql: Sql, settings: DeliverySettings) {
    migrate(sql);
    this.#sql = sql;
    this.#settings = settings;
    this.#facts = new Facts(sql);
    this.#sequence = new Sequence(this.#facts);
    this.#messages = new Messages(sql);
    this.#losses = new Losses(sql);
    this.#deadLetters = new DeadLetters(sql, settings);
    this.#receipts = new Receipts(sql);
    this.devices = new Devices(sql);
    this.#acked = Math.max(this.#facts.get("acked_seq") ?? 0, this.devices.highestAcked);
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nothing that a reader could be sent lies above. */
  get highestHeld(): number {
    return Math.max(this.#messages.highest, this.#losses.highest);
  }

  /** No seq above was ever given out. */
  get highestSeq(): number {
    return this.#sequence.highest;
  }

  /** The clock has stood here before: it must not stand lower (D10). */
  get clockFloor(): number {
    const seen = this.devices.all().map((d) => d.lastSeenAt);
    return Math.max(this.#sequence.clockFloor, this.#messages.lastAcceptedAt, ...seen);
  }

  get revokedAt(): number {
    return this.#facts.get("revoked_at") ?? -1;
  }

  /** Whether anybody has acked it, durably. */
  isAcked(message: Pick<Head, "seq" | "rejectReason">): boolean {
    return message.seq <= this.#acked && message.rejectReason === null;
  }

  /** What a reader at `after` is sent next, as far as it has room. Losses up to `cleanFrom` are not its own. */
  read(after: number, cleanFrom: number, room: Room, now: number): Reading {
    return read(this.#messages, this.#losses, after, cleanFrom, room, now);
  }

  /** What waits for a reader at `after`. */
  pending(after: number, now: number): number {
    return after >= this.#messages.highest ? 0 : this.#messages.summary(after, now).count;
  }

  summary(now: number): { readonly count: number; readonly bytes: number; readonly oldestAt: number | null } {
    return this.#messages.summary(0, now);
  }

  /** Held messages above `after`, in order, at most `limit`. */
  list(after: number, limit: number, now: number): readonly Held[] {
    return list(this.#messages, this.#losses, after, limit, now);
  }

  held(seq: number, now: number): Held | undefined {
    const message = this.#messages.get(seq);
    return message !== undefined && message.expiresAt > now ? message : undefined;
  }

  /** The seq that an id stands for, the sender's or the server's; undefined where it is not known. */
  seqOf(id: string): number | undefined {
    return seqOfServerId(id) ?? this.#receipts.find(id)?.seq;
  }

  /** What is known of a message (S10). */
  state(seq: number, now: number): Known | undefined {
    const message = this.#messages.get(seq);
    if (message !== undefined) return this.knownOf(message, now);
    const ended = this.#receipts.endOf(seq);
    if (ended === undefined) return undefined;
    return {
      seq,
      id: ended.id ?? serverId(seq),
      status: ended.end,
      acceptedAt: ended.acceptedAt,
      expiresAt: ended.expiresAt,
      ...(ended.end === "delivered" ? { deliveredAt: ended.endedAt } : {}),
      ...(ended.requeuedFrom === null ? {} : { requeuedFrom: ended.requeuedFrom }),
    };
  }

  knownOf(message: Head, now: number): Known {
    const acked = this.isAcked(message);
    const over = message.expiresAt <= now ? (message.rejectReason === null ? "expired" : "rejected") : "queued";
    return {
      seq: message.seq,
      id: message.id ?? serverId(message.seq),
      status: acked ? "delivered" : over,
      acceptedAt: message.acceptedAt,
      expiresAt: message.expiresAt,
      ...(acked && message.deliveredAt !== null ? { deliveredAt: message.deliveredAt } : {}),
      ...(message.requeuedFrom === null ? {} : { requeuedFrom: message.requeuedFrom }),
    };
  }

  // ── Accepting ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether accepting this rests on what has been acked so far, which must then be recorded first (D9). */
  restsOnAcks(message: NewMessage): boolean {
    return (
      message.topic !== undefined ||
      !this.#fits(1, message.bytes) ||
      (message.id !== undefined && this.#receipts.find(message.id) !== undefined)
    );
  }

  /** A twin of a message that is known, or what stands against it; undefined where the id is free (S4). */
  twin(message: NewMessage, now: number): Extract<Appended, { kind: "twin" | "other_content" }> | undefined {
    if (message.id === undefined) return undefined;
    const receipt = this.#receipts.find(message.id);
    if (receipt === undefined) return undefined;
    const known = this.state(receipt.seq, now);
    if (known === undefined) return undefined;
    return receipt.digest === message.digest ? { kind: "twin", known } : { kind: "other_content", seq: receipt.seq };
  }

  /** Takes a message in: idempotent by its id (S4), replacing its topic's (S6), making room where it may (S8). */
  append(message: NewMessage, now: number): Appended {
    const twin = this.twin(message, now);
    if (twin !== undefined) return twin;
    const replaced = message.topic === undefined ? [] : this.#messages.ofTopic(message.topic, this.#acked, now);
    if (!this.#makeRoom(message.bytes, replaced, now)) return { kind: "full" };
    this.#finish(replaced, "replaced", now);
    const seq = this.#sequence.take(now);
    const held: Held = {
      seq,
      id: message.id ?? null,
      bytes: message.bytes,
      acceptedAt: now,
      expiresAt: now + Math.min(message.ttlMs ?? this.#settings.ttlDefaultMs, this.#settings.ttlMaxMs),
      deliveredAt: null,
      rejectReason: null,
      requeuedFrom: null,
      topic: message.topic ?? null,
      type: message.type,
      data: message.data ?? null,
    };
    this.#messages.insert(held);
    if (message.id !== undefined) this.#receipts.add(message.id, seq, message.digest ?? "");
    return { kind: "new", message: held };
  }

  /** A seq for a message that is never stored (S5). */
  takeSeq(now: number): number {
    return this.#sequence.take(now);
  }

  /** Remembers the end of a message that was never stored, so that its id stays idempotent (S4, S5). */
  rememberEphemeral(message: NewMessage, seq: number, end: "delivered" | "dropped", acceptedAt: number, now: number) {
    if (message.id === undefined) return;
    this.#receipts.add(message.id, seq, message.digest ?? "");
    this.#receipts.enter([
      { seq, id: message.id, end, acceptedAt, expiresAt: acceptedAt, endedAt: now, requeuedFrom: null },
    ]);
  }

  #fits(count: number, bytes: number): boolean {
    return (
      this.#messages.count + count <= this.#settings.outboxMaxMessages &&
      this.#messages.bytes + bytes <= this.#settings.outboxMaxBytes
    );
  }

  /** Room for one more, once `leaving` are gone; false where only un-acked messages stand in the way (S8). */
  #makeRoom(bytes: number, leaving: readonly Head[], now: number): boolean {
    const leavingBytes = leaving.reduce((sum, head) => sum + head.bytes, 0);
    const fits = () => this.#fits(1 - leaving.length, bytes - leavingBytes);
    if (fits()) return true;
    const unacked = this.#messages.unacked(this.#acked, now);
    const possible =
      unacked.count + 1 - leaving.length <= this.#settings.outboxMaxMessages &&
      unacked.bytes + bytes - leavingBytes <= this.#settings.outboxMaxBytes;
    if (!possible) return false;
    while (!fits() && this.sweep(now)) {
      // Each sweep frees up to a step of what is over already.
    }
    while (!fits()) {
      const oldest = this.#messages.oldestDelivered(this.#acked, 1);
      if (oldest.length === 0) return false;
      this.#finish(oldest, "delivered", now, { reason: "overtaken", lostAt: () => now + 1 });
    }
    return true;
  }

  // ── Ending ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The earliest instant at which something of the outbox's own is due; undefined where nothing is. */
  get dueAt(): number | undefined {
    const instants = [
      this.#messages.count === 0 ? undefined : this.#messages.nextExpiry,
      this.#receipts.dueAt,
      this.#deadLetters.dueAt,
      this.#revocationEndsAt,
    ].filter((at) => at !== undefined);
    return instants.length === 0 ? undefined : Math.min(...instants);
  }

  get nextExpiry(): number {
    return this.#messages.nextExpiry;
  }

  /** Of `seqs`, those that may have ended since this was last asked. */
  maybeEnded(seqs: readonly number[]): readonly number[] {
    const maybe = seqs.filter((seq) => seq <= this.#acked || this.#finished.has(seq));
    this.#finished.clear();
    return maybe;
  }

  /** Ends one step of what has expired, acks recorded before; true where it ended something and there may be more. */
  sweep(now: number): boolean {
    const heads = this.#messages.expired(now, SWEEP);
    this.#expire(heads, now);
    return heads.length > 0;
  }

  /** Ends what has expired in `(after, through]`: an ack that comes after the instant comes too late. */
  sweepRange(after: number, through: number, now: number): void {
    if (this.#messages.nextExpiry > now) return;
    this.#expire(
      this.#messages.heads(after, through).filter((head) => head.expiresAt <= now),
      now,
    );
  }

  #expire(heads: readonly Head[], now: number): void {
    const lost = { reason: "expired" as const, lostAt: (head: Head) => head.expiresAt };
    const acked = heads.filter((head) => this.isAcked(head));
    const rest = heads.filter((head) => !this.isAcked(head));
    this.#finish(acked, "delivered", now, lost);
    this.#finish(
      rest.filter((head) => head.rejectReason !== null),
      "rejected",
      now,
      lost,
    );
    this.#finish(
      rest.filter((head) => head.rejectReason === null),
      "expired",
      now,
      lost,
    );
  }

  /** Ends a message by its sender's wish; false where somebody has acked it, or it is not held (S10). */
  recall(seq: number, now: number): boolean {
    const message = this.held(seq, now);
    if (message === undefined || this.isAcked(message)) return false;
    this.#finish([message], "recalled", now);
    return true;
  }

  /** Ends a message that a device failed on again and again; nothing happens where somebody has acked it (D6). */
  giveUp(seq: number, now: number): void {
    const message = this.held(seq, now);
    if (message === undefined || this.isAcked(message)) return;
    this.#finish([message], "undeliverable", now, { reason: "undeliverable", lostAt: () => now + 1 });
  }

  /** Notes that a connection could not process a message; nothing happens where somebody has acked it (C6). */
  reject(seq: number, reason: string, now: number): void {
    const message = this.held(seq, now);
    if (message === undefined || this.isAcked(message)) return;
    this.#messages.markRejected(seq, reason);
  }

  get anyRejected(): boolean {
    return this.#messages.anyRejected;
  }

  /** An ordinary ack over `(after, through]` makes what was rejected there delivered after all (C6). */
  clearRejected(after: number, through: number, now: number): void {
    this.#messages.clearRejected(after, through, now);
  }

  /** Records acks and cursors, and releases what nobody needs any more (C5, D9). */
  record(progress: readonly Progress[], now: number): void {
    const before = this.#acked;
    for (const p of progress) {
      const device = this.devices.get(p.device);
      if (device === undefined) continue;
      this.devices.save({
        ...device,
        cursor: Math.max(device.cursor, p.cursor),
        acked: Math.max(device.acked, p.acked),
        lastSeenAt: now,
      });
      this.#acked = Math.max(this.#acked, p.acked);
    }
    this.release(now);
    if (this.#acked > before && this.#messages.count > 0) this.#messages.markDelivered(before, this.#acked, now);
  }

  /** Releases what every device has passed. */
  release(now: number): void {
    const lowest = this.devices.lowestCursor;
    const through = Math.min(lowest ?? this.#acked, this.#acked);
    const heads = this.#messages.count === 0 ? [] : this.#messages.heads(0, through);
    this.#finish(
      heads.filter((head) => head.rejectReason === null),
      "delivered",
      now,
    );
    this.#finish(
      heads.filter((head) => head.rejectReason !== null),
      "rejected",
      now,
    );
    if (lowest !== undefined) this.#losses.forgetThrough(lowest);
  }

  /** The one way out of the table: enters the end in the journal, buries what is a dead letter, marks the place of a loss. */
  #finish(
    heads: readonly Head[],
    end: MessageEnd,
    now: number,
    loss?: { readonly reason: LossReason; readonly lostAt: (head: Head) => number },
  ): void {
    if (heads.length === 0) return;
    const endedAt = (head: Head): number => {
      if (end === "delivered") return head.deliveredAt ?? now;
      return Math.min(now, head.expiresAt);
    };
    if (end === "expired" || end === "rejected" || end === "undeliverable") {
      this.#deadLetters.bury(seqsOf(heads), end, end === "expired" ? null : now);
    }
    this.#messages.remove(heads);
    for (const head of heads) this.#finished.add(head.seq);
    this.#receipts.enter(heads.map((head) => ({ ...head, end, endedAt: endedAt(head) })));
    if (loss === undefined) return;
    const passed = this.devices.lowestCursor ?? -1;
    for (const head of heads) {
      if (head.seq > passed) this.#losses.add(head.seq, loss.reason, loss.lostAt(head));
    }
    this.#losses.compactIfMany(this.devices.all());
  }

  // ── Devices ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes a device known, at its cursor (D5); undefined where 32 others are connected. */
  welcome(
    name: string,
    connected: ReadonlySet<string>,
    now: number,
  ): { readonly device: Device; readonly resumed: boolean } | undefined {
    this.forgetUnseen(connected, now);
    const known = this.devices.get(name);
    if (known !== undefined) {
      const device = { ...known, open: true, lastSeenAt: now };
      this.devices.save(device);
      return { device, resumed: true };
    }
    if (this.devices.count >= LIMITS.devicesMax) {
      const away = this.devices.longestAway(connected);
      if (away === undefined) return undefined;
      this.#forgetDevice(away);
    }
    const isFirst = this.#facts.get("had_device") === undefined;
    if (isFirst) this.#facts.set("had_device", 1);
    const device: Device = {
      name,
      cursor: this.#acked,
      acked: 0,
      sent: 0,
      open: true,
      cleanFrom: isFirst ? 0 : now,
      firstSeenAt: now,
      lastSeenAt: now,
      strikes: 0,
      strikeSeq: 0,
    };
    this.devices.save(device);
    this.release(now);
    return { device, resumed: false };
  }

  /** After a crash nobody knows what the sockets that it closed were sent: anything, for all one can say (S10). */
  noteLostConnections(connected: ReadonlySet<string>): void {
    for (const device of this.devices.all()) {
      if (device.open && !connected.has(device.name)) {
        this.devices.save({ ...device, open: false, sent: this.#sequence.highest });
      }
    }
  }

  /** Forgets devices not seen for 30 days, and releases what was kept for them alone (D5). */
  forgetUnseen(connected: ReadonlySet<string>, now: number): void {
    const unseen = this.devices.unseen(now, connected);
    for (const device of unseen) this.#forgetDevice(device);
    if (unseen.length > 0) this.release(now);
  }

  #forgetDevice(device: Device): void {
    if (device.acked > (this.#facts.get("acked_seq") ?? 0)) this.#facts.set("acked_seq", device.acked);
    this.devices.forget(device.name);
  }

  // ── Dead letters ───────────────────────────────────────────────────────────────────────────────────────────────────

  deadLetterCount(now: number): number {
    return this.#deadLetters.count(now);
  }

  deadLetters(after: number, limit: number, selector: DeadLetterSelector, now: number) {
    return this.#deadLetters.list(now, after, limit, selector);
  }

  /** Sends dead letters again, in order, as new messages at the end, while there is room (D7). */
  requeue(selector: DeadLetterSelector, ttlMs: number | undefined, now: number) {
    const letters = this.#deadLetters.list(now, 0, LIMITS.deadLettersMax, selector);
    const requeued: Held[] = [];
    for (const letter of letters) {
      if (!this.#makeRoom(letter.bytes, [], now)) break;
      const held: Held = {
        seq: this.#sequence.take(now),
        id: null,
        bytes: letter.bytes,
        acceptedAt: now,
        expiresAt: now + Math.min(ttlMs ?? letter.ttlMs, this.#settings.ttlMaxMs),
        deliveredAt: null,
        rejectReason: null,
        requeuedFrom: letter.seq,
        topic: letter.topic ?? null,
        type: letter.type,
        data: letter.data ?? null,
      };
      this.#messages.insert(held);
      requeued.push(held);
    }
    this.#deadLetters.remove(letters.slice(0, requeued.length).map((letter) => letter.seq));
    return { requeued, selected: letters.length };
  }

  discard(selector: DeadLetterSelector, now: number): number {
    const letters = this.#deadLetters.list(now, 0, LIMITS.deadLettersMax, selector);
    this.#deadLetters.remove(letters.map((letter) => letter.seq));
    return letters.length;
  }

  // ── The user as a whole ────────────────────────────────────────────────────────────────────────────────────────────

  /** Tokens issued until `now` are over (U3). */
  revoke(now: number): void {
    this.#facts.set("revoked_at", Math.max(this.revokedAt, now));
  }

  /** Forgets everything but the instant of revocation, which is also above the time of every seq given out (U4, D10). */
  erase(now: number): void {
    const revokedAt = Math.max(this.revokedAt, now, this.#sequence.highestMs);
    for (const table of USER_TABLES) this.#sql.exec(`DELETE FROM ${table}`);
    this.#facts.set("revoked_at", revokedAt);
  }

  /** Forgets what need not be remembered any longer; true where there may be more. */
  forgetDue(now: number): boolean {
    this.#deadLetters.forgetDue(now);
    const endsAt = this.#revocationEndsAt;
    if (endsAt !== undefined && endsAt <= now) this.#facts.forget("revoked_at");
    return this.#receipts.forgetDue(now, 8);
  }

  /** Whether nothing at all is remembered: the object can be deleted. */
  get isBlank(): boolean {
    return USER_TABLES.every((table) => this.#sql.exec(`SELECT 1 FROM ${table} LIMIT 1`).length === 0);
  }

  /** When the last token that it could stand against has ended. */
  get #revocationEndsAt(): number | undefined {
    const revokedAt = this.#facts.get("revoked_at");
    return revokedAt === undefined ? undefined : revokedAt + LIMITS.tokenTtlMaxMs;
  }
}
