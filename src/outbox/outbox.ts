/**
 * The durable queue of one user: what is held, for whom, until when, and how it ends.
 *
 * Synchronous and without a clock: every call says what time it is, and the caller wraps it in a transaction. What is over
 * (`expiresAt <= now`) is over for every reader here, whether it has been swept away yet or not (D8).
 */
import type { Measured } from "../measures/measured.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { DeadLetterSelector } from "../protocol/mailbox-api.ts";
import type { NewMessage } from "../protocol/message.ts";
import type { DeliverySettings } from "../settings/delivery.ts";
import type { WebhookQueue } from "../webhooks/queue.ts";
import * as accepting from "./accepting.ts";
import { AttentionBook } from "./attention.ts";
import type { Devices } from "./devices.ts";
import * as ending from "./ending.ts";
import * as knowing from "./knowing.ts";
import type { Head, Held } from "./messages.ts";
import * as readers from "./readers.ts";
import { list, type Place, type Reading, type Room, read } from "./reading.ts";
import { USER_TABLES } from "./schema.ts";
import { first, type Sql } from "./sql.ts";
import { Tables } from "./tables.ts";
import type { Trails } from "./trails.ts";
import type { Witness } from "./witness.ts";

export class Outbox {
  readonly #tables: Tables;
  /** Whether a person should look at this user (N4). */
  readonly attention: AttentionBook;
  /** What was measured in the running turn (M1), and what operators are told of it (N6). */
  readonly measured: Measured;
  readonly witness: Witness;
  /** What connections were sent (N3). */
  readonly trails: Trails;

  /** `name`: the Mailbox's own, a hash; what is told of its messages is known by it. */
  constructor(sql: Sql, settings: DeliverySettings, name = "") {
    this.#tables = new Tables(sql, settings, name);
    this.attention = new AttentionBook(this.#tables);
    this.measured = this.#tables.measured;
    this.witness = this.#tables.witness;
    this.trails = this.#tables.trails;
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────────

  get devices(): Devices {
    return this.#tables.devices;
  }

  /** How many held messages lie in `[first, seq]`. */
  countIn(first: number, seq: number): number {
    return this.#tables.messages.heads(first - 1, seq).length;
  }

  /** The highest seq that any connection has acked, as recorded. */
  get ackedThrough(): number {
    return this.#tables.acked;
  }

  /** Nothing that a reader could be sent lies above. */
  get highestHeld(): number {
    return Math.max(this.#tables.messages.highest, this.#tables.losses.highest);
  }

  /** No seq above was ever given out. */
  get highestSeq(): number {
    return this.#tables.sequence.highest;
  }

  /** The clock has stood here before: it must not stand lower (D10). */
  get clockFloor(): number {
    const seen = this.devices.all().map((d) => d.lastSeenAt);
    const { sequence, messages, journal } = this.#tables;
    return Math.max(sequence.clockFloor, messages.lastAcceptedAt, journal.lastEnteredAt, this.revokedAt, ...seen);
  }

  get revokedAt(): number {
    return this.#tables.revokedAt;
  }

  /** What a reader is sent next, as far as it has room. */
  read(place: Place, room: Room, now: number): Reading {
    return read(this.#tables.messages, this.#tables.losses, place, room, now);
  }

  /** Held messages above `after`, in order, at most `limit`. */
  list(after: number, limit: number, now: number): readonly Held[] {
    return list(this.#tables.messages, after, limit, now);
  }

  /** How many messages wait for a reader at `after`. */
  pending(after: number, now: number): number {
    return after >= this.#tables.messages.highest ? 0 : this.#tables.messages.summary(after, now).count;
  }

  /** Of what is held above `after`. */
  summary(after: number, now: number) {
    return this.#tables.messages.summary(after, now);
  }

  held(seq: number, now: number): Held | undefined {
    return knowing.held(this.#tables, seq, now) === undefined ? undefined : this.#tables.messages.get(seq);
  }

  /** The seq that an id stands for, the sender's or the server's; undefined where it is not known. */
  seqOf(id: string): number | undefined {
    return knowing.seqOf(this.#tables, id);
  }

  /** What is known of a message (S10). */
  state(seq: number, now: number): knowing.Known | undefined {
    return knowing.state(this.#tables, seq, now);
  }

  knownOf(message: Head, now: number): knowing.Known {
    return knowing.knownOf(this.#tables, message, now);
  }

  // ── Accepting ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether accepting these rests on what has been acked so far, which must then be recorded first (D9). */
  restsOnAcks(messages: readonly NewMessage[]): boolean {
    return accepting.restsOnAcks(this.#tables, messages);
  }

  twin(message: NewMessage, now: number) {
    return accepting.twin(this.#tables, message, now);
  }

  append(message: NewMessage, now: number): accepting.Appended {
    return accepting.append(this.#tables, message, now);
  }

  /** Whether so much more fits as it is, with nothing making room (S8). */
  hasRoomFor(count: number, bytes: number): boolean {
    return accepting.fits(this.#tables, count, bytes);
  }

  /** Takes in a message that was on its way before it was stored. */
  insert(message: Held): void {
    accepting.insert(this.#tables, message);
  }

  /** Remembers the end of one that never was; with the next ends, as nobody's truth rests on it. */
  endDirect(head: Head, now: number): knowing.Known {
    return accepting.endDirect(this.#tables, head, now);
  }

  /** Writes what `append` has taken in: the last word of every turn that appends. */
  write(): void {
    this.#tables.messages.write();
  }

  /** A seq for a message that is never stored (S5). */
  takeSeq(now: number): number {
    return this.#tables.sequence.take(now);
  }

  rememberEphemeral(message: NewMessage, seq: number, end: "delivered" | "dropped", acceptedAt: number, now: number) {
    accepting.rememberEphemeral(this.#tables, message, seq, end, acceptedAt, now);
  }

  // ── Ending ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The earliest instant at which something of the outbox's own is due; undefined where nothing is. */
  get dueAt(): number | undefined {
    const { messages, journal, deadLetters, webhooks } = this.#tables;
    const due = Math.min(
      messages.count === 0 ? Number.POSITIVE_INFINITY : messages.nextExpiry,
      messages.nextFallback ?? Number.POSITIVE_INFINITY,
      webhooks.forgetAt ?? Number.POSITIVE_INFINITY,
      journal.dueAt ?? Number.POSITIVE_INFINITY,
      deadLetters.dueAt ?? Number.POSITIVE_INFINITY,
      this.#revocationEndsAt ?? Number.POSITIVE_INFINITY,
    );
    return Number.isFinite(due) ? due : undefined;
  }

  /** No held message expires before this instant. */
  get nextExpiry(): number {
    return this.#tables.messages.nextExpiry;
  }

  /** Of `seqs`, those that may have ended in this turn. */
  maybeEnded(seqs: readonly number[]): readonly number[] {
    const { acked, finished } = this.#tables;
    return seqs.filter((seq) => seq <= acked || finished.has(seq));
  }

  /** The turn is over: what ended in it is news no longer. */
  endTurn(): void {
    this.#tables.finished.clear();
  }

  /** Whether any message has ended in this turn. */
  get anyEnded(): boolean {
    return this.#tables.finished.size > 0;
  }

  /** Whether a message has ended in this turn. */
  hasEnded(seq: number): boolean {
    return this.#tables.finished.has(seq);
  }

  /** Ends one step of what has expired; true where there may be more. */
  sweep(now: number): boolean {
    return ending.sweep(this.#tables, now);
  }

  /** Sends one step of what nobody has acked by its time to the webhook; true where there may be more. */
  escalate(now: number): boolean {
    return ending.escalate(this.#tables, now);
  }

  /** Ends all that has expired, for a reply that speaks of ends (D8). */
  sweepAll(now: number): void {
    while (ending.sweep(this.#tables, now)) {
      // Each step is one block.
    }
  }

  sweepRange(after: number, through: number, now: number): void {
    ending.sweepRange(this.#tables, after, through, now);
  }

  recall(seq: number, now: number): boolean {
    return ending.recall(this.#tables, seq, now);
  }

  giveUp(first: number, seq: number, now: number): void {
    ending.giveUp(this.#tables, first, seq, now);
  }

  /** Notes that a connection could not process what lies in `[first, seq]` (C6). */
  reject(first: number, seq: number, reason: string, now: number): void {
    ending.reject(this.#tables, first, seq, reason, now);
  }

  get anyRejected(): boolean {
    return this.#tables.messages.anyRejected;
  }

  /** An ordinary ack over `(after, through]` makes what was rejected there delivered after all (C6). */
  clearRejected(after: number, through: number, now: number): void {
    ending.noteDelivered(this.#tables, this.#tables.messages.clearRejected(after, through, now));
  }

  record(progress: readonly ending.Progress[], now: number): void {
    ending.record(this.#tables, progress, now);
  }

  // ── Devices ────────────────────────────────────────────────────────────────────────────────────────────────────────

  welcome(name: string, connected: ReadonlySet<string>, now: number) {
    return readers.welcome(this.#tables, name, connected, now);
  }

  noteLostConnections(connected: ReadonlySet<string>, now: number): void {
    readers.noteLostConnections(this.#tables, connected, now);
  }

  forgetUnseen(connected: ReadonlySet<string>, now: number): void {
    readers.forgetUnseen(this.#tables, connected, now);
  }

  // ── Dead letters ───────────────────────────────────────────────────────────────────────────────────────────────────

  deadLetterCount(now: number): number {
    return this.#tables.deadLetters.count(now);
  }

  /** A page of dead letters above `after`, in order; `more` where it is not the last. */
  deadLetters(after: number, limit: number, selector: DeadLetterSelector, now: number) {
    return this.#tables.deadLetters.page(after, limit, selector, now);
  }

  requeue(selector: DeadLetterSelector, ttlMs: number | undefined, now: number, limit?: number) {
    return accepting.requeue(this.#tables, selector, ttlMs, now, limit);
  }

  /** Forgets dead letters; gives back how many. */
  discard(selector: DeadLetterSelector, now: number, limit?: number): number {
    return this.#tables.deadLetters.discard(selector, now, limit);
  }

  /** What the webhook is still to be told; the shell sends it. */
  get webhooks(): WebhookQueue {
    return this.#tables.webhooks;
  }

  // ── The user as a whole ────────────────────────────────────────────────────────────────────────────────────────────

  /** Whose Mailbox it is, as a caller says who has checked it. */
  own(user: string): void {
    this.#tables.facts.own(user);
  }

  get owner(): string | undefined {
    return this.#tables.facts.owner;
  }

  /** Tokens issued until `now` are over (U3). */
  revoke(now: number): void {
    this.#tables.facts.set("revoked_at", Math.max(this.revokedAt, now));
  }

  /**
   * Forgets everything but that the index is to forget the user, and the instant of revocation, which is also above the time of every seq given out (U4, D10).
   * What is kept in memory is of empty tables then: the outbox is to be built anew.
   */
  erase(now: number): void {
    const revokedAt = Math.max(this.revokedAt, now, this.#tables.sequence.highestMs);
    const attended = this.attention.afterErasure(now);
    ending.noteErased(this.#tables, now);
    for (const table of USER_TABLES) this.#tables.sql.exec(`DELETE FROM ${table}`);
    this.#tables.facts.set("revoked_at", revokedAt);
    if (attended !== undefined) this.#tables.facts.set("attention", attended);
  }

  /** Forgets what need not be remembered any longer; true where there may be more. */
  forgetDue(now: number): boolean {
    this.#tables.deadLetters.forgetDue(now);
    this.#tables.webhooks.forgetDue(now);
    this.#tables.trails.forgetReleased(); // An older release, in between, does not.
    const endsAt = this.#revocationEndsAt;
    if (endsAt !== undefined && endsAt <= now) this.#tables.facts.forget("revoked_at");
    return this.#tables.journal.forgetDue(now);
  }

  /** Whether nothing at all is remembered: the object can be deleted. */
  get isBlank(): boolean {
    const anyRow = USER_TABLES.map((table) => `EXISTS (SELECT 1 FROM ${table})`).join(" OR ");
    return first(this.#tables.sql.exec<{ any: number }>(`SELECT ${anyRow} AS any`))?.any === 0;
  }

  /** When the last token that the revocation could stand against has ended. */
  get #revocationEndsAt(): number | undefined {
    const revokedAt = this.#tables.facts.get("revoked_at");
    return revokedAt === undefined ? undefined : revokedAt + LIMITS.tokenTtlMaxMs;
  }
}
