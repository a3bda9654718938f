/** An instant on the wire: RFC 3339 in UTC with milliseconds, from milliseconds since the Unix epoch. */
export const rfc3339 = (instantMs: number): string => {
  // What is accepted in one turn bears one instant, and formatting it is not for nothing.
  if (instantMs !== lastMs) {
    lastText = new Date(instantMs).toISOString();
    lastMs = instantMs;
  }
  return lastText;
};

let lastMs = Number.NaN;
let lastText = "";
