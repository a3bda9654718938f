/**
 * The same numbers for Workers Analytics Engine, where `ANALYTICS` is bound to one of its datasets (M2): what has come to this Monitor since it last
 * wrote, a data point for each number. README has the SQL.
 *
 * `index1` is the Monitor, `blob1` the number's name. Of a counter `double1` is how many; of a time `double1` is how many took `double2`
 * milliseconds, true to 5 %; of what is held or open now `double1` is how much, and `double2` the oldest's age in seconds.
 */
import { COUNTER_NAMES, COUNTERS, COUNTS_END, SUM, TIMING_NAMES, TIMINGS } from "../measures/catalogue.ts";
import { estimateMs } from "../measures/histogram.ts";
import type { Level } from "../protocol/monitor-api.ts";
import type { Environment } from "../settings/environment.ts";

/** As the platform binds it. */
export interface Dataset {
  writeDataPoint(point: { readonly indexes: string[]; readonly blobs: string[]; readonly doubles: number[] }): void;
}

/** The platform takes 250 in one invocation; what is left comes with the next. */
const POINTS_MAX = 200;

export class Analytics {
  readonly #dataset: Dataset;
  readonly #monitor: string;
  readonly #pending = new Map<number, number>();

  constructor(dataset: Dataset, monitor: string) {
    this.#dataset = dataset;
    this.#monitor = monitor;
  }

  /** `pairs` as a report has them. */
  add(pairs: readonly number[]): void {
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const [id, count] = [pairs[at] as number, pairs[at + 1] as number];
      if (id < COUNTS_END && pointOf(id) !== undefined) this.#pending.set(id, (this.#pending.get(id) ?? 0) + count);
    }
  }

  write(levels: { readonly held: Level; readonly open: Level }, now: number): void {
    const age = ({ oldestAt }: Level) => (oldestAt === undefined ? 0 : Math.max(0, now - oldestAt) / 1_000);
    this.#point("held_messages", [levels.held.count, age(levels.held)]);
    this.#point("open_connections", [levels.open.count, age(levels.open)]);
    for (const [id, count] of [...this.#pending].slice(0, POINTS_MAX - 2)) {
      this.#pending.delete(id);
      const { name, ms } = pointOf(id) as Point;
      this.#point(name, ms === undefined ? [count] : [count, ms]);
    }
  }

  #point(name: string, doubles: number[]): void {
    this.#dataset.writeDataPoint({ indexes: [this.#monitor], blobs: [name], doubles });
  }
}

interface Point {
  readonly name: string;
  readonly ms?: number;
}

const COUNTER_POINTS = new Map<number, Point>(COUNTER_NAMES.map((name) => [COUNTERS[name].id, { name }]));

/** Undefined for what another release measures, and for sums of times, which the points of times yield. */
const pointOf = (id: number): Point | undefined => {
  const counter = COUNTER_POINTS.get(id);
  if (counter !== undefined) return counter;
  const name = TIMING_NAMES.find((timing) => id >= TIMINGS[timing].id && id < TIMINGS[timing].id + SUM);
  return name === undefined ? undefined : { name, ms: estimateMs(id - TIMINGS[name].id) };
};

/** Undefined where nothing is bound, or something else. */
export const datasetOf = (env: Environment): Dataset | undefined => {
  const bound = env.ANALYTICS;
  const isDataset = typeof bound === "object" && bound !== null && "writeDataPoint" in bound;
  return isDataset ? (bound as Dataset) : undefined;
};
