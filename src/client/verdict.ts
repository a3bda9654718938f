/** What to do after a connection's end (PROTOCOL.md, C11): the table of close codes, seen from the client. */

export type Verdict =
  /** Try again at once. */
  | "now"
  /** Try again after a wait. */
  | "later"
  /** Try again after a long wait. */
  | "far"
  /** Try once more with another token; where that ends in the same way, stop. */
  | "token"
  /** The same again would end in the same way. */
  | "stop";

const VERDICTS: Readonly<Record<number, Verdict>> = {
  1013: "far",
  4000: "now",
  4400: "stop",
  4401: "token",
  4403: "token",
  4409: "stop",
  4413: "stop",
};

export const verdictOf = (code: number, reason: string): Verdict =>
  // A token for somebody or something else: another one from the same source would be, too.
  reason === "token_mismatch" ? "stop" : (VERDICTS[code] ?? "later");

/** The close code that says the same as an HTTP error: what a client learns that can read a refused handshake. */
export const closeCodeOfStatus = (status: number): number => {
  if (status === 401 || status === 403) return 4000 + status;
  if (status === 429 || status === 503) return 1013;
  return status < 500 ? 4400 : 1011;
};
