/** An instant on the wire: RFC 3339 in UTC with milliseconds, from milliseconds since the Unix epoch. */
export const rfc3339 = (instantMs: number): string => {
  // Formatting is not for nothing, and what is accepted in one turn bears two instants: when it was, and when it expires.
  if (instantMs === last.instantMs) return last.text;
  [last, beforeLast] = [beforeLast, last];
  if (instantMs !== last.instantMs) last = { instantMs, text: new Date(instantMs).toISOString() };
  return last.text;
};

let last = { instantMs: Number.NaN, text: "" };
let beforeLast = last;
