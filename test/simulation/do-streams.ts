/** What happens on connections: attach, ping, bad frames, prolong, detach (C). */
import type { Effect } from "../../src/delivery/effects.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { expect, fail, same } from "./mismatch.ts";
import { Connection } from "./model-connection.ts";
import { endConnections, startAt, welcome } from "./model-devices.ts";
import { checkComplete } from "./model-stream.ts";
import type { Death, Op } from "./operations.ts";
import type { Referee } from "./referee.ts";
import type { Turn } from "./world.ts";

type Attach = Omit<Extract<Op, { do: "attach" }>, "do" | "dies">;

const BEYOND = 1_000_000_000;

const afterOf = (referee: Referee, op: Attach): number | undefined => {
  const memory = referee.memory.get(deviceName(op.device));
  switch (op.after) {
    case "none":
      return undefined;
    case "acked":
      return memory?.acked;
    case "processed":
      return memory?.processed;
    case "low":
      return Math.max(0, (memory?.acked ?? 0) - 1);
    case "beyond":
      return referee.model.highestSeq + BEYOND;
  }
};

const deviceName = (device: number): string => `device-${device}`;

export const doAttach = (referee: Referee, op: Attach, dies?: Death): Connection | undefined => {
  const { model, world } = referee;
  const device = deviceName(op.device);
  const after = afterOf(referee, op);
  const now = world.now;
  referee.lastConnection += 1;
  const id = `c${referee.lastConnection}`;
  const token = { issuedAt: now - op.tokenAgeMs, expiresAt: now + op.tokenMs };
  const call = {
    user: "user",
    device,
    window: op.window,
    token,
    tag: "tag",
    ...(after === undefined ? {} : { after }),
  };
  const turn = referee.turn((delivery, at) => delivery.attach(call, id, at), dies, id);
  if (turn === undefined) return undefined;
  const refused = turn.result.ok ? "ok" : turn.result.code;
  // An erasure revokes until the time of the highest seq that may have been given out (D10); where the clock has stepped
  // back, or stands still since the machine's has, that lies ahead of it: tokens of the time between are refused.
  const isOff = model.hasSteppedBack || world.machineNow < turn.now;
  const isAheadOfClock = isOff && model.revokedAt >= 0 && refused === "token_revoked";
  if (token.issuedAt <= model.revokedAt || isAheadOfClock) {
    same(refused, "token_revoked", "U3", () => "reply to an attach with a revoked token");
    referee.settle(turn);
    return undefined;
  }
  // Those whose token is over are connected no more: they keep nobody out, and no cursor back.
  const over = turn.effects.filter((e) => e.kind === "close" && e.reason === "token_expired");
  referee.perform(turn, {}, over);
  const welcomed = welcome(model, device, now);
  if (welcomed === undefined) {
    same(refused, "too_many_devices", "D5", () => "reply to an attach of a 33rd device");
    referee.settle(turn);
    return undefined;
  }
  same(refused, "ok", "C1", () => `reply to an attach of ${device}`);
  const c = established(referee, { id, device, window: op.window, after, token }, turn, welcomed.resumed, over);
  referee.settle(turn);
  return model.connections.has(id) ? c : undefined;
};

interface Attaching {
  readonly id: string;
  readonly device: string;
  readonly window: number;
  readonly after: number | undefined;
  readonly token: { readonly issuedAt: number; readonly expiresAt: number };
}

interface ConfirmationFrame {
  readonly type: string;
  readonly connection_id: string;
  readonly user: string;
  readonly device: string;
  readonly resumed: boolean;
  readonly cursor: number;
  readonly pending: number;
  readonly window: number;
}

/** C1: the confirmation comes first and says the truth; then what waits. */
const established = (
  referee: Referee,
  a: Attaching,
  turn: Turn<unknown>,
  resumed: boolean,
  told: readonly Effect[],
): Connection => {
  const { model } = referee;
  const { now } = turn;
  const effects = turn.effects.filter((e) => e.kind !== "arrived" && !told.includes(e));
  const own = effects.findIndex((e) => e.kind === "frame" && e.connection === a.id);
  const first = effects[own];
  if (first?.kind !== "frame") return fail("C1", `${a.id} got no confirmation`);
  const frame = JSON.parse(first.text) as ConfirmationFrame;
  same(frame.type, "connection_established", "C1", () => `first frame of ${a.id}`);
  // A 33rd connection takes the place of the one with the oldest sign of life.
  const open = [...model.connections.values()];
  const oldest = Math.min(...open.map((c) => c.lastSign));
  const isFull = open.length >= LIMITS.connectionsMax;
  const replaced = isFull ? open.filter((c) => c.lastSign === oldest).map((c) => c.id) : [];
  const device = model.devices.get(a.device);
  if (device === undefined) return fail("D5", `${a.device} is not known to the model`);
  const start = cursorOf(referee, device.cursor, a.after, frame.cursor, resumed);
  const { highestSeq: target } = model;
  const c = new Connection({ ...a, start, target, openedAt: now, ...a.token });
  if (a.after !== undefined) c.gotBefore = model.sentTo.get(a.device) ?? 0;
  if (!resumed) device.cursor = Math.min(device.cursor, frame.cursor);
  startAt(model, c, device, start, now);
  model.connections.delete(c.id);
  referee.perform(turn, { replaced }, effects.slice(0, own));
  same(model.connections.size < LIMITS.connectionsMax, true, "D5", () => "room for a 33rd connection");
  model.connections.set(c.id, c);
  c.established = true;
  same(frame.connection_id, a.id, "C1", () => "connection_id");
  same(frame.device, a.device, "C1", () => `device of ${a.id}`);
  same(frame.window, a.window, "C1", () => `window of ${a.id}`);
  same(frame.resumed, resumed, "C1", () => `resumed of ${a.id}`);
  same(frame.cursor, start, "C1", () => `cursor of ${a.id}`);
  const pending = model.held(now).filter((m) => m.seq > start).length;
  same(frame.pending, pending, "C1", () => `pending of ${a.id}`);
  const memory = referee.memory.get(a.device) ?? { acked: 0, processed: 0 };
  referee.memory.set(a.device, { acked: Math.max(memory.acked, start), processed: Math.max(memory.processed, start) });
  referee.perform(turn, {}, effects.slice(own + 1));
  if (turn.kind === "done" && model.connections.has(c.id)) checkComplete(model, c, now);
  return c;
};

/** Where a connection is to start; where the rules leave room (a crash, a clamp), what was seen is taken if it lies in it. */
const cursorOf = (
  referee: Referee,
  cursor: number,
  after: number | undefined,
  seen: number,
  resumed: boolean,
): number => {
  const { model } = referee;
  let low = resumed ? cursor : Math.min(cursor, model.ackedLow);
  let high = cursor;
  if (after !== undefined) {
    low = Math.max(low, Math.min(after, model.highestKnown));
    // A clamp to what is reserved but not given out yet is as good: nothing can come to lie below.
    high = Math.max(high, after);
  }
  return seen >= low && seen <= high ? seen : high;
};

export const pickConnection = (referee: Referee, which: number): Connection | undefined => {
  const open = [...referee.model.connections.values()];
  return open[which % open.length];
};

/** The socket has ended, from the client's side or on the way. */
export const doDetach = (referee: Referee, c: Connection, dies?: Death): void => {
  const turn = referee.turn((delivery, now) => delivery.detach(c.id, 1000, now), dies);
  // The event of a socket that is gone does not come twice, but a restart finds no such socket either.
  referee.world.dropSocket(c.id);
  if (turn === undefined) return fault(referee, c, dies);
  endConnections(referee.model, [c], 1000, turn.now, (seq) => referee.world.stored().has(seq));
  referee.perform(turn);
  referee.settle(turn);
};

/** The turn failed, and its socket is closed by the shell: it ends without the core hearing of it. */
const fault = (referee: Referee, c: Connection, dies: Death | undefined): void => {
  if (dies !== "fault") return;
  referee.world.dropSocket(c.id);
  referee.crash();
};

/** What the model makes of what a client said, and whether it is news. */
export type Taken = (now: number) => boolean;

/** One frame from a client; `expected` = the code that it is closed with for it. */
export const receive = (
  referee: Referee,
  c: Connection,
  text: string | undefined,
  expected: number | undefined,
  taken: Taken,
  dies?: Death,
): void => {
  const { model } = referee;
  const turn = referee.turn((delivery, now) => delivery.receive(c.id, text, now), dies);
  if (turn === undefined) return fault(referee, c, dies);
  const { now } = turn;
  const isOver = now >= c.expiresAt;
  if (!isOver) c.heardAt = now;
  const isNews = !isOver && expected === undefined && taken(now);
  referee.perform(turn, expected === undefined ? {} : { acting: { id: c.id, code: expected } });
  const isOpen = model.connections.has(c.id);
  if (isOver) expect(!isOpen, "C9", () => `${c.id} was heard after its token's end`);
  if (expected !== undefined) expect(!isOpen, "C11", () => `${c.id} sent ${text?.slice(0, 80)}, and is still open`);
  if (isNews && isOpen && turn.kind === "done") checkComplete(model, c, now);
  referee.settle(turn);
};

export const doBadFrame = (referee: Referee, op: Extract<Op, { do: "bad_frame" }>): void => {
  const c = pickConnection(referee, op.conn);
  if (c === undefined) return;
  const texts = {
    binary: undefined,
    no_json: "ack",
    unknown: '{"type":"ack","seq":1,"more":2}',
    huge: `"${"x".repeat(LIMITS.clientFrameMaxBytes)}"`,
  };
  receive(referee, c, texts[op.kind], op.kind === "huge" ? 4413 : 4400, () => false, op.dies);
};

export const doPing = (referee: Referee, op: Extract<Op, { do: "ping" }>): void => {
  const c = pickConnection(referee, op.conn);
  if (c === undefined) return;
  if (op.exact) {
    c.pingedAt = referee.world.autoPing(c.id);
    return;
  }
  const turn = referee.turn((delivery, now) => delivery.receive(c.id, '{ "type": "ping" }', now), op.dies);
  if (turn === undefined) return fault(referee, c, op.dies);
  if (turn.now < c.expiresAt) {
    c.pingedAt = turn.now;
    c.heardAt = turn.now;
  }
  referee.perform(turn);
  referee.settle(turn);
};

export const doProlong = (referee: Referee, op: Extract<Op, { do: "prolong" }>): void => {
  const c = pickConnection(referee, op.conn);
  if (c === undefined) return;
  const { model } = referee;
  const turn = referee.turn((delivery, now) => {
    return delivery.prolong(c.id, { issuedAt: now, expiresAt: now + op.tokenMs }, now);
  }, op.dies);
  if (turn === undefined) return;
  const { now, result } = turn;
  const expected = now <= model.revokedAt ? "token_revoked" : now >= c.expiresAt ? "unknown_connection" : "ok";
  same(result.ok ? "ok" : result.code, expected, "C9", () => `reply to prolonging ${c.id}`);
  if (result.ok) c.expiresAt = result.expiresAt;
  referee.perform(turn);
  referee.settle(turn);
};
