/** What all Monitors know, merged: how the deployment as a whole is doing. Nothing depends on how many there are. */
import {
  type Level,
  type Levels,
  NAMED_MAX,
  type Named,
  RANGES,
  type Range,
  type Reading,
} from "../protocol/monitor-api.ts";
import { Tally } from "./tally.ts";

/** A slot of all of them; `held` and `open` as they were at its end. */
export interface Moment {
  /** Its beginning, in Unix milliseconds. */
  readonly at: number;
  readonly tally: Tally;
  readonly held: Level;
  readonly open: Level;
  readonly failed: Named;
}

export interface Deployment {
  /** All that was ever reported. */
  readonly total: Tally;
  readonly held: Level;
  readonly open: Level;
  readonly waiting: number;
  /** Every slot of the range, in order, the one that is running last. */
  readonly moments: readonly Moment[];
}

const NOTHING: Level = { count: 0 };

export const merged = (readings: readonly Reading[], range: Range, now: number): Deployment => {
  const total = new Tally();
  for (const { pairs } of readings) total.add(pairs);
  const { slotMs, slots } = RANGES[range];
  const last = Math.floor(now / slotMs) * slotMs;
  const perMonitor = readings.map((reading) => ({
    reading,
    bySlot: new Map(reading.slots.map((slot) => [slot.at, slot])),
  }));
  // What a Monitor last said holds until it says something else.
  const levels = readings.map((reading): Levels => reading.before ?? reading.slots[0] ?? reading);
  const moments = Array.from({ length: slots }, (_, n): Moment => {
    const at = last - (slots - 1 - n) * slotMs;
    const here = perMonitor.flatMap(({ bySlot }, monitor) => {
      const slot = bySlot.get(at);
      if (slot !== undefined) levels[monitor] = slot;
      return slot ?? [];
    });
    const tally = new Tally();
    for (const { pairs } of here) tally.add(pairs);
    // What is there now is known better than what there was when somebody last reported.
    const known = at === last ? readings : levels;
    return {
      at,
      tally,
      held: sum(known.map(({ held }) => held)),
      open: sum(known.map(({ open }) => open)),
      failed: allNamed(here.map(({ failed = {} }) => failed)),
    };
  });
  return {
    total,
    held: sum(readings.map(({ held }) => held)),
    open: sum(readings.map(({ open }) => open)),
    waiting: readings.reduce((count, { waiting }) => count + waiting, 0),
    moments,
  };
};

/** The last of them, as one. */
export const over = (moments: readonly Moment[], since: number): Tally => {
  const tally = new Tally();
  for (const moment of moments) if (moment.at >= since) tally.add(moment.tally.pairs());
  return tally;
};

const sum = (levels: readonly Level[]): Level =>
  levels.reduce((all, { count, oldestAt }): Level => {
    const oldest = Math.min(all.oldestAt ?? Number.POSITIVE_INFINITY, oldestAt ?? Number.POSITIVE_INFINITY);
    return { count: all.count + count, ...(Number.isFinite(oldest) ? { oldestAt: oldest } : {}) };
  }, NOTHING);

export const allNamed = (named: readonly Named[]): Named => {
  const all = new Map<string, Set<string>>();
  for (const one of named) {
    for (const [what, names] of Object.entries(one)) {
      const known = all.get(what) ?? new Set();
      for (const name of names) if (known.size < NAMED_MAX) known.add(name);
      all.set(what, known);
    }
  }
  return Object.fromEntries([...all].map(([what, names]) => [what, [...names]]));
};
