/**
 * The Mailbox's shell in plain Node, around the real `Delivery` and `Outbox`: a turn is a transaction, then the attachments of
 * the sockets it changed, then what is to be sent, then the alarm. It can die at any point in between.
 *
 * What survives what, as on the platform: hibernation leaves storage, alarm, sockets and attachments; a crash only storage and alarm.
 */

import { Delivery } from "../../src/delivery/delivery.ts";
import type { Effect } from "../../src/delivery/effects.ts";
import { type Attachment, Session } from "../../src/delivery/session.ts";
import { Tally } from "../../src/measures/tally.ts";
import type { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { readHeads } from "../../src/outbox/pack-heads.ts";
import type { DeliverySettings } from "../../src/settings/delivery.ts";
import { same } from "./mismatch.ts";
import { Onlooker } from "./onlooker.ts";
import type { Death } from "./operations.ts";

interface Socket {
  /** As text: what a restart finds shares nothing with the session that wrote it. */
  attachment: string;
  autoPingedAt: number | undefined;
}

/** Throws a turn's transaction away. One for all: its stack would cost more than the turn. */
const died = new Error("The object died before its commit.");

/** A turn that went through, as far as the world outside can tell; `committed` = it was stored, and nothing of it was seen. */
export interface Turn<T> {
  readonly kind: "done" | "committed";
  readonly result: T;
  readonly effects: readonly Effect[];
  readonly now: number;
}

export class World {
  readonly sql: NodeSql;
  readonly settings: DeliverySettings;
  /** The machine's clock; it may be set back. */
  machineNow: number;
  /** Durable, as on the platform; null = none. */
  alarmAt: number | null = null;
  readonly #sockets = new Map<string, Socket>();
  /** The ids that the receiver of webhooks was sent, and took, each as often as it was. */
  readonly received: string[] = [];
  readonly taken = new Set<string>();
  readonly #takesEach: number;
  #core: { readonly delivery: Delivery; readonly outbox: Outbox } | undefined;
  /** The Mailbox's clock never steps back while it runs. */
  #clock = 0;

  /** `takesEach`: the receiver takes each of so many webhooks, and fails at the others. */
  constructor(sql: NodeSql, settings: DeliverySettings, machineNow: number, takesEach: number) {
    this.#takesEach = takesEach;
    this.sql = sql;
    this.settings = settings;
    this.machineNow = machineNow;
  }

  /** What all turns that were committed have measured (M1). */
  readonly measured = new Tally();
  /** An operator who has seen all of them (N6). */
  readonly onlooker = new Onlooker();

  get now(): number {
    this.#open();
    this.#clock = Math.max(this.#clock, this.machineNow);
    return this.#clock;
  }

  dueAt(): number | undefined {
    const { delivery, outbox } = this.#open();
    const dueAt = Math.min(
      delivery.dueAt(this.now) ?? Number.POSITIVE_INFINITY,
      outbox.webhooks.dueAt ?? Number.POSITIVE_INFINITY,
    );
    return Number.isFinite(dueAt) ? dueAt : undefined;
  }

  /** Sends what the webhook is to be told; it may die after the receiver has it, and before that is recorded. */
  tell(dies?: Death): Turn<void> | undefined | "nothing" {
    const [delivery] = this.#open().outbox.webhooks.due(this.now, 1, new Set());
    if (delivery === undefined) return "nothing";
    this.received.push(delivery.id);
    const ok = this.received.length % this.#takesEach === 0;
    if (ok) this.taken.add(delivery.id);
    const outcome = ok ? ({ ok } as const) : ({ ok, fault: "it answered 500" } as const);
    return this.turn((_, now) => this.#open().outbox.webhooks.record(delivery, outcome, now, 0.5), dies);
  }

  #open() {
    if (this.#core !== undefined) return this.#core;
    const outbox = new Outbox(this.sql, this.settings, "m");
    outbox.witness.take(true);
    this.#clock = Math.max(outbox.clockFloor, this.machineNow);
    const sessions = [...this.#sockets.values()].map(({ attachment }) =>
      Session.restore(JSON.parse(attachment) as Attachment),
    );
    const autoPingedAt = (id: string) => this.#sockets.get(id)?.autoPingedAt;
    const delivery = new Delivery(outbox, this.settings, sessions, autoPingedAt, this.#clock);
    this.#core = { delivery, outbox };
    this.#arm();
    return this.#core;
  }

  /** One turn. Undefined = it died, and nothing of it is stored. `accepts` = the id of the socket that it may take in. */
  turn<T>(work: (delivery: Delivery, now: number) => T, dies?: Death, accepts?: string): Turn<T> | undefined {
    const { delivery } = this.#open();
    const now = this.now;
    let result: T;
    try {
      result = this.sql.transaction(() => {
        const done = work(delivery, now);
        delivery.noteAttention(now);
        if (dies === "before_commit" || dies === "fault") throw died;
        return done;
      });
    } catch (error) {
      if (error !== died) throw error;
      if (dies === "before_commit") this.crash();
      else this.hibernate();
      return undefined;
    }
    if (accepts !== undefined) this.#sockets.set(accepts, { attachment: "null", autoPingedAt: undefined });
    const { effects, touched, measured, seen } = delivery.takeEffects(true);
    this.measured.add(measured);
    this.onlooker.look(seen, effects);
    this.#lookWhileUnderWay(delivery, now);
    if (dies === "after_commit") {
      this.crash();
      return { kind: "committed", result, effects, now };
    }
    for (const session of touched) {
      const socket = this.#sockets.get(session.id);
      if (socket !== undefined) socket.attachment = JSON.stringify(session.attachment());
    }
    // A socket that was not accepted after all, or that this turn closes, is nobody's.
    for (const effect of effects) if (effect.kind === "close") this.#sockets.delete(effect.connection);
    if (accepts !== undefined && this.#sockets.get(accepts)?.attachment === "null") this.#sockets.delete(accepts);
    this.#arm();
    return { kind: "done", result, effects, now };
  }

  /** What is on its way stays so, whoever looks (N6). */
  #lookWhileUnderWay(delivery: Delivery, now: number): void {
    const { graceEndsAt } = delivery;
    if (graceEndsAt === undefined) return;
    delivery.look(now);
    same(delivery.graceEndsAt, graceEndsAt, "N6", () => "the grace of what is on its way, once it was looked at");
  }

  /** The socket has gone: its close event is the turn that follows. */
  dropSocket(id: string): void {
    this.#sockets.delete(id);
  }

  /** The runtime answers an exact ping by itself. */
  autoPing(id: string): number {
    const socket = this.#sockets.get(id);
    const at = this.now;
    if (socket !== undefined) socket.autoPingedAt = at;
    return at;
  }

  /** Whether the shell's timer would store what is on its way. */
  get graceIsOver(): boolean {
    return (this.#open().delivery.graceEndsAt ?? Number.POSITIVE_INFINITY) <= this.now;
  }

  #arm(): void {
    const dueAt = this.dueAt();
    if (dueAt === undefined || (this.alarmAt !== null && this.alarmAt <= dueAt)) return;
    this.alarmAt = dueAt;
  }

  /** Whether the platform would run the alarm now. */
  get alarmIsDue(): boolean {
    return this.alarmAt !== null && this.alarmAt <= this.machineNow;
  }

  /** Runs the alarm's ticks, each a turn of its own, until there is no more to do. */
  alarm(onTurn: (turn: Turn<boolean> | undefined) => void, dies?: Death): void {
    const wasAt = this.alarmAt;
    this.alarmAt = 0;
    for (let more = true; more; ) {
      const turn = this.turn((delivery, now) => delivery.tick(now), dies);
      // The platform runs an alarm again that did not come to its end.
      if (turn?.kind !== "done") this.alarmAt = wasAt;
      onTurn(turn);
      if (turn?.kind !== "done") return;
      more = turn.result;
    }
    this.alarmAt = null;
    this.#open();
    this.#arm();
  }

  /** Forgets what is in memory; also what the shell does after an erasure. */
  hibernate(): void {
    this.#core = undefined;
    const stored = this.stored();
    this.onlooker.forget((seq) => stored.has(seq));
  }

  crash(): void {
    this.hibernate();
    this.#sockets.clear();
    this.onlooker.lose();
  }

  /** The seqs of what is held, read past the Mailbox. */
  stored(): ReadonlySet<number> {
    const packs = this.sql.exec<{ pack: number; heads: string }>("SELECT pack, heads FROM packs");
    return new Set(packs.flatMap(({ pack, heads }) => readHeads(pack, heads).map(({ head }) => head.seq)));
  }
}
