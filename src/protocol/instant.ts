/** An instant on the wire: RFC 3339 in UTC with milliseconds, from milliseconds since the Unix epoch. */
export const rfc3339 = (instantMs: number): string => new Date(instantMs).toISOString();
