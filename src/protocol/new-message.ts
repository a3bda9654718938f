/** A send as its sender wrote it, in whatever form, becomes a message as the Mailbox takes it (S). */
import { badBody } from "./checked-body.ts";
import { type Checked, granted, refuse } from "./errors.ts";
import type { SendBody } from "./http.ts";
import { canonicalJson } from "./i-json.ts";
import { utf8Bytes } from "./identifiers.ts";
import { LIMITS } from "./limits.ts";
import type { NewMessage } from "./message.ts";
import { sha256 } from "./sha256.ts";

/** W3C Trace Context, section 3.2.2; one that is not well formed is no one's, and is left out (section 4.3). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** `traceparent`: of the request, or of the RPC; it travels with the message to the clients. */
export const newMessage = (body: SendBody, traceparent?: string | null): Checked<NewMessage> => {
  const { type, data, id, topic, ttl, append, fallback } = body;
  if (append && (topic === undefined || typeof data !== "string")) {
    return badBody(
      [{ pointer: "/append", detail: "What is appended has a topic, and data that is a text." }],
      "message",
    );
  }
  if (fallback && ttl === 0) {
    return badBody([{ pointer: "/fallback", detail: "What is never stored (ttl 0) has no fallback." }], "message");
  }
  const text = data === undefined ? undefined : JSON.stringify(data);
  const bytes = utf8Bytes(`{"type":${JSON.stringify(type)}${text === undefined ? "" : `,"data":${text}`}}`);
  if (bytes > LIMITS.messageMaxBytes) {
    return refuse(
      "message_too_large",
      `A message has at most ${LIMITS.messageMaxBytes} bytes as {"type","data"}; this one has ${bytes}. Send a reference to what is large.`,
    );
  }
  return granted({
    type,
    bytes,
    ...(text === undefined ? {} : { data: text }),
    ...(id === undefined ? {} : { id, digest: digestOf(body) }),
    ...(topic === undefined ? {} : { topic }),
    ...(append ? { append } : {}),
    ...(fallback === undefined ? {} : { fallbackMs: fallback === null ? null : ttlMsOf(fallback.after) }),
    ...(ttl === undefined ? {} : { ttlMs: ttlMsOf(ttl) }),
    ...(typeof traceparent === "string" && TRACEPARENT.test(traceparent) ? { traceparent } : {}),
  });
};

/** Whole milliseconds; only 0 itself is 0, which would mean: never stored. */
export const ttlMsOf = (seconds: number): number => Math.min(Math.ceil(seconds * 1_000), LIMITS.ttlMaxMs);

/**
 * Tells the same content from other (S4), whatever the order of its keys. It is stored: releases must agree on it. Half
 * of a SHA-256 is plenty against a sender who could only deceive itself.
 */
const digestOf = ({ type, data }: Pick<SendBody, "type" | "data">): string =>
  sha256(canonicalJson(data === undefined ? { type } : { type, data })).slice(0, 32);
