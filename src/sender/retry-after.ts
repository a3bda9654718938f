/** `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. */
export const retryAfterMs = (headers: { get(name: string): string | null }): number | undefined => {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^[0-9]{1,10}$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  if (Number.isNaN(at)) return undefined;
  // A date is one of the server's clock, which says itself what it shows.
  const now = Date.parse(headers.get("date") ?? "");
  return Math.max(0, at - (Number.isNaN(now) ? Date.now() : now));
};
