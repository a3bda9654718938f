/**
 * How much there is of something at a time: messages that are held, connections that are open.
 *
 * Nobody keeps a row for each. What begins adds one to the slot of its beginning, and what ends takes it away there again. A report that
 * was lost would leave a slot wrong for ever; but each thing has a longest life, its time to live or its token's end, and slots are kept apart by it.
 * When that is over the slot goes, whatever it says: the sum heals itself.
 */

import type { Level } from "../protocol/monitor-api.ts";

const LEASES = { held: 0, open: 1 } as const;
export type LeaseName = keyof typeof LEASES;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** Slots are told apart to this. */
const GRAIN_MS = 10 * SECOND_MS;
/** A life is rounded up to 1, 2, 4, … minutes, up to 45 days. */
const LIVES = 32;
const NAMES = 4;

const startOf = (instant: number, sizeMs: number): number => Math.floor(instant / sizeMs) * sizeMs;

/**
 * The younger, the finer: how old something is need only be known to a fraction of its age. Judged by the beginning of the slot that would
 * take it, so that what is in a smaller one already is judged the same.
 */
const slotMs = (beganAt: number, now: number): number => {
  if (now - startOf(beganAt, HOUR_MS) >= 6 * HOUR_MS) return HOUR_MS;
  return now - startOf(beganAt, MINUTE_MS) >= 15 * MINUTE_MS ? MINUTE_MS : GRAIN_MS;
};

/** The number of a slot: when its things began, how long they may live, and what they are. */
export const leaseId = (name: LeaseName, beganAt: number, endsAt: number, now: number): number => {
  const life = Math.min(LIVES - 1, Math.max(0, Math.ceil(Math.log2(Math.max(1, endsAt - beganAt) / MINUTE_MS))));
  return idOf(name, beganAt, life, now);
};

const idOf = (name: LeaseName, beganAt: number, life: number, now: number): number => {
  const slot = startOf(beganAt, slotMs(beganAt, now)) / GRAIN_MS;
  return (slot * LIVES + life) * NAMES + LEASES[name];
};

const partsOf = (id: number): { readonly name: number; readonly life: number; readonly beganAt: number } => {
  const rest = Math.floor(id / NAMES);
  return { name: id % NAMES, life: rest % LIVES, beganAt: Math.floor(rest / LIVES) * GRAIN_MS };
};

export class Leases {
  #slots = new Map<number, number>();

  constructor(pairs: readonly number[] = []) {
    this.add(pairs);
  }

  add(pairs: readonly number[]): void {
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const id = pairs[at] as number;
      const count = (this.#slots.get(id) ?? 0) + (pairs[at + 1] as number);
      if (count === 0) this.#slots.delete(id);
      else this.#slots.set(id, count);
    }
  }

  pairs(): number[] {
    const pairs: number[] = [];
    for (const [id, count] of this.#slots) pairs.push(id, count);
    return pairs;
  }

  /** Lets go of what is over, and keeps what has aged in larger slots: how many there are is bounded, whatever comes. */
  age(now: number): void {
    const names = Object.keys(LEASES) as LeaseName[];
    const aged = new Leases();
    for (const [id, count] of this.#slots) {
      const { name, life, beganAt } = partsOf(id);
      const known = names[name];
      if (known === undefined) continue;
      const size = slotMs(beganAt, now);
      // The slot's last began a slot later than its first.
      const endsAt = startOf(beganAt, size) + size + MINUTE_MS * 2 ** life;
      if (endsAt > now) aged.add([idOf(known, beganAt, life, now), count]);
    }
    this.#slots = aged.#slots;
  }

  static isOf(name: LeaseName, id: number): boolean {
    return id % NAMES === LEASES[name];
  }

  /** As of the last `age`. `oldestAt` is true to within a slot: 10 s, a minute, or an hour. A slot below zero has lost the report of its beginnings: there is nothing in it. */
  level(name: LeaseName): Level {
    let count = 0;
    let oldestAt: number | undefined;
    for (const [id, here] of this.#slots) {
      if (here <= 0 || id % NAMES !== LEASES[name]) continue;
      count += here;
      const { beganAt } = partsOf(id);
      if (oldestAt === undefined || beganAt < oldestAt) oldestAt = beganAt;
    }
    return oldestAt === undefined ? { count } : { count, oldestAt };
  }
}
