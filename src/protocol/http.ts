/** The HTTP bodies and queries: what a request may say. Unknown fields are refused everywhere (the contract's limits). */
import * as v from "valibot";
import { isDevice, isSenderId, isTopic, isType } from "./identifiers.ts";
import { LIMITS } from "./limits.ts";
import { DEAD_LETTER_REASONS } from "./message.ts";

/** Cloudflare's location hints (S12). */
export const LOCATIONS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const;
export type Location = (typeof LOCATIONS)[number];

const fields = <const E extends v.ObjectEntries>(entries: E) =>
  v.strictObject(entries, (issue) => {
    const known = Object.keys(entries).join(", ") || "none";
    if (issue.expected === "never") return `Unknown; known here: ${known}.`;
    return issue.expected === "Object" ? "A JSON object is needed." : "Required.";
  });

const text = (isWellFormed: (text: string) => boolean, rule: string) =>
  v.pipe(v.string(rule), v.check(isWellFormed, rule));

const seconds = (rule: string) => v.pipe(v.number(rule), v.finite(rule));

const TYPE = "A text of 1 to 128 characters.";
const ID = "1 to 128 printable ASCII characters; the first is not ~, which marks the server's own ids.";
const TOPIC = "1 to 128 printable ASCII characters.";
const TTL = "Seconds, from 0 on; 0 = never stored.";
const TTL_STORED = "Seconds, above 0.";
const DEVICE = "1 to 64 of A-Z a-z 0-9 . _ ~ -";
const LOCATION = `One of ${LOCATIONS.join(", ")}.`;

const location = v.optional(v.picklist(LOCATIONS, LOCATION));
const ttlStored = v.optional(v.pipe(seconds(TTL_STORED), v.gtValue(0, TTL_STORED)));

/** `POST /v1/users/{user}/messages` (S). */
export const sendBody = fields({
  type: text(isType, TYPE),
  data: v.optional(v.unknown()),
  id: v.optional(text(isSenderId, ID)),
  ttl: v.optional(v.pipe(seconds(TTL), v.minValue(0, TTL))),
  topic: v.optional(text(isTopic, TOPIC)),
  location,
});
export type SendBody = v.InferOutput<typeof sendBody>;

/** Headers that are other names of a send's fields (S). */
export const sendHeaders = fields({
  "Idempotency-Key": v.optional(text(isSenderId, ID)),
  TTL: v.optional(v.pipe(v.string(), v.regex(/^[0-9]{1,10}$/, "Whole seconds."), v.transform(Number))),
  Topic: v.optional(text(isTopic, TOPIC)),
});

/** `POST /v1/users/{user}/tokens` (U2). */
export const tokenBody = fields({ ttl: ttlStored, device: v.optional(text(isDevice, DEVICE)), location });

/** Both requeues (D7). */
export const requeueBody = fields({ ttl: ttlStored });

const wholeNumber = (rule: string, min: number) =>
  v.pipe(v.string(), v.regex(/^[0-9]{1,16}$/, rule), v.transform(Number), v.safeInteger(rule), v.minValue(min, rule));
const SEQ = "A seq: a whole number from 0 on.";
const LIMIT = `A whole number from 1 on; above ${LIMITS.pageMax} it is granted ${LIMITS.pageMax}.`;
const WINDOW = `A whole number from 1 on; above ${LIMITS.windowMaxMessages} it is granted ${LIMITS.windowMaxMessages}.`;

const page = {
  after: v.optional(wholeNumber(SEQ, 0), "0"),
  limit: v.optional(
    v.pipe(
      wholeNumber(LIMIT, 1),
      v.transform((limit) => Math.min(limit, LIMITS.pageMax)),
    ),
    String(LIMITS.pageDefault),
  ),
};
const reason = v.optional(v.picklist(DEAD_LETTER_REASONS, `One of ${DEAD_LETTER_REASONS.join(", ")}.`));

export const noQuery = fields({});
/** Every route of the backend plane (S12). */
export const placedQuery = fields({ location });
export const pageQuery = fields({ ...page, location });
export const deadLettersQuery = fields({ ...page, reason, location });
export const reasonQuery = fields({ reason, location });

/** `GET /v1/socket` (C). */
export const socketQuery = fields({
  access_token: v.optional(v.string()),
  device: v.optional(text(isDevice, DEVICE)),
  window: v.optional(
    v.pipe(
      wholeNumber(WINDOW, 1),
      v.transform((window) => Math.min(window, LIMITS.windowMaxMessages)),
    ),
    String(LIMITS.windowMaxMessages),
  ),
  after: v.optional(wholeNumber(SEQ, 0)),
  attempt: v.optional(wholeNumber("A whole number from 0 on.", 0)),
  connect_ms: v.optional(
    v.pipe(v.string(), v.regex(/^[0-9]{1,12}(?:\.[0-9]{1,12})?$/, "Milliseconds, from 0 on."), v.transform(Number)),
  ),
});
export type SocketQuery = v.InferOutput<typeof socketQuery>;
