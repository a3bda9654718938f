/** Runs turns of the world, tells the model what happened, and holds everything that comes out against it. */

import type { Delivery } from "../../src/delivery/delivery.ts";
import type { Effect } from "../../src/delivery/effects.ts";
import { BITS_END, reasonsOf } from "../../src/protocol/attention.ts";
import { DEAD_LETTER_REASONS, type MessageState } from "../../src/protocol/message.ts";
import type { DeliverySettings } from "../../src/settings/delivery.ts";
import { died, forgetDirect } from "./after-death.ts";
import { checkAlarm } from "./check-alarm.ts";
import { expect, fail, same } from "./mismatch.ts";
import { type Message, Model } from "./model.ts";
import type { Connection } from "./model-connection.ts";
import { endConnections, loseMemory } from "./model-devices.ts";
import { checkCaughtUp, checkGap, checkMessages, type WireMessage } from "./model-stream.ts";
import { noteTold, type ToldRow } from "./model-webhooks.ts";
import type { Death } from "./operations.ts";
import type { Turn, World } from "./world.ts";

const HEARTBEATS_MISSED = 2.5;

/** Why connections may be closed in a turn, beside what is over by itself. */
export interface Closing {
  /** The connection that acts, and the code that it has earned. */
  readonly acting?: { readonly id: string; readonly code: number };
  readonly revoked?: boolean;
  readonly erased?: boolean;
  /** A newcomer takes the place of one of these. */
  readonly replaced?: readonly string[];
}

interface Wait {
  readonly seq: number;
  readonly deadline: number;
}

type Frame = { readonly type: string } & Parameters<typeof checkGap>[2] & {
    readonly messages: readonly WireMessage[];
    readonly code: string;
  };

export class Referee {
  readonly world: World;
  readonly model: Model;
  /** Calls whose reply is held back, by the world's name for them. */
  readonly waiting = new Map<number, Map<number, Wait>>();
  /** What each device's client has acked, and what it has processed at most: its memory. */
  readonly memory = new Map<string, { acked: number; processed: number }>();
  hasErased = false;
  lastCall = 0;
  lastConnection = 0;
  #lastNow = 0;

  constructor(world: World, settings: DeliverySettings) {
    this.world = world;
    this.model = new Model(settings);
  }

  /** One turn of the world. Where it died, the model has been told so, and gets at most what was committed. */
  turn<T>(work: (delivery: Delivery, now: number) => T, dies?: Death, accepts?: string): Turn<T> | undefined {
    this.model.turn += 1;
    const turn = this.world.turn(work, dies, accepts);
    if (turn === undefined) died(this, dies === "before_commit");
    else {
      if (turn.now < this.#lastNow) this.model.hasSteppedBack = true;
      this.#lastNow = turn.now;
    }
    return turn;
  }

  /** Holds what comes out of a turn against the model, which knows by now what the turn was about. */
  perform(turn: Turn<unknown>, closing: Closing = {}, effects: readonly Effect[] = turn.effects): void {
    effects.forEach((effect, at) => {
      switch (effect.kind) {
        case "frame":
          if (turn.kind === "done") this.#frame(effect.connection, effect.text, turn.now);
          break;
        case "close": {
          // Neighbours that are closed for one reason end at once.
          const isSame = (e: Effect | undefined) => e?.kind === "close" && e.reason === effect.reason;
          if (isSame(effects[at - 1])) return;
          const run = effects.slice(at);
          const end = run.findIndex((e) => !isSame(e));
          const closes = run.slice(0, end === -1 ? run.length : end).filter((e) => e.kind === "close");
          const ended = closes.map((e) => this.#closed(e.connection, e.code, e.reason, turn.now, closing));
          endConnections(this.model, ended, effect.code, turn.now, (seq) => this.world.stored().has(seq));
          break;
        }
        case "ended":
          this.#ended(effect.wait.call, effect.wait.index, effect.message, turn.now, closing.erased === true);
          break;
        case "waiting":
          expect(
            this.model.connections.size === 0,
            "M2",
            () => "said that a message waits while somebody is connected",
          );
      }
    });
  }

  /** The end of a turn: what must hold between turns. */
  settle(turn: Turn<unknown>): void {
    this.noteStored(turn.now);
    if (turn.kind === "committed") return died(this, true);
    this.#checkAttention();
    this.#checkWaits(turn.now);
    checkAlarm(this.world, this.model, turn.now);
  }

  noteStored(now: number): void {
    if (this.model.isAnyOver(now)) this.model.noteStored(this.world.stored(), now);
    if (this.model.settings.hasReceiver) {
      noteTold(this.model, this.world.sql.exec<ToldRow>("SELECT id, event, seq, body FROM webhooks"), now);
    }
  }

  /** N4: what the index is to be told of dead letters is what is stored of them. */
  #checkAttention(): void {
    const { sql } = this.world;
    const [fact] = sql.exec<{ value: number }>("SELECT value FROM facts WHERE name = 'attention'");
    const shown = reasonsOf((fact?.value ?? 0) % BITS_END).filter((reason) => isIn(DEAD_LETTER_REASONS, reason));
    const there = sql.exec<{ reason: string }>("SELECT DISTINCT reason FROM dead_letters").map(({ reason }) => reason);
    same(shown.toSorted().join(), there.toSorted().join(), "N4", () => "reasons why a person should look");
  }

  #frame(id: string, text: string, now: number): void {
    const { model } = this;
    const c = model.connections.get(id);
    if (c === undefined) return fail("C11", `a frame to ${id}, which is closed: ${text}`);
    const frame = JSON.parse(text) as Frame;
    const before = c.sent;
    const lost = c.loseNext && (frame.type === "messages" || frame.type === "gap");
    if (lost) c.loseNext = false;
    switch (frame.type) {
      case "messages":
        checkMessages(model, c, frame.prev, frame.messages, now);
        if (!lost)
          this.#receive(
            c,
            frame.prev,
            before,
            model.messages.map((m) => m.seq).filter((seq) => seq > before && c.got.has(seq)),
          );
        return;
      case "gap":
        checkGap(model, c, frame, now);
        if (!lost) this.#receive(c, frame.prev, before, [frame.seq]);
        return;
      case "caught_up":
        return checkCaughtUp(model, c, frame.seq, now);
      case "pong":
      case "error":
        return expect(now < c.expiresAt, "C9", () => `${id} was sent ${text} after its token's end`);
      default:
        return fail("C1", `an unexpected frame to ${id}: ${text}`);
    }
  }

  /** The client: takes a frame that continues what it has; another means that one was lost (C3). */
  #receive(c: Connection, prev: number, sentBefore: number, seqs: readonly number[]): void {
    if (c.sawHole) return;
    if (prev !== c.received) {
      expect(sentBefore !== c.received, "C3", () => `${c.id} saw a hole where no frame was lost`);
      c.sawHole = true;
      return;
    }
    c.received = seqs.at(-1) as number;
    c.unacked.push(...seqs);
    const memory = this.memory.get(c.device);
    if (memory !== undefined) memory.processed = Math.max(memory.processed, c.received);
  }

  #closed(id: string, code: number, reason: string, now: number, closing: Closing): Connection {
    const c = this.model.connections.get(id);
    if (c === undefined) return fail("C11", `${id} is closed twice`);
    const { ackTimeoutMs } = this.model.settings;
    const earned = (): boolean => {
      switch (reason) {
        case "token_expired":
          return code === 4401 && now >= c.expiresAt;
        case "ack_timeout":
          return code === 4408 && c.flight.length > 0 && c.progressAt + ackTimeoutMs <= now;
        case "heartbeat_lost":
          return code === 4408 && this.#isSilent(c, now);
        case "token_revoked":
          return code === 4403 && closing.revoked === true;
        case "erased":
          return code === 4403 && closing.erased === true;
        case "replaced_by_newer":
          return code === 4409 && closing.replaced?.includes(id) === true;
        default:
          return closing.acting?.id === id && closing.acting.code === code;
      }
    };
    expect(earned(), "C11", () => `${id} is closed with ${code} ${reason} for no reason`);
    return c;
  }

  #isSilent(c: Connection, now: number): boolean {
    return (
      c.pingedAt !== 0 && now - Math.max(c.pingedAt, c.heardAt) > HEARTBEATS_MISSED * this.model.settings.heartbeatMs
    );
  }

  /** After a turn that sends: nobody is left open whose token or heartbeat is over (C8, C9). */
  checkAllFit(now: number): void {
    for (const c of this.model.connections.values()) {
      expect(now < c.expiresAt, "C9", () => `${c.id} is open after its token's end and a send`);
      expect(!this.#isSilent(c, now), "C8", () => `${c.id} has lost its heartbeat, and a send did not close it`);
    }
  }

  #ended(call: number, index: number, state: MessageState, now: number, erased: boolean): void {
    const wait = this.waiting.get(call)?.get(index);
    if (wait === undefined) return fail("S3", `a wait was settled that there is not: ${call}/${index}`);
    this.dropWait(call, index);
    if (erased && state.status === "erased") return;
    expect(state.status !== "queued", "S3", () => `a wait for ${wait.seq} was settled as queued`);
    const m = this.model.bySeq(wait.seq);
    if (m === undefined) return fail("S3", `a wait was settled for ${wait.seq}, which there is not`);
    this.checkState(m, state, now, false);
  }

  dropWait(call: number, index: number): void {
    const waits = this.waiting.get(call);
    waits?.delete(index);
    if (waits?.size === 0) this.waiting.delete(call);
  }

  isWaitedFor(seq: number): boolean {
    for (const waits of this.waiting.values()) for (const wait of waits.values()) if (wait.seq === seq) return true;
    return false;
  }

  /** A message that was accepted, has not ended, and is stored nowhere is on its way. */
  noteDirect(m: Message): void {
    if (this.model.settings.directGraceMs > 0 && m.end === undefined) m.direct = !this.world.stored().has(m.seq);
  }

  #checkWaits(now: number): void {
    for (const waits of this.waiting.values()) {
      for (const { seq, deadline } of waits.values()) {
        // Its timer is about to run.
        if (deadline <= now) continue;
        const m = this.model.bySeq(seq);
        // As long as it is not stored, it has ended only where every device has it.
        if (m?.direct && !this.model.isReleased(m) && !this.world.stored().has(seq)) continue;
        const over = m?.end ?? (m !== undefined && this.model.isAcked(m) ? "delivered" : undefined);
        expect(over === undefined, "S3", () => `${seq} has ended as ${over}, and its wait goes on`);
      }
    }
  }

  /** S7: a reply is the message's present state. */
  checkState(m: Message, state: MessageState, now: number, countSentTo = true): void {
    const { model } = this;
    const what = (field: string) => () => `${field} of ${m.seq}`;
    same(state.seq, m.seq, "S7", what("seq"));
    same(state.id, m.id, "S7", what("id"));
    const status = model.status(m, now);
    same(state.status, status, "S1", what("status"));
    same(state.acceptedAt, m.acceptedAt, "S7", what("acceptedAt"));
    same(state.expiresAt, m.expiresAt, "S7", what("expiresAt"));
    same(state.requeuedFrom, m.requeuedFrom, "D7", what("requeuedFrom"));
    const escalatedAt = model.isHeld(m, now) ? m.escalatedAt : undefined;
    same(state.escalatedAt, escalatedAt, "N1", what("escalatedAt"));
    if (countSentTo) same(state.devices, model.devices.size, "S7", what("devices"));
    // Of what has ended nobody keeps whom it was sent to: it is told from where the connections stand.
    if (countSentTo && (status === "queued" || model.isHeld(m, now)) && !m.ephemeral) {
      let sentTo = 0;
      for (const c of model.connections.values()) if (c.got.has(m.seq)) sentTo += 1;
      same(state.sentTo, sentTo, "S7", what("sentTo"));
    }
    if (status !== "delivered") return same(state.deliveredAt, undefined, "S7", what("deliveredAt"));
    const at = state.deliveredAt;
    expect(
      at !== undefined &&
        at <= now &&
        at >= m.acceptedAt &&
        (m.ackedAt === undefined || at >= m.ackedAt || model.hasSteppedBack),
      "S7",
      () => `deliveredAt of ${m.seq} is ${at}, acked at ${m.ackedAt}`,
    );
    // The end of what is never stored says nothing of other acks.
    if (m.seq <= model.acked && !m.direct) model.durableAcked = Math.max(model.durableAcked, m.seq);
  }

  /** A turn has failed that its sockets survive. */
  forget(): void {
    died(this, false);
  }

  crash(): void {
    this.world.crash();
    died(this, true);
  }

  /** Only where nobody waits: a reply that is held back keeps the object awake. */
  hibernate(): void {
    if (this.waiting.size > 0) return;
    this.world.hibernate();
    loseMemory(this.model);
    forgetDirect(this);
  }
}

const isIn = (all: readonly string[], one: string): boolean => all.includes(one);
