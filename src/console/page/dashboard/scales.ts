/** Where an axis ends and what is written on it: round numbers, from zero. */
import type { Range } from "../../../protocol/monitor-api.ts";

export interface Scale {
  readonly bottom: number;
  readonly top: number;
  readonly ticks: readonly number[];
}

/** Steps of an axis, rising. */
export type Steps = readonly number[];

const decades = (from: number, to: number): Steps =>
  Array.from({ length: to - from + 1 }, (_, n) => [1, 2, 5].map((digit) => Number(`${digit}e${from + n}`))).flat();

export const DECIMAL: Steps = decades(-4, 9);
export const WHOLE: Steps = decades(0, 12);

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Milliseconds, in steps that are round in the unit that they are told in. */
export const TIME: Steps = [
  ...decades(0, 2),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * SECOND_MS),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * MINUTE_MS),
  ...[1, 2, 4, 8, 12].map((n) => n * HOUR_MS),
  ...[1, 2, 5, 10].map((n) => n * DAY_MS),
];

/** More lines than that say less. */
const LINES = 3;

/** From zero to above `max`, and at least to `least`. */
export const linear = (steps: Steps, least: number) => {
  return (max: number): Scale => {
    const most = Math.max(max, least);
    const step = steps.find((step) => most / step <= LINES) ?? most / LINES;
    // 0.3 / 0.1 is more than 3.
    const lines = Math.ceil(Number((most / step).toFixed(6)));
    const ticks = Array.from({ length: lines + 1 }, (_, n) => Number((n * step).toPrecision(12)));
    return { bottom: 0, top: step * lines, ticks };
  };
};

const LOG_TICKS = [
  ...[1, 10, 100, SECOND_MS, 10 * SECOND_MS, MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 10 * HOUR_MS],
  ...[DAY_MS, 7 * DAY_MS, 30 * DAY_MS],
];

/** Times from a millisecond up, each line some ten times the one below: a wait may be of milliseconds or of days. */
export const logarithmic = (max: number): Scale => {
  const end = LOG_TICKS.findIndex((tick) => tick >= Math.max(max, SECOND_MS));
  const all = end < 0 ? LOG_TICKS : LOG_TICKS.slice(0, end + 1);
  const every = Math.ceil((all.length - 1) / (LINES + 1));
  const ticks = all.filter((_, n) => (all.length - 1 - n) % every === 0);
  return { bottom: 1, top: all.at(-1) as number, ticks };
};

/** Round instants of the zone of whoever looks, in Unix milliseconds, at most `most` of them. */
export const instants = (range: Range, from: number, to: number, most: number): readonly number[] => {
  const [unit, sizes] = INSTANTS[range];
  const all: number[] = [];
  const at = new Date(from);
  if (range === "7d") at.setHours(0, 0, 0, 0);
  else at.setMinutes(0, 0, 0);
  // Days are not all of 24 hours.
  const next = range === "7d" ? () => at.setDate(at.getDate() + 1) : () => at.setTime(at.getTime() + unit);
  for (; at.getTime() <= to; next()) if (at.getTime() >= from) all.push(at.getTime());
  const every = sizes.find((size) => all.length / size <= most) ?? all.length;
  // Those that are multiples of the larger step, too: 12:00 and 14:00, not 13:00 and 15:00.
  const first = range === "7d" ? 0 : all.findIndex((instant) => new Date(instant).getTime() % (unit * every) === 0);
  return all.filter((_, n) => n >= first && (n - Math.max(0, first)) % every === 0);
};

const INSTANTS: Readonly<Record<Range, readonly [unitMs: number, sizes: readonly number[]]>> = {
  "15m": [MINUTE_MS, [1, 2, 5, 10]],
  "6h": [HOUR_MS / 2, [1, 2, 4, 6]],
  "7d": [DAY_MS, [1, 2, 4]],
};
