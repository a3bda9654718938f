/**
 * The Mailbox: one Durable Object a user, which holds that user's connections and outbox.
 *
 * A thin shell around `Delivery`, which decides everything. Each event is one turn: a transaction, then the attachments of
 * the sockets it changed, then what is to be sent. Nothing else is awaited in a turn, so that a crash or a hibernation falls
 * between turns; and the runtime holds frames and replies back until the turn's writes are on the disk.
 */
import { DurableObject } from "cloudflare:workers";
import type { Delivery } from "../delivery/delivery.ts";
import { asErased, type CallOutcome, type GroupedCall } from "../delivery/sending.ts";
import { log, thrown } from "../log.ts";
import { closeCodeOf, type Refusal } from "../protocol/errors.ts";
import { PING, PONG } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import {
  type Acknowledgement,
  ATTACH_HEADER,
  type AttachCall,
  type DeadLetterSelector,
  type MailboxApi,
  REFUSAL_HEADER,
  type SendCall,
  type Sent,
  type TokenFacts,
  type UserState,
  type WaitId,
} from "../protocol/mailbox-api.ts";
import type { DeadLetterReason } from "../protocol/message.ts";
import { outcomeOf } from "../protocol/outcomes.ts";
import { deliverySettings } from "../settings/delivery.ts";
import type { Environment } from "../settings/environment.ts";
import { Arrivals } from "./arrivals.ts";
import { Callers } from "./callers.ts";
import { carryOut, type Hands } from "./carrying-out.ts";
import { DurableSql } from "./durable-sql.ts";
import { GraceTimer } from "./grace-timer.ts";
import { GroupCommit, type QueuedSend } from "./group-commit.ts";
import { Publishers } from "./publishers.ts";
import { type Core, rehydrate } from "./rehydrate.ts";
import { connectionOf, Sockets } from "./sockets.ts";

/** After a turn that failed in an alarm: long enough not to spin, short enough for what is due (D8). */
const ALARM_RETRY_MS = 5_000;

/** A Mailbox that was only looked at is deleted after so long: no token lives longer that its place may have been chosen for (S12). */
const BLANK_MS = LIMITS.tokenTtlMaxMs;

export class Mailbox extends DurableObject<Environment> implements MailboxApi {
  readonly #settings = deliverySettings(this.env).settings;
  readonly #sql: DurableSql;
  readonly #sockets: Sockets;
  readonly #callers = new Callers();
  readonly #commits: GroupCommit;
  readonly #arrivals = new Arrivals();
  readonly #publishers = new Publishers(this.ctx, this.#settings.heartbeatMs, (call) => this.send(call));
  readonly #grace = new GraceTimer(() => this.#endGrace());
  readonly #hands: Hands;
  #core: Core | undefined;
  /** Whether an alarm is doing what is due. */
  #ticking = false;
  #lastCall = 0;
  /** The alarm that is set, in Unix milliseconds; null = none. */
  #alarmAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Environment) {
    super(ctx, env);
    this.#sql = new DurableSql(ctx.storage);
    this.#sockets = new Sockets(ctx);
    this.#commits = new GroupCommit(
      (group) => this.#commitSends(group),
      () => ctx.storage.sync(),
    );
    this.#hands = { sockets: this.#sockets, callers: this.#callers, arrivals: this.#arrivals, mailbox: this.#name };
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    void ctx.blockConcurrencyWhile(async () => {
      // Null, too, while an alarm is being delivered. Each turn arms: what is due and has no alarm gets one then.
      this.#alarmAt = await ctx.storage.getAlarm();
    });
  }

  /** A hash (A6): it may be logged. */
  get #name(): string {
    return this.ctx.id.name ?? this.ctx.id.toString();
  }

  // ── Turns ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** `ending`: a socket whose end woke the object; it counts as open until its end is noted. */
  #open(ending?: WebSocket): Core {
    this.#core ??= rehydrate(this.#sql, this.#settings, this.#sockets, ending);
    return this.#core;
  }

  /**
   * One turn: `work` in a transaction; then `committed`, which may take in a socket or a caller; then the effects.
   * Where `work` throws nothing has happened, and what was in memory is forgotten.
   */
  #turn<T>(work: (delivery: Delivery, now: number) => T, committed?: (result: T) => void): T {
    const { delivery, clock } = this.#open();
    let result: T;
    try {
      result = this.#sql.transaction(() => work(delivery, clock.now()));
    } catch (error) {
      this.#core = undefined;
      this.#callers.fail(error);
      throw error;
    }
    committed?.(result);
    const { effects, touched } = delivery.takeEffects();
    for (const session of touched) this.#sockets.keep(session);
    for (const effect of effects) carryOut(effect, this.#hands);
    this.#arm();
    this.#grace.arm(delivery.graceEndsAt, clock.now());
    return result;
  }

  /** Sets the alarm to the earliest due instant, and only ever earlier: each move is a row written. */
  #arm(): void {
    const { delivery, outbox, clock } = this.#open();
    const dueAt = delivery.dueAt(clock.now()) ?? (outbox.isBlank ? clock.now() + BLANK_MS : undefined);
    if (dueAt === undefined || (this.#alarmAt !== null && this.#alarmAt <= dueAt)) return;
    this.#alarmAt = dueAt;
    void this.ctx.storage.setAlarm(dueAt);
  }

  #endGrace(): void {
    const { delivery, clock } = this.#open();
    if ((delivery.graceEndsAt ?? Number.POSITIVE_INFINITY) <= clock.now()) this.#turn((d, now) => d.endGrace(now));
    else this.#grace.arm(delivery.graceEndsAt, clock.now());
  }

  override async alarm(): Promise<void> {
    // While it runs, turns set no alarm: what is due is being done.
    this.#alarmAt = 0;
    this.#ticking = true;
    try {
      await this.#doDue();
      this.#ticking = false;
      this.#alarmAt = null;
      const { outbox } = this.#open();
      if (this.#sockets.count === 0 && outbox.isBlank) {
        this.#core = undefined;
        await this.ctx.storage.deleteAll();
        return;
      }
      this.#arm();
    } catch (error) {
      // An alarm that keeps throwing is dropped by the platform: it is set again instead.
      this.#ticking = false;
      log("error", "alarm_failed", { mailbox: this.#name, ...thrown(error) });
      this.#alarmAt = Date.now() + ALARM_RETRY_MS;
      await this.ctx.storage.setAlarm(this.#alarmAt);
    }
  }

  /** A long sweep goes in steps, so that sends and acks get their turn in between. */
  async #doDue(): Promise<void> {
    while (this.#turn((delivery, now) => delivery.tick(now))) await scheduler.wait(0);
  }

  // ── Connections ────────────────────────────────────────────────────────────────────────────────────────────────────

  override async fetch(request: Request): Promise<Response> {
    const publisher = this.#publishers.accept(request.headers);
    if (publisher !== undefined) return publisher;
    const call = JSON.parse(decodeURIComponent(request.headers.get(ATTACH_HEADER) ?? "")) as AttachCall;
    const id = `${call.tag}.${crypto.randomUUID()}`;
    const { 0: client, 1: server } = new WebSocketPair();
    const attached = this.#turn(
      (delivery, now) => delivery.attach(call, id, now),
      (result) => {
        if (result.ok) this.#sockets.accept(id, server);
      },
    );
    if (attached.ok) return new Response(null, { status: 101, webSocket: client });
    return new Response(null, {
      status: 400,
      headers: { [REFUSAL_HEADER]: encodeURIComponent(JSON.stringify(attached)) },
    });
  }

  // Synchronous: the frames of one socket come one after another, and a handler that waits would hold up its pings.
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const id = connectionOf(socket);
    try {
      if (id === undefined) return this.#publishers.receive(socket, message);
      this.#turn((delivery, now) => delivery.receive(id, typeof message === "string" ? message : undefined, now));
    } catch (error) {
      // The runtime would leave the socket open and its client uninformed.
      log("error", "frame_failed", { mailbox: this.#name, ...thrown(error) });
      socket.close(closeCodeOf("internal"), "internal");
    }
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#detach(socket);
    try {
      // 1005, 1006 and 1015 say that there was no close frame: none of them can be sent.
      socket.close(code === 1005 || code === 1006 || code === 1015 ? 1000 : code);
    } catch {
      // Closed already.
    }
  }

  override webSocketError(socket: WebSocket): void {
    this.#detach(socket);
  }

  #detach(socket: WebSocket): void {
    const id = connectionOf(socket);
    if (id === undefined) return this.#publishers.forget(socket);
    this.#open(socket);
    this.#turn((delivery, now) => delivery.detach(id, now));
    this.#sockets.forget(id);
  }

  async prolong(connectionId: string, token: TokenFacts) {
    return this.#turn((delivery, now) => delivery.prolong(connectionId, token, now));
  }

  async acknowledge(connectionId: string, token: TokenFacts, said: Acknowledgement) {
    return this.#turn((delivery, now) => delivery.acknowledge(connectionId, token, said, now));
  }

  // ── Sends ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Queues a send; what is queued while a commit is under way shares the next one. */
  send(send: SendCall): Promise<readonly (Sent | Refusal)[]> {
    return this.#commits.add(send);
  }

  async sendMany(call: Uint8Array): Promise<string> {
    const replies = await this.send(JSON.parse(new TextDecoder().decode(call)) as SendCall);
    return replies.map((reply) => JSON.stringify(outcomeOf(reply))).join("\n");
  }

  async sendTogether(calls: string): Promise<string> {
    return JSON.stringify(await Promise.all(this.#commits.addAll(JSON.parse(calls) as readonly SendCall[])));
  }

  #commitSends(group: readonly QueuedSend[]): boolean {
    const before = this.#sql.rowsWritten;
    this.#commitGroup(group, (delivery, calls, now) => delivery.send(calls, now));
    // A busy sender must not starve what is due (D8): a long sweep goes on between commits, too.
    if (this.#ticking) this.#turn((delivery, now) => delivery.tick(now));
    return this.#sql.rowsWritten > before;
  }

  #commitGroup(
    group: readonly QueuedSend[],
    work: (delivery: Delivery, calls: readonly GroupedCall[], now: number) => readonly CallOutcome[],
  ): void {
    const calls = group.map(({ send }): GroupedCall => {
      this.#lastCall += 1;
      return { call: this.#lastCall, send };
    });
    this.#turn(
      (delivery, now) => work(delivery, calls, now),
      (outcomes) => {
        group.forEach((queued, at) => this.#hold(queued, calls[at] as GroupedCall, outcomes[at] as CallOutcome));
      },
    );
  }

  #hold({ send, resolve, reject }: QueuedSend, { call }: GroupedCall, { replies, waits }: CallOutcome): void {
    if (waits.length === 0) return resolve(replies);
    this.#callers.hold(call, send.waitId, replies, { resolve, reject });
    for (const { index, seq, forMs } of waits) {
      const over = () => {
        const message = this.#turn((delivery, now) => delivery.waitOver({ call, index, seq }, now));
        this.#callers.settle(call, index, message);
      };
      this.#callers.time(call, index, setTimeout(over, forMs));
    }
  }

  async stopWaiting(waitId: WaitId): Promise<void> {
    this.#arrivals.letGo(waitId);
    const call = this.#callers.callOf(waitId);
    if (call !== undefined && this.#turn((delivery, now) => delivery.stopWaiting(call, now))) this.#callers.letGo(call);
  }

  // ── The backend's other calls ──────────────────────────────────────────────────────────────────────────────────────

  async held(query: { readonly after: number; readonly limit: number }) {
    return this.#turn((delivery, now) => delivery.held(query.after, query.limit, now));
  }

  async state(id: string) {
    return this.#turn((delivery, now) => delivery.state(id, now));
  }

  async recall(id: string) {
    return this.#turn((delivery, now) => delivery.recall(id, now));
  }

  async user(query: { readonly waitMs?: number; readonly waitId?: WaitId }): Promise<UserState> {
    await this.#doDue();
    const state = this.#turn((delivery, now) => delivery.user(now));
    const { waitMs = 0, waitId = crypto.randomUUID() } = query;
    if (waitMs <= 0 || state.connections.length > 0) return state;
    await this.#arrivals.wait(waitId, waitMs);
    return this.#turn((delivery, now) => delivery.user(now));
  }

  async deadLetters(query: { readonly after: number; readonly limit: number; readonly reason?: DeadLetterReason }) {
    await this.#doDue();
    const selector = query.reason === undefined ? { all: true as const } : { reason: query.reason };
    return this.#turn((delivery, now) => delivery.deadLetters(query.after, query.limit, selector, now));
  }

  async requeue(selector: DeadLetterSelector, ttlMs?: number) {
    await this.#doDue();
    return this.#turn((delivery, now) => delivery.requeue(selector, ttlMs, now));
  }

  async discard(selector: DeadLetterSelector) {
    await this.#doDue();
    return this.#turn((delivery, now) => delivery.discard(selector, now));
  }

  async revoke(): Promise<void> {
    this.#turn((delivery, now) => delivery.revoke(now));
  }

  /** Sends that are queued here are in progress: they are accepted and erased in one turn, and their senders told so (U4). */
  async erase(): Promise<void> {
    const group = this.#commits.takeQueued();
    try {
      this.#commitGroup(group, (delivery, calls, now) => {
        const outcomes = delivery.send(calls, now);
        delivery.erase(now);
        return outcomes.map(asErased);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      throw error;
    }
    this.#arrivals.settle();
    // What the outbox keeps in memory is of tables that are empty now.
    this.#core = undefined;
    this.#arm();
  }
}
