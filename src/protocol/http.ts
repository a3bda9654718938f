/** The HTTP bodies and queries: what a request may say. Unknown fields are refused everywhere (the contract's limits). */
import * as v from "valibot";
import { ATTENTION_REASONS } from "./attention.ts";
import { isDevice, isSenderId, isTopic, isType, isUser, SHAPES, type Shape } from "./identifiers.ts";
import { LIMITS } from "./limits.ts";
import { LOCATIONS } from "./location.ts";
import { DEAD_LETTER_REASONS } from "./message.ts";
import { RANGES, type Range } from "./monitor-api.ts";

/** An object of exactly these fields; a fault says which there are. */
export const fields = <const E extends v.ObjectEntries>(entries: E) =>
  v.strictObject(entries, (issue) => {
    const known = Object.keys(entries).join(", ") || "none";
    if (issue.expected === "never") return `Unknown; known here: ${known}.`;
    return issue.expected === "Object" ? "A JSON object is needed." : "Required.";
  });

/** `shape` is the check once more, for whoever reads the schemas as JSON Schema. */
const text = (isWellFormed: (text: string) => boolean, rule: string, shape: Shape) =>
  v.pipe(v.string(rule), v.check(isWellFormed, rule), v.metadata({ ...shape }));

export const seconds = (rule: string) => v.pipe(v.number(rule), v.finite(rule));

const TYPE = "A text of 1 to 128 characters.";
const ID = "1 to 128 printable ASCII characters; the first is not ~, which marks the server's own ids.";
const TOPIC = "1 to 128 printable ASCII characters.";
const APPEND = "true, beside a topic and data that is a text.";
const TTL = "Seconds, from 0 on; 0 = never stored.";
const WHOLE_SECONDS = "Whole seconds.";
const TTL_PUBLISHED = "Seconds, above 0: what is never stored is sent by HTTP.";
const TTL_STORED = "Seconds, above 0.";
const FALLBACK = '{"after": seconds}, above 0; or null for none.';
const DEVICE = "1 to 64 of A-Z a-z 0-9 . _ ~ -";
const LOCATION = `One of ${LOCATIONS.join(", ")}.`;

export const location = v.optional(v.picklist(LOCATIONS, LOCATION));
export const ttlStored = v.optional(v.pipe(seconds(TTL_STORED), v.gtValue(0, TTL_STORED)));

const message = {
  type: text(isType, TYPE, SHAPES.type),
  data: v.optional(v.unknown()),
  id: v.optional(text(isSenderId, ID, SHAPES.senderId)),
  ttl: v.optional(v.pipe(seconds(TTL), v.minValue(0, TTL))),
  topic: v.optional(text(isTopic, TOPIC, SHAPES.topic)),
  append: v.optional(v.literal(true, APPEND)),
  fallback: v.optional(v.nullable(fields({ after: v.pipe(seconds(FALLBACK), v.gtValue(0, FALLBACK)) }))),
  location,
};
/** `POST /v1/users/{user}/messages` (S). */
export const sendBody = fields(message);
export type SendBody = v.InferOutput<typeof sendBody>;

export const BATCH = `A list of 1 to ${LIMITS.batchMaxMessages} messages.`;
const USER = `A user: 1 to ${LIMITS.userMaxBytes} bytes in UTF-8 without control characters, and not . or ..`;

/** `POST /v1/messages` (S9); each message is looked at by itself. */
export const batchBody = fields({
  messages: v.pipe(v.array(v.unknown(), BATCH), v.minLength(1, BATCH), v.maxLength(LIMITS.batchMaxMessages, BATCH)),
});
/** One message of a batch, or a line of it. */
export const batchMessage = fields({ to: text(isUser, USER, SHAPES.user), ...message });

const { location: _, ...publishable } = message;
/** One message of a publisher's frame (P2): it is stored in any case. */
export const publishedMessage = fields({
  ...publishable,
  ttl: v.optional(v.pipe(seconds(TTL_PUBLISHED), v.gtValue(0, TTL_PUBLISHED))),
});

/** Headers that are other names of a send's fields (S). */
export const sendHeaders = fields({
  "Idempotency-Key": v.optional(text(isSenderId, ID, SHAPES.senderId)),
  TTL: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[0-9]{1,10}$/, WHOLE_SECONDS),
      v.transform(Number),
      v.number(WHOLE_SECONDS),
      v.integer(),
    ),
  ),
  Topic: v.optional(text(isTopic, TOPIC, SHAPES.topic)),
});

/** `POST /v1/users/{user}/tokens` (U2). */
export const tokenBody = fields({
  ttl: ttlStored,
  device: v.optional(text(isDevice, DEVICE, SHAPES.device)),
  location,
});

/** Both requeues (D7). */
export const requeueBody = fields({ ttl: ttlStored });

const wholeNumber = (rule: string, min: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[0-9]{1,16}$/, rule),
    v.transform(Number),
    v.number(rule),
    v.safeInteger(rule),
    v.minValue(min, rule),
  );
export const SEQ = "A seq: a whole number from 0 on.";
export const LIMIT = `A whole number from 1 on; above ${LIMITS.pageMax} it is granted ${LIMITS.pageMax}.`;
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
export const RANGE = "15m, 6h or 7d.";
/** `GET /v1/monitor` (M1). */
export const monitorQuery = fields({ range: v.optional(v.picklist(Object.keys(RANGES) as Range[], RANGE), "15m") });
/** Every route of the backend plane (S12). */
export const placedQuery = fields({ location });
export const pageQuery = fields({ ...page, location });
export const deadLettersQuery = fields({ ...page, reason, location });
export const reasonQuery = fields({ reason, location });

const ATTENTION = `One of ${ATTENTION_REASONS.join(", ")}.`;
const CURSOR = "The `next` of the page before.";
export const attentionCursor = v.optional(
  v.pipe(
    v.string(CURSOR),
    v.regex(/^[0-9]{1,16}\.[0-9a-f]{64}$/, CURSOR),
    v.transform((text) => ({ since: Number(text.split(".")[0]), mailbox: text.split(".")[1] ?? "" })),
  ),
);
/** `GET /v1/attention` (N4). */
export const attentionQuery = fields({
  reason: v.optional(v.picklist(ATTENTION_REASONS, ATTENTION)),
  after: attentionCursor,
  limit: page.limit,
});

const INSTANT = "A time by RFC 3339, such as 2026-11-23T02:10:00Z.";
const instant = v.optional(
  v.pipe(
    v.string(INSTANT),
    v.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/, INSTANT),
    v.transform((text) => Date.parse(text)),
    v.number(INSTANT),
    v.finite(INSTANT),
  ),
);
export const bulkRange = { reason, since: instant, until: instant };
/** Both jobs over all users (N5): which dead letters. */
export const bulkQuery = fields({
  ...bulkRange,
  all: v.optional(v.literal("true", "true, where no other says which.")),
});

const MS = "Milliseconds, from 0 on.";

/** `GET /v1/socket` and `GET /v1/events` (C). */
export const socketQuery = fields({
  access_token: v.optional(v.string()),
  device: v.optional(text(isDevice, DEVICE, SHAPES.device)),
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
    v.pipe(
      v.string(),
      v.regex(/^[0-9]{1,12}(?:\.[0-9]{1,12})?$/, MS),
      v.transform(Number),
      v.number(MS),
      v.minValue(0),
    ),
  ),
});
export type SocketQuery = v.InferOutput<typeof socketQuery>;

/** What an `EventSource` sends when it comes back: the last `id` that it has seen (C10). */
export const eventsHeaders = fields({ "Last-Event-ID": v.optional(wholeNumber(SEQ, 0)) });

const REASON = `A text of at most ${LIMITS.rejectReasonMaxChars} characters.`;
const seq = v.pipe(v.number(SEQ), v.safeInteger(SEQ), v.minValue(0, SEQ));

/** A user token where there is no other parameter (A3). */
export const tokenQuery = fields({ access_token: v.optional(v.string()) });
/** `POST /v1/connections/{connection_id}/ack` (C5, C10). */
export const ackBody = fields({ seq, checkpoint: v.optional(seq) });
/** `POST /v1/connections/{connection_id}/reject` (C6, C10). */
export const rejectBody = fields({
  seq,
  reason: v.pipe(v.string(REASON), v.maxLength(LIMITS.rejectReasonMaxChars, REASON)),
});
