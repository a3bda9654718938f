/** `Prefer: wait=N` (RFC 7240), with decimals (S3, U1). */
import { LIMITS } from "../protocol/limits.ts";

// A preference is what stands between commas outside of quotes.
const PREFERENCES = /(?:"(?:[^"\\]|\\.)*"|[^,"])+/g;
const WAIT = /^\s*wait\s*(?:=\s*(?:"([^"]*)"|([^\s;"]*))\s*)?(?:;|$)/i;
/** Nobody means a longer header, and the patterns above take quadratic time over some texts. */
const MAX_CHARS = 1_024;
const SECONDS = /^[0-9]+(?:\.[0-9]+)?$/;

/** How long a reply may be held, in milliseconds; undefined where no wait is asked for, or not in a way one can read. */
export const preferredWaitMs = (headers: Headers): number | undefined => {
  const prefer = headers.get("prefer");
  if (prefer === null || prefer.length > MAX_CHARS) return undefined;
  // Of several the first counts (section 2).
  const wait = prefer
    .match(PREFERENCES)
    ?.map((preference) => WAIT.exec(preference))
    .find((match) => match !== null);
  const seconds = wait?.[1] ?? wait?.[2] ?? "";
  if (!SECONDS.test(seconds)) return undefined;
  return Math.min(Math.round(Number(seconds) * 1_000), LIMITS.waitMaxMs);
};

/** Tells the caller what was granted. */
export const preferenceApplied = (waitMs: number | undefined): Readonly<Record<string, string>> =>
  waitMs === undefined ? {} : { "preference-applied": `wait=${waitMs / 1_000}` };
