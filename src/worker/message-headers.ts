/** What the headers of a send say of its message (S). */
import { type Checked, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { type SendBody, sendHeaders } from "../protocol/http.ts";
import { checkHeaders } from "./checked-input.ts";

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
