/** A connection's frames as Server-Sent Events (WHATWG HTML, section 9.2; C10). A frame's text has no line break: it is one line of data. */
import { ERRORS } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** What of a frame decides how it is written. */
export interface SentFrame {
  readonly type: string;
  readonly seq?: number;
  readonly messages?: readonly { readonly seq: number }[];
  readonly heartbeat_ms?: number;
}

/** `id` is what a reader comes back with: what it has got up to there, it has. Other frames leave that as it is. */
export const frameEvent = (frame: SentFrame, text: string): string => {
  const id = frame.seq ?? frame.messages?.at(-1)?.seq;
  return `event: ${frame.type}\n${id === undefined ? "" : `id: ${id}\n`}data: ${text}\n\n`;
};

/** A Mailbox that is lost says no code: this is what a socket's reader sees then (RFC 6455, section 7.1.5). */
export const LOST = 1006;

/** Finds readers that are gone without a word, and tells the others that the stream lives. */
export const KEEP_ALIVE = ":\n\n";

/** After a deploy all readers come back at once: this spreads them. */
const RETRY_MIN_MS = 1_000;
const RETRY_SPREAD_MS = 2_000;
/** Where coming back changes nothing: by then the token that the reader would bring has ended. */
const STAY_AWAY_MS = LIMITS.tokenTtlMaxMs;

/** How soon an `EventSource` comes back by itself. `chance` is from 0 to 1. */
export const retryField = (chance: number): string => `retry: ${Math.round(RETRY_MIN_MS + chance * RETRY_SPREAD_MS)}\n`;

/** A protocol without close frames says the end so, and then ends. The runtime has words of its own for a lost socket. */
export const closeEvent = (code: number, reason: string, chance: number): string => {
  const retry = STAY_AWAY.has(code) ? `retry: ${STAY_AWAY_MS}\n` : retryField(chance);
  return `event: close\n${retry}data: ${JSON.stringify({ code, reason: code === LOST ? "" : reason })}\n\n`;
};

const STAY_AWAY: ReadonlySet<number | undefined> = new Set(
  Object.values(ERRORS).flatMap(({ close, retry }) => (retry === "no" ? close : [])),
);
