/** Times and spans as a person writes and reads them. */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** `90s`, `15m`, `2h`, `7d`, `1h30m` in milliseconds; undefined where it is none. */
const spanMs = (text: string): number | undefined => {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS_MS[unit ?? ""] ?? 0),
    0,
  );
};

/** A span as the API takes it: a number of seconds, or `15m` and its like; undefined where it is neither. */
export const secondsOf = (text: string): number | undefined => {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const ms = spanMs(text);
  return ms === undefined ? undefined : ms / 1_000;
};

const CLOCK = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;
const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?))?(Z|[+-]\d{2}:\d{2})?$/;

/**
 * An instant: `02:10`, the last time that the clock here showed it; `15m`, so long ago; a date, or a date and time, local unless it
 * says its zone. After `from`, a clock's time is the first one after that. Undefined where it is none of these.
 */
export const instantOf = (text: string, now: Date, from?: Date): Date | undefined => {
  const ms = spanMs(text);
  if (ms !== undefined) return new Date(now.getTime() - ms);
  const clock = CLOCK.exec(text);
  if (clock !== null) {
    const shown = [0, 1, 2].flatMap((days) => shownAt(clock, from ?? now, from === undefined ? -days : days));
    return from === undefined
      ? shown.filter((at) => at <= now).reduce((a, b) => (a > b ? a : b))
      : shown.filter((at) => at >= from).reduce((a, b) => (a < b ? a : b));
  }
  const date = DATE.exec(text);
  if (date === null) return undefined;
  const [, year, month, day, time = "00:00", zone = ""] = date;
  // A 31st of November would be the 1st of December.
  if (new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() !== Number(day)) return undefined;
  const at = new Date(`${year}-${month}-${day}T${time}${zone}`);
  return Number.isNaN(at.getTime()) ? undefined : at;
};

/** When the clock here shows a time, so many days from `day`: never where it is set forward past it, twice where it is set back before it. */
const shownAt = (clock: RegExpExecArray, day: Date, days: number): readonly Date[] => {
  const [hours = 0, minutes = 0, seconds = 0] = [clock[1], clock[2], clock[3] ?? 0].map(Number);
  const isShown = (at: Date): boolean => at.getHours() === hours && at.getMinutes() === minutes;
  const first = new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, hours, minutes, seconds);
  const setBackMs = (new Date(first.getTime() + 3 * HOUR_MS).getTimezoneOffset() - first.getTimezoneOffset()) * 60_000;
  const again = setBackMs > 0 ? [new Date(first.getTime() + setBackMs)] : [];
  return [first, ...again].filter(isShown);
};

/** The nearest of one number and one unit: `45s`, `12m`, `3h`, `9d`. */
export const spanText = (ms: number): string => {
  const [seconds, minutes, hours] = [1_000, 60_000, 3_600_000].map((unit) => Math.round(ms / unit));
  if (seconds !== undefined && seconds < 60) return `${seconds}s`;
  if (minutes !== undefined && minutes < 60) return `${minutes}m`;
  if (hours !== undefined && hours < 48) return `${hours}h`;
  return `${Math.round(ms / DAY_MS)}d`;
};

/** How long ago, or how soon, an RFC 3339 time is. */
export const age = (time: string | undefined, now = Date.now()): string => {
  if (time === undefined) return "";
  const ms = now - Date.parse(time);
  if (Math.abs(ms) < 1_000) return "just now";
  return ms > 0 ? `${spanText(ms)} ago` : `in ${spanText(-ms)}`;
};

/** An instant by the clock here, with the day where it is not today's. */
export const clockText = (at: Date, now = new Date()): string => {
  const two = (n: number) => String(n).padStart(2, "0");
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === now.toDateString()) return clock;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}`;
};
