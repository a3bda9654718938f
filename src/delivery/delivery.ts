/**
 * Who is sent what, and when: the one place where a user's connections and outbox meet.
 *
 * Pure: no clock, no randomness, nothing of the platform. Each method is one turn: it says what time it is, the shell wraps
 * it in a transaction, and what is to be sent comes out of `takeEffects` once that transaction is through. Where a method
 * throws, the object is discarded and built again from what is stored and attached.
 *
 * Sending and acking are lazy about acks: they rest in the sessions until `flush`. Every other turn begins with a flush, so
 * that no reply and no decision rests on an ack that a crash could take back (D9).
 */
import type { Pairs } from "../measures/tally.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Happening } from "../protocol/live-frames.ts";
import type { Acknowledgement, AttachCall, BulkStep, DeadLetterSelector, TokenFacts } from "../protocol/mailbox-api.ts";
import type { DeliverySettings } from "../settings/delivery.ts";
import { flush, noteUnrecorded } from "./acks.ts";
import { attach, prolong } from "./attaching.ts";
import * as backend from "./backend-calls.ts";
import { closeAll, detach } from "./closing.ts";
import { Desk } from "./desk.ts";
import { graceEndsAt, storeDirect } from "./direct.ts";
import type { Effect, Wait } from "./effects.ts";
import { acknowledge, receive } from "./receiving.ts";
import { type CallOutcome, type GroupedCall, send } from "./sending.ts";
import type { Session } from "./session.ts";
import { pump } from "./streaming.ts";
import { isStuck, stuckDueAt } from "./stuck.ts";
import { settleWaits, stopWaiting, waitOver } from "./waiting.ts";

const TICK_WHILE_BUSY_MS = 10_000;
/** After the last ack, or the first message that has none: a little less, so that a message alone does not make two ticks. */
const STILL_BUSY_MS = 9_000;

export class Delivery {
  readonly #desk: Desk;

  /** `sessions`: restored from the attachments of the sockets that are open. */
  constructor(
    outbox: Outbox,
    settings: DeliverySettings,
    sessions: readonly Session[],
    autoPingedAt: (connection: string) => number | undefined,
    now: number,
  ) {
    this.#desk = new Desk(outbox, settings, sessions, autoPingedAt);
    for (const session of sessions) {
      const device = outbox.devices.get(session.device);
      if (device === undefined) continue;
      const lowest = Math.min(...sessions.filter((s) => s.device === device.name).map((s) => s.checkpoint));
      if (session.acked > device.acked || lowest > device.cursor) noteUnrecorded(this.#desk, session, now);
    }
    outbox.trails.watch(() => [...this.#desk.sessions.values()].map((session) => session.trail));
    outbox.noteLostConnections(this.#desk.connectedDevices(), now);
  }

  /** The last word of every turn, in its transaction: whether a person should look at this user (N4). */
  noteAttention(now: number): void {
    this.#desk.outbox.attention.note(isStuck(this.#desk, now), now);
  }

  /**
   * What the last turn wants done, in order, the sessions whose attachment it changed, what it has measured, and what operators are told
   * of it; `isWatched`: whether any look on from now on (N6).
   */
  takeEffects(isWatched = false): {
    readonly effects: readonly Effect[];
    readonly touched: readonly Session[];
    readonly measured: Pairs;
    readonly seen: readonly Happening[];
  } {
    const { effects, touched, sessions, outbox, measured } = this.#desk;
    outbox.endTurn();
    const stillOpen = [...touched].filter((session) => sessions.has(session.id));
    this.#desk.effects = [];
    touched.clear();
    return { effects, touched: stillOpen, measured: measured.take(), seen: outbox.witness.take(isWatched) };
  }

  /**
   * When `tick` is to run next; undefined where nothing is to come. While messages come and go that is every 10 s: each move of
   * an alarm is a row, and one set with the first message serves its ack, too, and all that follow meanwhile.
   */
  dueAt(now: number): number | undefined {
    const { outbox, settings, sessions, unrecorded, unrecordedSince, ackedAt } = this.#desk;
    let due = outbox.dueAt ?? Number.POSITIVE_INFINITY;
    due = Math.min(due, stuckDueAt(this.#desk) ?? Number.POSITIVE_INFINITY);
    if (unrecorded.size > 0) due = Math.min(due, unrecordedSince + settings.ackFlushMs);
    let isBusy = sessions.size > 0 && now - ackedAt < STILL_BUSY_MS;
    for (const session of sessions.values()) {
      due = Math.min(due, session.expiresAt);
      if (session.inFlight === 0) continue;
      due = Math.min(due, session.progressAt + settings.ackTimeoutMs);
      // One who does not ack keeps nobody awake for it.
      isBusy ||= now - session.progressAt < STILL_BUSY_MS;
    }
    if (isBusy) due = Math.min(due, now + TICK_WHILE_BUSY_MS);
    return Number.isFinite(due) ? due : undefined;
  }

  /** Does what is due; true where there may be more of it right away. */
  tick(now: number): boolean {
    const { outbox, settings, sessions } = this.#settled(now);
    this.#desk.hasTicked = true;
    flush(this.#desk, now);
    const all = [...sessions.values()];
    const over = all.filter((session) => session.expiresAt <= now);
    closeAll(this.#desk, over, "token_expired", now);
    const late = all.filter((s) => !over.includes(s) && s.inFlight > 0 && s.progressAt + settings.ackTimeoutMs <= now);
    closeAll(this.#desk, late, "ack_timeout", now);
    const swept = outbox.sweep(now);
    const escalated = outbox.escalate(now);
    const forgot = outbox.forgetDue(now);
    outbox.forgetUnseen(this.#desk.connectedDevices(), now);
    for (const session of sessions.values()) pump(this.#desk, session, now);
    settleWaits(this.#desk, now);
    return swept || escalated || forgot;
  }

  /** What every turn begins with but an ack and a send: what is in its grace is stored before anything else happens. */
  #settled(now: number): Desk {
    storeDirect(this.#desk, now);
    return this.#desk;
  }

  /** The instant at which what is on its way, and not stored yet, is to be; undefined where nothing is. */
  get graceEndsAt(): number | undefined {
    return graceEndsAt(this.#desk);
  }

  endGrace(now: number): void {
    this.#settled(now);
  }

  attach(call: AttachCall, connection: string, now: number) {
    return attach(this.#settled(now), call, connection, now);
  }

  prolong(connection: string, token: TokenFacts, now: number) {
    return prolong(this.#settled(now), connection, token, now);
  }

  receive(connection: string, text: string | undefined, now: number): void {
    receive(this.#desk, connection, text, now);
  }

  acknowledge(connection: string, token: TokenFacts, said: Acknowledgement, now: number) {
    return acknowledge(this.#settled(now), connection, token, said, now);
  }

  /** `code`: of the close frame that came, or what the runtime says where none did. */
  detach(connection: string, code: number, now: number): void {
    detach(this.#settled(now), connection, code, now);
  }

  send(calls: readonly GroupedCall[], now: number): readonly CallOutcome[] {
    return send(this.#desk, calls, now);
  }

  waitOver(wait: Wait & { readonly seq: number }, now: number) {
    return waitOver(this.#settled(now), wait, now);
  }

  stopWaiting(call: number, now: number): boolean {
    return stopWaiting(this.#settled(now), call);
  }

  held(after: number, limit: number, now: number) {
    return backend.held(this.#settled(now), after, limit, now);
  }

  state(id: string, now: number) {
    return backend.state(this.#settled(now), id, now);
  }

  recall(id: string, now: number) {
    return backend.recall(this.#settled(now), id, now);
  }

  user(now: number) {
    return backend.user(this.#settled(now), now);
  }

  look(now: number) {
    return backend.look(this.#desk, now);
  }

  deadLetters(after: number, limit: number, selector: DeadLetterSelector, now: number) {
    return backend.deadLetters(this.#settled(now), after, limit, selector, now);
  }

  requeue(selector: DeadLetterSelector, ttlMs: number | undefined, now: number) {
    return backend.requeue(this.#settled(now), selector, ttlMs, now);
  }

  webhooks(after: number, limit: number) {
    return backend.webhooks(this.#desk, after, limit);
  }

  failedWebhooks(action: "retry" | "discard", now: number): number {
    const { webhooks } = this.#settled(now).outbox;
    return action === "retry" ? webhooks.retryFailed(now) : webhooks.discardFailed();
  }

  bulkStep(step: BulkStep, now: number) {
    return backend.bulkStep(this.#settled(now), step, now);
  }

  discard(selector: DeadLetterSelector, now: number) {
    return backend.discard(this.#settled(now), selector, now);
  }

  revoke(now: number): void {
    backend.revoke(this.#settled(now), now);
  }

  erase(now: number): void {
    backend.erase(this.#settled(now), now);
  }
}
