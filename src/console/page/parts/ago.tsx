/** An instant, as far from now as it is. */
import { signal } from "@preact/signals";

/** In Unix milliseconds; it ticks while somebody looks. */
export const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1_000);

export const Ago = ({ at }: { readonly at: string }) => {
  const instant = new Date(at);
  return (
    <time dateTime={at} title={`${instant.toLocaleString()} (${at})`}>
      {distance(instant.getTime() - now.value)}
    </time>
  );
};

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

const distance = (ms: number): string => {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(ms) >= length) ?? ["s", 1_000];
  const count = Math.floor(Math.abs(ms) / length);
  // The clocks of two machines differ by a little.
  if (count === 0) return "now";
  return ms < 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
};

/** Of a day: for lines that come one after another. */
export const Clock = ({ at }: { readonly at: string }) => {
  const instant = new Date(at);
  const ms = String(instant.getMilliseconds()).padStart(3, "0");
  return (
    <time dateTime={at} title={at}>
      {instant.toLocaleTimeString([], { hour12: false })}.{ms}
    </time>
  );
};
