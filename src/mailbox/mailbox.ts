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
import { DurableSql } from "../durable-sql.ts";
import { log, thrown } from "../log.ts";
import { closeCodeOf, type Refusal } from "../protocol/errors.ts";
import { PING, PONG } from "../protocol/frames.ts";
import {
  type Acknowledgement,
  ATTACH_HEADER,
  type AttachCall,
  type BulkStep,
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
import { Alarm, BLANK_MS } from "./alarm.ts";
import { Arrivals } from "./arrivals.ts";
import { AttentionTeller } from "./attention-teller.ts";
import { Callers } from "./callers.ts";
import { carryOut, type Hands } from "./carrying-out.ts";
import { earliest } from "./clock.ts";
import { GraceTimer } from "./grace-timer.ts";
import { GroupCommit, type QueuedSend } from "./group-commit.ts";
import { Guests } from "./guests.ts";
import { type Core, rehydrate } from "./rehydrate.ts";
import { gatheringOf } from "./reporting.ts";
import { connectionOf, Sockets } from "./sockets.ts";
import type { Turns } from "./turns.ts";
import { webhookCourier } from "./webhook-courier.ts";

export class Mailbox extends DurableObject<Environment> implements MailboxApi {
  readonly #settings = deliverySettings(this.env).settings;
  readonly #sql = new DurableSql(this.ctx.storage);
  readonly #sockets = new Sockets(this.ctx);
  readonly #alarm = new Alarm(this.ctx.storage);
  readonly #callers = new Callers();
  readonly #commits = new GroupCommit(
    (group) => this.#commitSends(group),
    () => this.ctx.storage.sync(),
  );
  readonly #arrivals = new Arrivals();
  readonly #grace = new GraceTimer(() => this.#endGrace());
  readonly #turns: Turns = { core: () => this.#open(), turn: (work) => this.#turn((_, now) => work(now)) };
  readonly #guests = new Guests(this.ctx, this.#name, this.#settings, this, this.#turns);
  readonly #hands: Hands = {
    ...{ sockets: this.#sockets, callers: this.#callers, arrivals: this.#arrivals },
    ...{ observers: this.#guests.observers, mailbox: this.#name },
  };
  readonly #webhooks = webhookCourier(this.env, this.#name, this.#turns);
  readonly #attention = new AttentionTeller(this.env, this.#name, this.#turns);
  /** What is measured and not reported yet (M1); undefined where nothing is gathered. */
  readonly #gathering = gatheringOf(this.env, this.ctx, this.#name, this.#sockets);
  #core: Core | undefined;
  #lastCall = 0;

  constructor(ctx: DurableObjectState, env: Environment) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    void ctx.blockConcurrencyWhile(() => this.#alarm.find());
  }

  /** A hash (A6): it may be logged. */
  get #name(): string {
    return this.ctx.id.name ?? this.ctx.id.toString();
  }

  // ── Turns ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** `ending`: a socket whose end woke the object; it counts as open until its end is noted. */
  #open(ending?: WebSocket): Core {
    this.#core ??= rehydrate(this.#sql, this.#settings, this.#hands, ending, this.#gathering);
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
      result = this.#sql.transaction(() => {
        const done = work(delivery, clock.now());
        delivery.noteAttention(clock.now());
        return done;
      });
    } catch (error) {
      this.#core = undefined;
      this.#callers.fail(error);
      throw error;
    }
    committed?.(result);
    carryOut(delivery, this.#hands, this.#gathering, clock.now());
    this.#webhooks.start();
    this.#attention.start();
    this.#arm();
    this.#grace.arm(delivery.graceEndsAt, clock.now());
    return result;
  }

  /** Sets the alarm to the earliest due instant. */
  #arm(): void {
    const { delivery, outbox, clock } = this.#open();
    const now = clock.now();
    const toTell = earliest(this.#webhooks.wakeAt(outbox.webhooks.dueAt), this.#attention.wakeAt(now));
    this.#alarm.arm(earliest(delivery.dueAt(now), toTell) ?? (outbox.isBlank ? now + BLANK_MS : undefined));
  }

  #endGrace(): void {
    const { delivery, clock } = this.#open();
    if ((delivery.graceEndsAt ?? Number.POSITIVE_INFINITY) <= clock.now()) this.#turn((d, now) => d.endGrace(now));
    else this.#grace.arm(delivery.graceEndsAt, clock.now());
  }

  override async alarm(): Promise<void> {
    this.#alarm.begin();
    try {
      await this.#doDue();
      this.#alarm.end();
      const { outbox } = this.#open();
      // What an operator who looks on is told next would make its tables again, and nobody would delete those (N6).
      if (this.#sockets.count === 0 && !this.#guests.observers.any && outbox.isBlank) {
        this.#core = undefined;
        await this.ctx.storage.deleteAll();
        return;
      }
      this.#arm();
    } catch (error) {
      log("error", "alarm_failed", { mailbox: this.#name, ...thrown(error) });
      await this.#alarm.retry();
    }
  }

  /** A long sweep goes in steps, so that sends and acks get their turn in between. */
  async #doDue(): Promise<void> {
    while (this.#turn((delivery, now) => delivery.tick(now))) await scheduler.wait(0);
  }

  // ── Connections ────────────────────────────────────────────────────────────────────────────────────────────────────

  override async fetch(request: Request): Promise<Response> {
    const guest = this.#guests.accept(request.headers);
    if (guest !== undefined) return guest;
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
      if (id === undefined) return this.#guests.receive(socket, message);
      this.#turn((delivery, now) => delivery.receive(id, typeof message === "string" ? message : undefined, now));
    } catch (error) {
      // The runtime would leave the socket open and its client uninformed.
      log("error", "frame_failed", { mailbox: this.#name, ...thrown(error) });
      socket.close(closeCodeOf("internal"), "internal");
    }
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#detach(socket, code);
    try {
      // 1005, 1006 and 1015 say that there was no close frame: none of them can be sent.
      socket.close(code === 1005 || code === 1006 || code === 1015 ? 1000 : code);
    } catch {
      // Closed already.
    }
  }

  override webSocketError(socket: WebSocket): void {
    this.#detach(socket, 1006);
  }

  #detach(socket: WebSocket, code: number): void {
    const id = connectionOf(socket);
    if (id === undefined) return this.#guests.forget(socket);
    this.#open(socket);
    this.#sockets.forget(id);
    this.#turn((delivery, now) => delivery.detach(id, code, now));
    // What it kept is kept elsewhere now: an end that is told twice must not bring it again.
    socket.serializeAttachment(null);
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
    if (this.#alarm.isRunning) this.#turn((delivery, now) => delivery.tick(now));
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
        group.forEach((queued, at) => {
          const { call } = calls[at] as GroupedCall;
          this.#callers.hold(call, queued, outcomes[at] as CallOutcome, (wait) =>
            this.#turn((delivery, now) => delivery.waitOver(wait, now)),
          );
        });
      },
    );
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

  async webhooks({ after, limit }: { readonly after: number; readonly limit: number }) {
    return this.#turn((delivery) => delivery.webhooks(after, limit));
  }

  async failedWebhooks(action: "retry" | "discard") {
    return this.#turn((delivery, now) => delivery.failedWebhooks(action, now));
  }

  async bulkStep(step: BulkStep) {
    await this.#doDue();
    return this.#turn((delivery, now) => delivery.bulkStep(step, now));
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
    this.#attention.start();
    this.#arm();
  }
}
