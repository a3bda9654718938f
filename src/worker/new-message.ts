/** A send as its sender wrote it becomes a message as the Mailbox takes it (S). */
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { type SendBody, sendHeaders } from "../protocol/http.ts";
import { canonicalJson } from "../protocol/i-json.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { NewMessage } from "../protocol/message.ts";
import { checkHeaders } from "./checked-input.ts";
import { hex } from "./mailbox-stub.ts";

/** Headers that are other names of body fields. */
const ALIASES = [
  ["Idempotency-Key", "id"],
  ["TTL", "ttl"],
  ["Topic", "topic"],
] as const;

/** A structured-field string (RFC 8941, section 3.3.3), as the Idempotency-Key draft writes it. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const unquoted = (text: string): string => QUOTED.exec(text)?.[1]?.replace(/\\(["\\])/g, "$1") ?? text;

/** The body with what its headers add; 400 where they differ. */
export const withHeaders = (body: SendBody, headers: Headers): Checked<SendBody> => {
  const present: Record<string, string> = {};
  for (const [header] of ALIASES) {
    const value = headers.get(header);
    if (value === null) continue;
    // Two headers of one name arrive as one, joined by a comma.
    if (value.includes(",") && !QUOTED.test(value)) {
      return refuse("invalid_request", `Send one header ${header}; a comma in it goes into quotes, or into the body.`);
    }
    present[header] = header === "TTL" ? value : unquoted(value);
  }
  if (Object.keys(present).length === 0) return granted(body);
  const named = checkHeaders(sendHeaders, present);
  if (!named.ok) return named;
  for (const [header, field] of ALIASES) {
    if (named.value[header] !== undefined && body[field] !== undefined && named.value[header] !== body[field]) {
      return refuse("invalid_request", `The header ${header} and the body's ${field} differ: give one of them.`);
    }
  }
  const { "Idempotency-Key": id = body.id, TTL: ttl = body.ttl, Topic: topic = body.topic } = named.value;
  return granted({ ...body, id, ttl, topic });
};

/** Where a request has several messages, a header that says something of one is meant for none of them (S9). */
export const refuseHeaders = (headers: Headers): Refusal | undefined => {
  const alias = ALIASES.find(([header]) => headers.has(header));
  if (alias === undefined) return undefined;
  const [header, field] = alias;
  return refuse("invalid_request", `The header ${header} is of one message: give each of a batch its \`${field}\`.`);
};

/** W3C Trace Context, section 3.2.2; one that is not well formed is no one's, and is left out (section 4.3). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** `traceparent`: of the request, or of the RPC; it travels with the message to the clients. */
export const newMessage = async (body: SendBody, traceparent?: string | null): Promise<Checked<NewMessage>> => {
  const { type, data, id, topic, ttl } = body;
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
    ...(id === undefined ? {} : { id, digest: await digestOf({ type, data }) }),
    ...(topic === undefined ? {} : { topic }),
    ...(ttl === undefined ? {} : { ttlMs: ttlMsOf(ttl) }),
    ...(typeof traceparent === "string" && TRACEPARENT.test(traceparent) ? { traceparent } : {}),
  });
};

/** Whole milliseconds; only 0 itself is 0, which would mean: never stored. */
export const ttlMsOf = (seconds: number): number => Math.min(Math.ceil(seconds * 1_000), LIMITS.ttlMaxMs);

const encoder = new TextEncoder();

/**
 * Tells the same content from other (S4), whatever the order of its keys. It is stored: releases must agree on it. Half
 * of a SHA-256 is plenty against a sender who could only deceive itself.
 */
const digestOf = async (content: { readonly type: string; readonly data: unknown }): Promise<string> => {
  const { type, data } = content;
  const text = canonicalJson(data === undefined ? { type } : { type, data });
  return hex(await crypto.subtle.digest("SHA-256", encoder.encode(text))).slice(0, 32);
};
