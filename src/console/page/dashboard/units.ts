/** Numbers as people read them: with their unit, and with no more digits than are true. */
import { count, NBSP } from "../parts/amount.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const DURATIONS = [
  [DAY_MS, "d"],
  [HOUR_MS, "h"],
  [MINUTE_MS, "min"],
  [SECOND_MS, "s"],
  [1, "ms"],
] as const;

/** One decimal below ten: a percentile is true to 5 %. */
const short = (value: number): string => String(value < 9.95 ? Math.round(value * 10) / 10 : Math.round(value));

/** `4.2 ms`, `3 min`, `2.1 d`. */
export const duration = (ms: number): string => {
  // What rounds up to the next unit is told in it: never `60 s`.
  const [size, unit] = DURATIONS.find(([size]) => ms >= size * 0.995) ?? [1, "ms"];
  return `${short(ms / size)}${NBSP}${unit}`;
};

/** A percentile: the first bucket takes all up to 1 ms (`measures/histogram.ts`). */
export const percentile = (ms: number): string => (ms <= 1 ? `≤${NBSP}1${NBSP}ms` : duration(ms));

const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** `12.3K`, for an axis. */
export const compact = (value: number): string => COMPACT.format(value);

/** `0.4/s`. */
export const rate = (perSecond: number): string =>
  `${perSecond >= 100 ? count(perSecond) : String(Number(perSecond.toPrecision(2)))}/s`;

const hundredths = (share: number, round: (value: number) => number): string =>
  // A share that is a decimal is no whole number of hundredths in binary.
  `${round(Number((share * 10_000).toFixed(6))) / 100}${NBSP}%`;

/** A share that should be whole: 100 % only where nothing is missing. */
export const success = (share: number): string => hundredths(share, Math.floor);

/** A share that should be nothing: 0 % only where there is nothing. */
export const failure = (share: number): string => hundredths(share, Math.ceil);

/** Instants, in the zone of whoever looks: the hour alone where the day is today's. */
export class Clock {
  readonly #time: Intl.DateTimeFormat;
  readonly #minute: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;
  readonly #dayName: Intl.DateTimeFormat;
  readonly zone: string;

  constructor(zone = Intl.DateTimeFormat().resolvedOptions().timeZone) {
    const hour = { timeZone: zone, hourCycle: "h23", hour: "2-digit", minute: "2-digit" } as const;
    this.zone = zone;
    this.#time = new Intl.DateTimeFormat("en-GB", { ...hour, second: "2-digit" });
    this.#minute = new Intl.DateTimeFormat("en-GB", hour);
    this.#day = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" });
    this.#dayName = new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", day: "numeric" });
  }

  /** `03:41:05`; with the day before it where that is another than `now`'s. */
  instant(at: number, now: number): string {
    const time = this.#time.format(at);
    return this.#day.format(at) === this.#day.format(now) ? time : `${this.#day.format(at)}, ${time}`;
  }

  minute(at: number): string {
    return this.#minute.format(at);
  }

  day(at: number): string {
    return this.#dayName.format(at);
  }
}
