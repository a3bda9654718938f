/** One of many Mailboxes: the real outbox, delivery and teller of who needs a person, in turns, between crashes. */
import { Delivery } from "../../../src/delivery/delivery.ts";
import type { Effect } from "../../../src/delivery/effects.ts";
import { AttentionTeller } from "../../../src/mailbox/attention-teller.ts";
import { Clock, earliest } from "../../../src/mailbox/clock.ts";
import type { NodeSql } from "../../../src/outbox/node-sql.ts";
import { Outbox } from "../../../src/outbox/outbox.ts";
import { bitOf } from "../../../src/protocol/attention.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import type { BulkStep, BulkStepDone } from "../../../src/protocol/mailbox-api.ts";
import { DEAD_LETTER_REASONS, type DeadLetterReason } from "../../../src/protocol/message.ts";
import type { DeliverySettings } from "../../../src/settings/delivery.ts";
import type { Environment } from "../../../src/settings/environment.ts";
import type { Life } from "./calls.ts";

export interface Letter {
  readonly seq: number;
  readonly reason: DeadLetterReason;
  readonly ended_at: number;
  readonly requeued_from: number | null;
}

type Frame = { readonly type: string; readonly messages?: readonly { readonly seq: number }[] };

const TOKEN_MS = 3_600_000;

export class FleetMailbox {
  readonly name: string;
  readonly user: string;
  /** Durable, as on the platform; null = none. */
  alarmAt: number | null = null;
  /** Messages taken in; of them acked, and as dead letters thrown away: the rest must be here. */
  accepted = 0;
  acked = 0;
  discarded = 0;
  readonly #sql: NodeSql;
  readonly #settings: DeliverySettings;
  readonly #environment: (life: Life) => Environment;
  #life: Life = { isOver: false };
  #open: { readonly outbox: Outbox; readonly delivery: Delivery; readonly clock: Clock } | undefined;
  #teller: AttentionTeller | undefined;
  #calls = 0;

  constructor(name: string, sql: NodeSql, settings: DeliverySettings, environment: (life: Life) => Environment) {
    this.name = name;
    this.user = `user of ${name}`;
    this.#sql = sql;
    this.#settings = settings;
    this.#environment = environment;
  }

  #core() {
    if (this.#open !== undefined) return this.#open;
    const outbox = new Outbox(this.#sql, this.#settings, this.name);
    const clock = new Clock(outbox.clockFloor);
    const delivery = new Delivery(outbox, this.#settings, [], () => undefined, clock.now());
    this.#open = { outbox, clock, delivery };
    return this.#open;
  }

  #attention(): AttentionTeller {
    const turns = {
      core: () => this.#core(),
      turn: (work: (now: number) => void) => void this.#turn((_, now) => work(now)),
    };
    this.#teller ??= new AttentionTeller(this.#environment(this.#life), this.name, turns);
    return this.#teller;
  }

  #turn<T>(work: (delivery: Delivery, now: number) => T): { readonly result: T; readonly effects: readonly Effect[] } {
    const { delivery, clock } = this.#core();
    const result = this.#sql.transaction(() => {
      const done = work(delivery, clock.now());
      delivery.noteAttention(clock.now());
      return done;
    });
    const { effects } = delivery.takeEffects();
    this.#attention().start();
    this.#arm();
    return { result, effects };
  }

  #arm(): void {
    const { delivery, clock } = this.#core();
    const at = earliest(delivery.dueAt(clock.now()), this.#attention().wakeAt(clock.now()));
    if (at !== undefined && (this.alarmAt === null || at < this.alarmAt)) this.alarmAt = at;
  }

  /** What is in memory is gone, and who was connected; storage and alarm are there. */
  crash(): void {
    this.#life.isOver = true;
    this.#life = { isOver: false };
    this.#open = undefined;
    this.#teller = undefined;
  }

  doDue(): void {
    while (this.#turn((delivery, now) => delivery.tick(now)).result);
  }

  alarm(): void {
    this.alarmAt = 0;
    this.doDue();
    this.alarmAt = null;
    this.#arm();
  }

  send(count: number, ttlMs: number, fallbackMs?: number): void {
    this.#calls += 1;
    const about = { type: "t", data: "{}", bytes: 30, ttlMs, ...(fallbackMs === undefined ? {} : { fallbackMs }) };
    const messages = Array.from({ length: count }, () => about);
    const call = { call: this.#calls, send: { user: this.user, messages } };
    this.#turn((delivery, now) => delivery.send([call], now));
    this.accepted += count;
  }

  /** One connection, from its beginning to its end: it rejects or acks all that it gets, or acks nothing and is closed with 4408. */
  connect(does: "ack" | "reject" | "nothing", advance: (ms: number) => void): void {
    this.#calls += 1;
    const id = `c${this.#calls}`;
    const seqs: number[] = [];
    const run = (work: (delivery: Delivery, now: number) => unknown) => {
      const { effects } = this.#turn(work);
      for (const effect of effects) {
        if (effect.kind !== "frame") continue;
        const frame = JSON.parse(effect.text) as Frame & { readonly seq?: number };
        if (frame.type === "messages") seqs.push(...(frame.messages ?? []).map(({ seq }) => seq));
        else if (frame.type === "gap") seqs.push(frame.seq ?? 0);
      }
    };
    run((delivery, now) => {
      const token = { issuedAt: now, expiresAt: now + TOKEN_MS };
      return delivery.attach({ user: this.user, device: "phone", window: 256, token, tag: "tag" }, id, now);
    });
    const heldBefore = does === "ack" ? this.held().length : 0;
    if (does === "nothing") {
      advance(this.#settings.ackTimeoutMs);
      this.doDue();
    } else {
      for (let seq = seqs.shift(); seq !== undefined; seq = seqs.shift()) {
        const said = JSON.stringify({ type: does, seq });
        run((delivery, now) => delivery.receive(id, said, now));
      }
    }
    this.#turn((delivery, now) => delivery.detach(id, 1000, now));
    if (does === "ack") this.acked += heldBefore - this.held().length;
  }

  /** As an RPC: what is due is done first. */
  bulkStep(step: BulkStep): BulkStepDone {
    this.doDue();
    const { result } = this.#turn((delivery, now) => delivery.bulkStep(step, now));
    if (step.action === "discard") this.discarded += result.done;
    return result;
  }

  /** All webhooks that are due are refused for good. */
  refuseWebhooks(): void {
    const { outbox, clock } = this.#core();
    for (const webhook of outbox.webhooks.due(clock.now(), 100, new Set())) {
      const outcome = { ok: false, fault: "it answered 410", isFinal: true } as const;
      this.#turn((_, now) => this.#core().outbox.webhooks.record(webhook, outcome, now, 0.5));
    }
  }

  forgetWebhooks(): void {
    this.#turn((delivery, now) => delivery.failedWebhooks("discard", now));
  }

  // ── What is stored, looked at past the code ──

  /** Nothing of who needs a person is still to be told. */
  get isTold(): boolean {
    return this.#core().outbox.attention.pending === undefined;
  }

  letters(): readonly Letter[] {
    return this.#sql.exec<Letter>("SELECT seq, reason, ended_at, requeued_from FROM dead_letters ORDER BY seq");
  }

  /** Of held messages: their seq, and what they were requeued from. */
  held(): readonly { readonly seq: number; readonly requeuedFrom?: number }[] {
    return this.#turn((delivery, now) => delivery.held(0, 10_000, now)).result.items;
  }

  /** Why a person should look at this user, by what there is. */
  reasons(): number {
    const count = (query: string) => this.#sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM ${query}`)[0]?.n ?? 0;
    let bits = 0;
    for (const reason of DEAD_LETTER_REASONS)
      if (count(`dead_letters WHERE reason = '${reason}'`) > 0) bits |= bitOf(reason);
    if (count("webhooks WHERE next_at IS NULL") > 0) bits |= bitOf("webhooks");
    if (count(`devices WHERE timeouts >= ${LIMITS.timeoutsInARow}`) > 0) bits |= bitOf("timeouts");
    return bits;
  }
}
