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

import type { Held } from "../outbox/messages.ts";
import type { Known, Outbox } from "../outbox/outbox.ts";
import type { Entry } from "../outbox/reading.ts";
import { type CloseErrorCode, closeCodeOf, type Refusal, refuse } from "../protocol/errors.ts";
import { caughtUpFrame, errorFrame, establishedFrame, PONG, parseClientFrame } from "../protocol/frames.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type {
  AttachCall,
  ConnectionState,
  DeadLetterSelector,
  HeldMessage,
  Page,
  Requeued,
  SendCall,
  Sent,
  TokenFacts,
  UserState,
} from "../protocol/mailbox-api.ts";
import { type MessageState, type NewMessage, serverId } from "../protocol/message.ts";
import type { DeliverySettings } from "../settings.ts";
import type { Effect, Wait } from "./effects.ts";
import { type Ephemeral, Ephemerals, ephemeralState } from "./ephemerals.ts";
import { framesOf } from "./frames-of.ts";
import { Session } from "./session.ts";
import { Waits } from "./waits.ts";

/** One call's part of a group that is committed together. */
export interface GroupedCall {
  /** The shell's name for it; unique while it waits. */
  readonly call: number;
  readonly send: SendCall;
}

export interface CallOutcome {
  readonly replies: readonly (Sent | Refusal)[];
  /** Replies to hold back: which message, and for how long at most. */
  readonly waits: readonly { readonly index: number; readonly seq: number; readonly forMs: number }[];
}

/** Acks that no one waits for are written after so many, if not after `ackFlushMs`: it bounds what one flush has to do. */
const FLUSH_AFTER_ACKS = 256;
/** How many pings a client may leave out before it counts as gone (C8). */
const HEARTBEATS_MISSED = 2.5;

type Fresh = { readonly stored: Held } | { readonly ephemeral: Ephemeral; readonly reached: Session[] };

export class Delivery {
  readonly #outbox: Outbox;
  readonly #settings: DeliverySettings;
  readonly #sessions = new Map<string, Session>();
  /** When the runtime last answered a ping of a connection by itself; undefined = never. */
  readonly #autoPingedAt: (connection: string) => number | undefined;
  readonly #waits = new Waits();
  readonly #ephemerals = new Ephemerals();
  /** Devices with acks that are not recorded yet, and since when. */
  readonly #unrecorded = new Set<string>();
  #unrecordedSince = 0;
  #unrecordedAcks = 0;
  #effects: Effect[] = [];
  readonly #touched = new Set<Session>();

  constructor(
    outbox: Outbox,
    settings: DeliverySettings,
    sessions: readonly Session[],
    autoPingedAt: (connection: string) => number | undefined,
    now: number,
  ) {
    this.#outbox = outbox;
    this.#settings = settings;
    this.#autoPingedAt = autoPingedAt;
    for (const session of sessions) {
      this.#sessions.set(session.id, session);
      const device = outbox.devices.get(session.device);
      if (device !== undefined && (session.acked > device.acked || session.checkpoint > device.cursor)) {
        this.#noteUnrecorded(session, now);
      }
    }
    outbox.noteLostConnections(this.#connectedDevices());
  }

  /** What the last turn wants done, and the sessions whose attachment it changed. */
  takeEffects(): { readonly effects: readonly Effect[]; readonly touched: readonly Session[] } {
    const effects = this.#effects;
    const touched = [...this.#touched].filter((session) => this.#sessions.has(session.id));
    this.#effects = [];
    this.#touched.clear();
    return { effects, touched };
  }

  /** The earliest instant at which `tick` has something to do; undefined where it has nothing. */
  dueAt(): number | undefined {
    let due = this.#outbox.dueAt ?? Number.POSITIVE_INFINITY;
    if (this.#unrecorded.size > 0) due = Math.min(due, this.#unrecordedSince + this.#settings.ackFlushMs);
    for (const session of this.#sessions.values()) {
      due = Math.min(due, session.expiresAt);
      if (session.inFlight > 0) due = Math.min(due, session.progressAt + this.#settings.ackTimeoutMs);
    }
    return Number.isFinite(due) ? due : undefined;
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Accepts a group of calls in one commit and sends what is new to whoever has room for it. */
  send(calls: readonly GroupedCall[], now: number): readonly CallOutcome[] {
    if (calls.some(({ send }) => send.messages.some((m) => this.#outbox.restsOnAcks(m)))) this.#flush(now);
    for (const session of [...this.#sessions.values()]) this.#pump(session, now);
    const before = this.#outbox.highestHeld;
    const wasIdle = this.#sessions.size === 0 && before === 0;
    const fresh: Fresh[] = [];
    const drafts = calls.map(({ send }) => {
      let full = false;
      return send.messages.map((message): Draft => {
        if (full) return { kind: "refused", refusal: outboxFull() };
        const draft = this.#accept(message, fresh, now);
        full = draft.kind === "refused" && draft.refusal.code === "outbox_full";
        return draft;
      });
    });
    this.#spread(fresh, before, now);
    for (const f of fresh) if ("ephemeral" in f) this.#ephemerals.add({ ...f.ephemeral, sentTo: f.reached.length });
    if (wasIdle && fresh.some((f) => "stored" in f)) this.#effects.push({ kind: "waiting" });
    const outcomes = drafts.map((messages, at) => this.#outcome(calls[at] as GroupedCall, messages, now));
    this.#settleWaits(now);
    return outcomes;
  }

  #accept(message: NewMessage, fresh: Fresh[], now: number): Draft {
    const onItsWay = message.id === undefined ? undefined : this.#ephemeralTwin(message, fresh);
    if (onItsWay !== undefined) {
      return onItsWay.message.digest === message.digest
        ? { kind: "ephemeral", seq: onItsWay.seq, replayed: true }
        : { kind: "refused", refusal: idReused(message.id, onItsWay.seq) };
    }
    if (message.ttlMs === 0) {
      const twin = this.#outbox.twin(message, now);
      if (twin === undefined) {
        const ephemeral = { seq: this.#outbox.takeSeq(now), message, acceptedAt: now, sentTo: 0 };
        fresh.push({ ephemeral, reached: [] });
        return { kind: "ephemeral", seq: ephemeral.seq, replayed: false };
      }
      return twin.kind === "twin"
        ? { kind: "known", known: twin.known, replayed: true }
        : { kind: "refused", refusal: idReused(message.id, twin.seq) };
    }
    const appended = this.#outbox.append(message, now);
    switch (appended.kind) {
      case "new":
        fresh.push({ stored: appended.message });
        return { kind: "known", known: this.#outbox.knownOf(appended.message, now), replayed: false };
      case "twin":
        return { kind: "known", known: appended.known, replayed: true };
      case "other_content":
        return { kind: "refused", refusal: idReused(message.id, appended.seq) };
      case "full":
        return { kind: "refused", refusal: outboxFull() };
    }
  }

  #ephemeralTwin(message: NewMessage, fresh: readonly Fresh[]): Ephemeral | undefined {
    const inThisTurn = fresh.find((f) => "ephemeral" in f && f.ephemeral.message.id === message.id);
    if (inThisTurn !== undefined && "ephemeral" in inThisTurn) return inThisTurn.ephemeral;
    return this.#ephemerals.withId(message.id ?? "");
  }

  #outcome({ call, send }: GroupedCall, drafts: readonly Draft[], now: number): CallOutcome {
    const waits: { index: number; seq: number; forMs: number }[] = [];
    const wait = (index: number, seq: number, forMs: number) => {
      if (forMs <= 0 || this.#waits.count >= LIMITS.waitersMax) return false;
      this.#waits.add(seq, { call, index });
      waits.push({ index, seq, forMs });
      return true;
    };
    const replies = drafts.map((draft, index): Sent | Refusal => {
      switch (draft.kind) {
        case "refused":
          return draft.refusal;
        case "known": {
          const message = this.#stateOf(draft.known);
          if (message.status === "queued" && send.waitMs !== undefined) {
            // A wait ends with the message, even where nobody sweeps at that instant.
            wait(index, message.seq, Math.min(send.waitMs, message.expiresAt - now));
          }
          return { ok: true, message, replayed: draft.replayed };
        }
        case "ephemeral": {
          const ephemeral = this.#ephemerals.get(draft.seq);
          if (ephemeral === undefined) {
            // A twin in the same turn, whose first has been dropped already.
            const known = this.#outbox.state(draft.seq, now) as Known;
            return { ok: true, message: this.#stateOf(known), replayed: true };
          }
          const forMs = Math.min(send.waitMs ?? LIMITS.ephemeralWaitMs, LIMITS.waitMaxMs);
          const waiting = ephemeral.sentTo > 0 && wait(index, draft.seq, forMs);
          const message = waiting
            ? ephemeralState(ephemeral, "queued", this.#outbox.devices.count, now)
            : this.#endEphemeral(ephemeral, "dropped", now);
          return { ok: true, message, replayed: draft.replayed };
        }
      }
    });
    return { replies, waits };
  }

  /** Sends what is new, straight from memory, to those who have nothing else to come; the others' windows are full. */
  #spread(fresh: readonly Fresh[], before: number, now: number): void {
    if (fresh.length === 0) return;
    for (const session of this.#sessions.values()) {
      if (Math.max(session.sent, session.scanned) < before) continue;
      const entries: Entry[] = [];
      const prev = session.sent;
      let room = true;
      for (const f of fresh) {
        const bytes = "stored" in f ? f.stored.bytes : f.ephemeral.message.bytes;
        room &&= session.hasRoomFor(bytes);
        if (!room) break;
        if ("stored" in f) {
          entries.push({ kind: "message", message: f.stored });
          session.push(f.stored.seq, bytes, now);
        } else if (session.caughtUp) {
          entries.push({ kind: "message", message: ephemeralAsHeld(f.ephemeral) });
          session.push(f.ephemeral.seq, bytes, now);
          f.reached.push(session);
        }
      }
      this.#frames(session, framesOf(prev, entries));
      if (room) session.scanned = this.#outbox.highestHeld;
    }
  }

  /** Sends a connection what waits for it, as far as its window goes, and says so once it is caught up (C2, C7). */
  #pump(session: Session, now: number): void {
    if (!this.#mayBeSentTo(session, now)) return;
    if (Math.max(session.sent, session.scanned) < this.#outbox.highestHeld && session.room.count > 0) {
      const cleanFrom = this.#outbox.devices.get(session.device)?.cleanFrom ?? 0;
      const prev = session.sent;
      const read = this.#outbox.read(session.sent, cleanFrom, session.room, now);
      for (const entry of read.entries) {
        if (entry.kind === "gap") session.push(entry.seq, 0, now);
        else session.push(entry.message.seq, entry.message.bytes, now);
      }
      this.#frames(session, framesOf(prev, read.entries));
      if (read.exhausted) session.scanned = this.#outbox.highestHeld;
    }
    if (!session.caughtUp && Math.max(session.sent, session.scanned) >= session.target) {
      session.caughtUp = true;
      this.#frames(session, [caughtUpFrame(session.sent)]);
    }
  }

  /** Whether a connection may be sent anything now; where not, it is closed (C8, C9). */
  #mayBeSentTo(session: Session, now: number): boolean {
    if (session.expiresAt <= now) {
      this.#close(session, "token_expired", now);
      return false;
    }
    const pingedAt = this.#pingedAt(session);
    if (pingedAt !== undefined && now - pingedAt > HEARTBEATS_MISSED * this.#settings.heartbeatMs) {
      this.#close(session, "heartbeat_lost", now);
      return false;
    }
    return true;
  }

  #pingedAt(session: Session): number | undefined {
    const at = Math.max(session.pingedAt, this.#autoPingedAt(session.id) ?? 0);
    return at === 0 ? undefined : at;
  }

  #frames(session: Session, frames: readonly string[]): void {
    for (const text of frames) this.#effects.push({ kind: "frame", connection: session.id, text });
    if (frames.length > 0) this.#touched.add(session);
  }

  // ── Connecting ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes a connection in: confirmation, then what waits (C1, C2). Its socket must be accepted before the effects are carried out. */
  attach(call: AttachCall, id: string, now: number): Refusal | { readonly ok: true; readonly session: Session } {
    const outbox = this.#outbox;
    if (call.token.issuedAt <= outbox.revokedAt) {
      return refuse("token_revoked", "This token was revoked. Get a new one from your backend and connect again.");
    }
    this.#flush(now);
    const welcome = outbox.welcome(call.device, this.#connectedDevices(), now);
    if (welcome === undefined) {
      return refuse(
        "too_many_devices",
        `All ${LIMITS.devicesMax} devices of this user are connected. Close one, or attach under the name of a known one.`,
        { retryAfterSeconds: 60 },
      );
    }
    const { device, resumed } = welcome;
    const start = Math.max(device.cursor, Math.min(call.after ?? 0, outbox.highestSeq));
    if (start > device.cursor) {
      outbox.sweepRange(device.cursor, start, now);
      if (outbox.anyRejected) outbox.clearRejected(device.acked, start, now);
    }
    if (this.#sessions.size >= LIMITS.connectionsMax) {
      const oldest = [...this.#sessions.values()].sort((a, b) => this.#lastSign(a) - this.#lastSign(b))[0];
      if (oldest !== undefined) this.#close(oldest, "replaced_by_newer", now);
    }
    const session = new Session({
      id,
      device: call.device,
      window: call.window,
      start,
      target: outbox.highestHeld,
      openedAt: now,
      issuedAt: call.token.issuedAt,
      expiresAt: call.token.expiresAt,
    });
    this.#sessions.set(id, session);
    this.#touched.add(session);
    if (start > device.cursor) {
      this.#noteUnrecorded(session, now);
      this.#flush(now);
    }
    this.#frames(session, [
      establishedFrame({
        connectionId: id,
        user: call.user,
        device: call.device,
        timestamp: now,
        resumed,
        cursor: start,
        pending: outbox.pending(start, now),
        window: call.window,
        heartbeatMs: this.#settings.heartbeatMs,
        expiresAt: call.token.expiresAt,
      }),
    ]);
    this.#pump(session, now);
    this.#effects.push({ kind: "arrived" });
    this.#settleWaits(now);
    return { ok: true, session };
  }

  /** The last sign of life: its ping, else its beginning. */
  #lastSign(session: Session): number {
    return this.#pingedAt(session) ?? session.openedAt;
  }

  /** A frame came from a client; `undefined` = it was binary. */
  receive(connection: string, text: string | undefined, now: number): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    if (session.expiresAt <= now) return this.#close(session, "token_expired", now);
    if (!session.countFrame(now)) {
      return this.#fail(session, "too_many_frames", `At most ${LIMITS.clientFramesPerSecond} frames a second.`, now);
    }
    if (text === undefined) return this.#fail(session, "bad_frame", "Frames are text, not binary.", now);
    if (text.length > LIMITS.clientFrameMaxBytes || utf8Bytes(text) > LIMITS.clientFrameMaxBytes) {
      return this.#fail(session, "frame_too_large", `A frame is at most ${LIMITS.clientFrameMaxBytes} bytes.`, now);
    }
    const frame = parseClientFrame(text);
    switch (frame.type) {
      case "bad":
        return this.#fail(session, "bad_frame", frame.detail, now);
      case "ping":
        session.pingedAt = now;
        return this.#frames(session, [PONG]);
      case "ack":
        return this.#ack(session, frame.seq, frame.checkpoint ?? frame.seq, now);
      case "reject":
        return this.#reject(session, frame.seq, frame.reason, now);
    }
  }

  #ack(session: Session, seq: number, checkpoint: number, now: number): void {
    if (seq > session.sent) {
      const detail = `Ack ${seq} is beyond ${session.sent}, the last seq sent on this connection. Reconnect with 'after'.`;
      return this.#fail(session, "ack_beyond_sent", detail, now);
    }
    if (checkpoint > seq) {
      return this.#fail(session, "bad_frame", `Checkpoint ${checkpoint} is beyond its ack ${seq}.`, now);
    }
    // A late twin of an earlier ack says nothing new.
    if (seq < session.acked) return;
    const before = session.acked;
    if (now >= this.#outbox.nextExpiry && seq > before) {
      this.#flush(now);
      this.#outbox.sweepRange(before, seq, now);
    }
    const waitedFor = this.#waits.anyWithin(before, seq);
    const cleared = this.#outbox.anyRejected && seq > before;
    const released = session.ack(seq, checkpoint, now);
    this.#noteUnrecorded(session, now);
    this.#unrecordedAcks += released.length;
    if (cleared) this.#outbox.clearRejected(before, seq, now);
    for (const acked of released) {
      const ephemeral = this.#ephemerals.get(acked);
      if (ephemeral !== undefined) this.#settleEphemeral(ephemeral, "delivered", now);
    }
    if (cleared || waitedFor || this.#unrecordedAcks >= FLUSH_AFTER_ACKS) this.#flush(now);
    this.#pump(session, now);
    this.#settleWaits(now);
  }

  #reject(session: Session, seq: number, reason: string, now: number): void {
    if (seq > session.sent) {
      const detail = `Reject ${seq} is beyond ${session.sent}, the last seq sent on this connection.`;
      return this.#fail(session, "ack_beyond_sent", detail, now);
    }
    if (seq <= session.acked) return;
    this.#flush(now);
    this.#outbox.sweepRange(session.acked, seq, now);
    if (this.#outbox.anyRejected) this.#outbox.clearRejected(session.acked, seq - 1, now);
    this.#outbox.reject(seq, reason, now);
    const released = session.ack(seq, seq, now);
    for (const acked of released) {
      const ephemeral = this.#ephemerals.get(acked);
      if (ephemeral !== undefined && acked < seq) this.#settleEphemeral(ephemeral, "delivered", now);
    }
    this.#noteUnrecorded(session, now);
    this.#flush(now);
    this.#pump(session, now);
    this.#settleWaits(now);
  }

  /** A connection has ended, from the other side or by accident. */
  detach(connection: string, now: number): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    this.#end(session, false, now);
  }

  /** Says what was wrong, then closes (C11). */
  #fail(session: Session, code: CloseErrorCode, detail: string, now: number): void {
    this.#frames(session, [errorFrame(code, detail)]);
    this.#close(session, code, now);
  }

  #close(session: Session, code: CloseErrorCode, now: number): void {
    this.#effects.push({ kind: "close", connection: session.id, code: closeCodeOf(code), reason: code });
    this.#end(session, closeCodeOf(code) === closeCodeOf("ack_timeout"), now);
  }

  #end(session: Session, timedOut: boolean, now: number): void {
    // With its acks, but without its cursor where others of the device go on (C5).
    this.#noteUnrecorded(session, now);
    this.#flush(now, session);
    this.#sessions.delete(session.id);
    this.#touched.add(session);
    const device = this.#outbox.devices.get(session.device);
    if (device === undefined) return;
    const others = [...this.#sessions.values()].filter((s) => s.device === session.device);
    const firstUnacked = session.firstUnacked;
    const struck = timedOut && firstUnacked !== undefined;
    const strikes = struck ? (device.strikeSeq === firstUnacked ? device.strikes + 1 : 1) : 0;
    this.#outbox.devices.save({
      ...device,
      sent: Math.max(session.sent, device.sent),
      open: others.length > 0,
      lastSeenAt: now,
      strikes,
      strikeSeq: struck ? firstUnacked : 0,
    });
    if (struck && strikes >= LIMITS.strikesMax) this.#outbox.giveUp(firstUnacked, now);
    this.#settleWaits(now);
  }

  /** A new token for an open connection (C9). */
  prolong(
    connection: string,
    token: TokenFacts,
    now: number,
  ): Refusal | { readonly ok: true; readonly expiresAt: number } {
    this.#flush(now);
    if (token.issuedAt <= this.#outbox.revokedAt) {
      return refuse("token_revoked", "This token was revoked. Get a new one from your backend.");
    }
    const session = this.#sessions.get(connection);
    if (session === undefined || session.expiresAt <= now) {
      return refuse("unknown_connection", "This connection has ended. Connect again with the new token.");
    }
    if (token.device !== undefined && token.device !== session.device) {
      return refuse("token_mismatch", "The token is bound to another device than this connection's.");
    }
    session.expiresAt = token.expiresAt;
    session.issuedAt = token.issuedAt;
    this.#touched.add(session);
    return { ok: true, expiresAt: token.expiresAt };
  }

  // ── Acks on their way to the disk ──────────────────────────────────────────────────────────────────────────────────

  #noteUnrecorded(session: Session, now: number): void {
    if (this.#unrecorded.size === 0) this.#unrecordedSince = now;
    this.#unrecorded.add(session.device);
    this.#touched.add(session);
  }

  /** Records the acks that rest in the sessions, and releases what they free. `leaving` no longer holds its device's cursor back. */
  #flush(now: number, leaving?: Session): void {
    if (this.#unrecorded.size === 0) return;
    const progress = [...this.#unrecorded].flatMap((device) => {
      const sessions = [...this.#sessions.values()].filter((s) => s.device === device);
      const staying = sessions.filter((s) => s !== leaving);
      const holding = staying.length > 0 ? staying : sessions;
      if (holding.length === 0) return [];
      return {
        device,
        acked: Math.max(...sessions.map((s) => s.acked)),
        cursor: Math.min(...holding.map((s) => s.checkpoint)),
      };
    });
    this.#unrecorded.clear();
    this.#unrecordedAcks = 0;
    this.#outbox.record(progress, now);
  }

  // ── Waiting ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Replies to those whose message has ended in this turn. */
  #settleWaits(now: number): void {
    if (this.#waits.count === 0) return;
    for (const seq of this.#outbox.maybeEnded(this.#waits.seqs())) {
      if (this.#ephemerals.get(seq) !== undefined) continue;
      const known = this.#outbox.state(seq, now);
      if (known === undefined || known.status === "queued") continue;
      this.#reply(seq, this.#stateOf(known));
    }
  }

  #reply(seq: number, message: MessageState): void {
    for (const wait of this.#waits.take(seq)) this.#effects.push({ kind: "ended", wait, message });
  }

  /** A wait is over before its message has ended; gives the state to reply with, which may be an end after all. */
  waitOver(wait: Wait & { readonly seq: number }, now: number): MessageState | undefined {
    this.#flush(now);
    const ephemeral = this.#ephemerals.get(wait.seq);
    if (ephemeral !== undefined) {
      this.#settleEphemeral(ephemeral, "dropped", now);
      return undefined;
    }
    this.#outbox.sweepRange(wait.seq - 1, wait.seq, now);
    const known = this.#outbox.state(wait.seq, now);
    this.#settleWaits(now);
    this.#waits.drop(wait.call, wait.index);
    return known === undefined ? undefined : this.#stateOf(known);
  }

  /** The caller has gone away: nobody needs the reply (S3). */
  stopWaiting(call: number): void {
    this.#waits.drop(call);
  }

  #endEphemeral(ephemeral: Ephemeral, end: "delivered" | "dropped", now: number): MessageState {
    this.#ephemerals.take(ephemeral.seq);
    this.#outbox.rememberEphemeral(ephemeral.message, ephemeral.seq, end, ephemeral.acceptedAt, now);
    return ephemeralState(ephemeral, end, this.#outbox.devices.count, now);
  }

  #settleEphemeral(ephemeral: Ephemeral, end: "delivered" | "dropped", now: number): void {
    this.#reply(ephemeral.seq, this.#endEphemeral(ephemeral, end, now));
  }

  #connectedDevices(): ReadonlySet<string> {
    return new Set([...this.#sessions.values()].map((session) => session.device));
  }

  #stateOf(known: Known): MessageState {
    let sentTo = 0;
    for (const s of this.#sessions.values()) if (s.start < known.seq && known.seq <= s.sent) sentTo += 1;
    return { ...known, devices: this.#outbox.devices.count, sentTo };
  }

  // ── The backend's other calls ──────────────────────────────────────────────────────────────────────────────────────

  held(after: number, limit: number, now: number): Page<HeldMessage> {
    this.#flush(now);
    const messages = this.#outbox.list(after, limit, now);
    const last = messages.at(-1)?.seq ?? after;
    return {
      items: messages.map((m) => this.#heldState(m, now)),
      ...(messages.length === limit && this.#outbox.pending(last, now) > 0 ? { next: last } : {}),
    };
  }

  #heldState(m: Held, now: number): HeldMessage {
    return {
      ...this.#stateOf(this.#outbox.knownOf(m, now)),
      type: m.type,
      ...(m.data === null ? {} : { data: m.data }),
      ...(m.topic === null ? {} : { topic: m.topic }),
    };
  }

  state(id: string, now: number): { readonly ok: true; readonly message: HeldMessage | MessageState } | Refusal {
    this.#flush(now);
    const seq = this.#outbox.seqOf(id);
    const held = seq === undefined ? undefined : this.#outbox.held(seq, now);
    if (held !== undefined && sameId(held, id)) return { ok: true, message: this.#heldState(held, now) };
    const onItsWay = this.#ephemerals.all().find((e) => (e.message.id ?? serverId(e.seq)) === id);
    if (onItsWay !== undefined) {
      return { ok: true, message: ephemeralState(onItsWay, "queued", this.#outbox.devices.count, now) };
    }
    const known = seq === undefined ? undefined : this.#outbox.state(seq, now);
    if (known === undefined || known.id !== id) return unknownMessage();
    return { ok: true, message: this.#stateOf(known) };
  }

  recall(id: string, now: number): { readonly ok: true; readonly sent: boolean } | Refusal {
    this.#flush(now);
    const seq = this.#outbox.seqOf(id);
    const known = seq === undefined ? undefined : this.#outbox.state(seq, now);
    if (known === undefined || known.id !== id) return unknownMessage();
    const sentTo = this.#stateOf(known).sentTo;
    if (!this.#outbox.recall(known.seq, now)) {
      return known.status === "delivered"
        ? refuse("already_acked", "A connection has acked this message: it can no longer be recalled.", {
            extra: { message_status: known.status },
          })
        : refuse("already_ended", `This message has ended as '${known.status}': there is nothing to recall.`, {
            extra: { message_status: known.status },
          });
    }
    this.#settleWaits(now);
    return { ok: true, sent: sentTo > 0 || this.#wasSent(known.seq) };
  }

  /** Whether a connection that is gone was sent it, as far as is known; in doubt, it was (S10). */
  #wasSent(seq: number): boolean {
    return this.#outbox.devices.all().some((device) => seq <= device.sent);
  }

  /** What is known of the user (U1). */
  user(now: number): UserState {
    this.#flush(now);
    const { count, bytes, oldestAt } = this.#outbox.summary(now);
    const sessions = [...this.#sessions.values()].filter((s) => s.expiresAt > now);
    const connected = new Set(sessions.map((s) => s.device));
    return {
      connections: sessions.map((s) => this.#connectionState(s)),
      devices: this.#outbox.devices.all().map((d) => ({
        device: d.name,
        cursor: d.cursor,
        connected: connected.has(d.name),
        firstSeenAt: d.firstSeenAt,
        lastSeenAt: d.lastSeenAt,
      })),
      held: { count, bytes, ...(oldestAt === null ? {} : { oldestAt }) },
      deadLetters: this.#outbox.deadLetterCount(now),
    };
  }

  #connectionState(s: Session): ConnectionState {
    const pingedAt = this.#pingedAt(s);
    return {
      connectionId: s.id,
      device: s.device,
      openedAt: s.openedAt,
      sentSeq: s.sent,
      ackedSeq: s.acked,
      inFlight: s.inFlight,
      window: s.window,
      caughtUp: s.caughtUp,
      tokenExpiresAt: s.expiresAt,
      ...(pingedAt === undefined ? {} : { pingedAt }),
    };
  }

  deadLetters(after: number, limit: number, selector: DeadLetterSelector, now: number) {
    this.#flush(now);
    const letters = this.#outbox.deadLetters(after, limit + 1, selector, now);
    const items = letters.slice(0, limit).map(({ bytes: _, ttlMs: __, ...letter }) => letter);
    const last = items.at(-1);
    return { items, ...(letters.length > limit && last !== undefined ? { next: last.seq } : {}) };
  }

  requeue(selector: DeadLetterSelector, ttlMs: number | undefined, now: number): Requeued | Refusal {
    this.#flush(now);
    for (const session of [...this.#sessions.values()]) this.#pump(session, now);
    const before = this.#outbox.highestHeld;
    const { requeued, selected } = this.#outbox.requeue(selector, ttlMs, now);
    if (selected === 0 && "seq" in selector) return unknownDeadLetter();
    if (requeued.length === 0 && selected > 0) return outboxFull();
    this.#spread(
      requeued.map((stored) => ({ stored })),
      before,
      now,
    );
    this.#settleWaits(now);
    return {
      ok: true,
      messages: requeued.map((m) => this.#stateOf(this.#outbox.knownOf(m, now))),
      left: selected - requeued.length,
    };
  }

  discard(selector: DeadLetterSelector, now: number): { readonly ok: true; readonly discarded: number } | Refusal {
    this.#flush(now);
    const discarded = this.#outbox.discard(selector, now);
    return discarded === 0 && "seq" in selector ? unknownDeadLetter() : { ok: true, discarded };
  }

  /** Ends all tokens issued until now, and the connections that stand on them (U3). */
  revoke(now: number): void {
    this.#flush(now);
    this.#outbox.revoke(now);
    for (const session of [...this.#sessions.values()]) {
      if (session.issuedAt <= this.#outbox.revokedAt) this.#close(session, "token_revoked", now);
    }
  }

  /** Forgets everything about the user; whoever waits is told so (U4). The object is to be built anew afterwards. */
  erase(now: number): void {
    this.#flush(now);
    const waited = this.#waits.seqs().map((seq) => {
      const ephemeral = this.#ephemerals.get(seq);
      if (ephemeral !== undefined) return ephemeralState(ephemeral, "erased", 0, now);
      const known = this.#outbox.state(seq, now);
      return known === undefined ? undefined : { ...known, status: "erased" as const, devices: 0, sentTo: 0 };
    });
    for (const message of waited) if (message !== undefined) this.#reply(message.seq, message);
    for (const session of this.#sessions.values()) {
      this.#effects.push({ kind: "close", connection: session.id, code: closeCodeOf("erased"), reason: "erased" });
      this.#touched.add(session);
    }
    this.#sessions.clear();
    this.#outbox.erase(now);
  }

  /** Does what is due; true where there may be more of it right away. */
  tick(now: number): boolean {
    this.#flush(now);
    for (const session of [...this.#sessions.values()]) {
      if (session.expiresAt <= now) this.#close(session, "token_expired", now);
      else if (session.inFlight > 0 && session.progressAt + this.#settings.ackTimeoutMs <= now) {
        this.#close(session, "ack_timeout", now);
      }
    }
    const swept = this.#outbox.sweep(now);
    const forgot = this.#outbox.forgetDue(now);
    this.#outbox.forgetUnseen(this.#connectedDevices(), now);
    this.#settleWaits(now);
    return swept || forgot;
  }
}

/** What became of one message of a call, before anybody was sent anything. */
type Draft =
  | { readonly kind: "known"; readonly known: Known; readonly replayed: boolean }
  | { readonly kind: "ephemeral"; readonly seq: number; readonly replayed: boolean }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const sameId = (held: Held, id: string): boolean => (held.id ?? serverId(held.seq)) === id;

const ephemeralAsHeld = ({ seq, message, acceptedAt }: Ephemeral): Held => ({
  seq,
  id: message.id ?? null,
  bytes: message.bytes,
  acceptedAt,
  expiresAt: acceptedAt,
  deliveredAt: null,
  rejectReason: null,
  requeuedFrom: null,
  topic: null,
  type: message.type,
  data: message.data ?? null,
});

const outboxFull = (): Refusal =>
  refuse(
    "outbox_full",
    "This user's outbox is full of messages that nobody has acked. Send again later, recall some, or give them a shorter ttl.",
    { retryAfterSeconds: 30 },
  );

const idReused = (id: string | undefined, seq: number): Refusal =>
  refuse(
    "id_reused",
    "This id was used for a message with another type or data. Send the same content again, or choose a new id.",
    { extra: { id, seq } },
  );

const unknownMessage = (): Refusal =>
  refuse("unknown_message", "No message with this id is known: it never was, or it ended more than 24 hours ago.");

const unknownDeadLetter = (): Refusal =>
  refuse("unknown_dead_letter", "There is no dead letter with this seq: list them with GET …/dead-letters.");
