/** How devices become known, and are forgotten (D5). */
import { LIMITS } from "../protocol/limits.ts";
import type { Device } from "./devices.ts";
import { release } from "./ending.ts";
import type { Tables } from "./tables.ts";

/** Makes a device known, at its cursor (D5); undefined where 32 others are connected. */
export const welcome = (
  tables: Tables,
  name: string,
  connected: ReadonlySet<string>,
  now: number,
): { readonly device: Device; readonly resumed: boolean } | undefined => {
  forgetUnseen(tables, connected, now);
  const known = tables.devices.get(name);
  if (known !== undefined) {
    const device = { ...known, open: true, lastSeenAt: now };
    tables.devices.save(device);
    return { device, resumed: true };
  }
  if (tables.devices.count >= LIMITS.devicesMax) {
    const away = tables.devices.longestAway(connected);
    if (away === undefined) return undefined;
    forgetDevice(tables, away);
  }
  const isFirst = tables.facts.get("had_device") === undefined;
  if (isFirst) tables.facts.set("had_device", 1);
  const device: Device = {
    name,
    cursor: tables.acked,
    acked: 0,
    sent: 0,
    open: true,
    cleanFrom: isFirst ? 0 : now,
    firstSeenAt: now,
    lastSeenAt: now,
    strikes: 0,
    strikeSeq: 0,
    timeouts: 0,
  };
  tables.devices.save(device);
  release(tables, now);
  return { device, resumed: false };
};

/** After a crash nobody knows what the sockets that it closed were sent: anything, for all one can say (S10). */
export const noteLostConnections = (tables: Tables, connected: ReadonlySet<string>, now: number): void => {
  for (const device of tables.devices.all()) {
    if (device.open && !connected.has(device.name)) {
      tables.devices.save({ ...device, open: false, sent: tables.sequence.highest, lastSeenAt: now });
    }
  }
};

/** Forgets devices not seen for 30 days, and releases what was kept for them alone (D5). */
export const forgetUnseen = (tables: Tables, connected: ReadonlySet<string>, now: number): void => {
  const unseen = tables.devices.unseen(now, connected);
  for (const device of unseen) forgetDevice(tables, device);
  if (unseen.length > 0) release(tables, now);
};

const forgetDevice = (tables: Tables, device: Device): void => {
  if (device.acked > (tables.facts.get("acked_seq") ?? 0)) tables.facts.set("acked_seq", device.acked);
  tables.devices.forget(device.name);
};
