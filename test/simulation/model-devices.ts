/** The reference model's rules about devices and connections: who starts where, whose cursor moves, how a connection ends. */
import { LIMITS } from "../../src/protocol/limits.ts";
import type { Device, Model } from "./model.ts";
import type { Connection } from "./model-connection.ts";
import { loseTrails, noteAnswer, noteClosed, noteHad } from "./model-trails.ts";

const isConnected = (model: Model, name: string): boolean => {
  for (const c of model.connections.values()) if (c.device === name) return true;
  return false;
};

/** D5: a device not seen for 30 days is forgotten; a connected one never. */
export const forgetUnseen = (model: Model, now: number): void => {
  for (const device of [...model.devices.values()]) {
    if (device.lastSeenAt + LIMITS.deviceTtlMs <= now && !isConnected(model, device.name)) {
      model.devices.delete(device.name);
    }
  }
  model.buryRejected(now);
};

/** D5: makes a device known; undefined where 32 others are connected. */
export const welcome = (
  model: Model,
  name: string,
  now: number,
): { readonly device: Device; readonly resumed: boolean } | undefined => {
  forgetUnseen(model, now);
  const known = model.devices.get(name);
  if (known !== undefined) {
    known.lastSeenAt = now;
    known.durableSeenAt = now;
    return { device: known, resumed: true };
  }
  if (model.devices.size >= LIMITS.devicesMax) {
    const away = [...model.devices.values()]
      .filter((d) => !isConnected(model, d.name))
      .sort((a, b) => a.lastSeenAt - b.lastSeenAt || (a.name < b.name ? -1 : 1))[0];
    if (away === undefined) return undefined;
    model.devices.delete(away.name);
  }
  const device: Device = {
    name,
    cleanFrom: model.hadDevice ? now : 0,
    cursor: model.acked,
    acked: 0,
    durableCursor: model.ackedLow,
    lastSeenAt: now,
    durableSeenAt: now,
    strikeSeq: 0,
    strikesMin: 0,
    strikesMax: 0,
  };
  model.hadDevice = true;
  model.devices.set(name, device);
  model.buryRejected(now);
  return { device, resumed: false };
};

/** C5: the cursor is the lowest checkpoint of the open connections, and never goes back. */
const moveCursor = (model: Model, device: Device): void => {
  let lowest = Number.POSITIVE_INFINITY;
  for (const c of model.connections.values()) if (c.device === device.name) lowest = Math.min(lowest, c.checkpoint);
  if (Number.isFinite(lowest)) device.cursor = Math.max(device.cursor, lowest);
};

/** A connection has acked through `seq`, or rejected it: what that means for its device, and for what is never stored. */
export const noteAck = (
  model: Model,
  c: Connection,
  seq: number,
  checkpoint: number,
  now: number,
  rejected?: number,
): void => {
  noteAnswer(model, c, seq, now, rejected);
  for (const { seq: out } of c.ack(seq, checkpoint, now)) {
    const m = model.bySeq(out);
    if (m?.ephemeral && m.end === undefined && out < (rejected ?? Number.POSITIVE_INFINITY)) {
      m.ackedAt = now;
      model.end(m, "delivered", now);
    }
  }
  const device = model.devices.get(c.device) as Device;
  device.acked = Math.max(device.acked, seq);
  device.lastSeenAt = now;
  moveCursor(model, device);
  model.buryRejected(now);
};

/** C5: `after` acts as an ack. */
export const startAt = (model: Model, c: Connection, device: Device, start: number, now: number): void => {
  model.connections.set(c.id, c);
  if (start > device.cursor) {
    noteHad(model, c, device.cursor, Math.max(device.acked, device.cursor), start, now);
    // A rejection of its own is not made good by having processed what came later.
    model.ackRange(device.cursor, start, now, Math.max(device.acked, device.cursor));
    device.acked = Math.max(device.acked, start);
  }
  moveCursor(model, device);
  // The confirmation says where it starts: it rests on the acks that brought the cursor there.
  device.durableCursor = Math.max(device.durableCursor, device.cursor);
  model.durableAcked = Math.max(model.durableAcked, device.cursor);
  model.buryRejected(now);
};

const ACK_TIMEOUT_CLOSE = 4408;

/** Connections have ended, all at once: none of them goes on, so that none moves its device's cursor past another. */
export const endConnections = (
  model: Model,
  ended: readonly Connection[],
  code: number,
  now: number,
  isStored: (seq: number) => boolean,
): void => {
  for (const c of ended) {
    model.connections.delete(c.id);
    noteClosed(model, c, code, now);
  }
  for (const c of ended) noteEnd(model, c, code, now, isStored);
  model.buryRejected(now);
};

const noteEnd = (model: Model, c: Connection, code: number, now: number, isStored: (seq: number) => boolean): void => {
  const device = model.devices.get(c.device);
  if (device === undefined) return;
  model.durableAcked = Math.max(model.durableAcked, c.acked);
  moveCursor(model, device);
  if (!isConnected(model, device.name)) device.durableCursor = device.cursor;
  device.lastSeenAt = now;
  device.durableSeenAt = now;
  const [entry] = c.flight;
  if (code !== ACK_TIMEOUT_CLOSE || entry === undefined) {
    device.strikeSeq = 0;
    device.strikesMin = 0;
    device.strikesMax = 0;
    return;
  }
  // Of what goes as one the first that is not acked tells whether it is the same, and all of it ends.
  const first = Math.max(entry.firstSeq, c.acked + 1);
  const again = device.strikeSeq === first;
  device.strikeSeq = first;
  device.strikesMin = again ? device.strikesMin + 1 : 1;
  device.strikesMax = again ? device.strikesMax + 1 : 1;
  if (device.strikesMax < LIMITS.strikesMax) return;
  for (const m of model.held(now)) {
    if (m.seq < first || m.seq > entry.seq || model.isAcked(m)) continue;
    if (device.strikesMin < LIMITS.strikesMax && isStored(m.seq)) continue;
    model.end(m, "undeliverable", now, "undeliverable");
  }
};

/** All sockets are gone, and with them what they knew. */
export const loseConnections = (model: Model): void => {
  loseTrails(model);
  for (const c of model.connections.values()) {
    const device = model.devices.get(c.device);
    if (device !== undefined) device.strikesMin = 0;
  }
  if (model.connections.size > 0) for (const m of model.messages) m.mayHaveBeenSent = true;
  model.connections.clear();
};

/** Waits and messages that are never stored do not outlive the object's memory. */
export const loseMemory = (model: Model): void => {
  model.messages = model.messages.filter((m) => !m.ephemeral || m.end !== undefined);
};
