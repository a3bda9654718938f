/** Amounts as people read them. */

/** Between a number and its unit: they stay on one line. */
export const NBSP = "\u00a0";

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `12,345`, to the last. */
export const count = (n: number): string => GROUPED.format(n);

/** A number of things: `1 message`, `2 messages`. */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)}${NBSP}${n === 1 ? one : many}`;

const STEPS = ["B", "kB", "MB", "GB"] as const;

export const size = (bytes: number): string => {
  const step = Math.min(STEPS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1_000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}${NBSP}${STEPS[step]}`;
};
