/** What the methods of `SenderApi` and `OperatorApi` take beside a user and a message (S11): the queries and headers of HTTP, as numbers and texts. */
import * as v from "valibot";
import { ATTENTION_REASONS } from "./attention.ts";
import { attentionCursor, bulkRange, fields, LIMIT, location, RANGE, SEQ, seconds, ttlStored } from "./http.ts";
import { LIMITS } from "./limits.ts";
import { DEAD_LETTER_REASONS } from "./message.ts";
import { RANGES, type Range } from "./monitor-api.ts";

const WAIT = "Seconds, from 0 on.";
const REASON = `One of ${DEAD_LETTER_REASONS.join(", ")}.`;
const CHOICE = "One of seq, reason, and all: true.";

/** Read as milliseconds. */
const wait = v.optional(
  v.pipe(
    seconds(WAIT),
    v.minValue(0, WAIT),
    v.transform((wait) => Math.min(Math.round(wait * 1_000), LIMITS.waitMaxMs)),
  ),
);
const wholeNumber = (rule: string, min: number) => v.pipe(v.number(rule), v.safeInteger(rule), v.minValue(min, rule));
const page = {
  after: v.optional(wholeNumber(SEQ, 0), 0),
  limit: v.optional(
    v.pipe(
      wholeNumber(LIMIT, 1),
      v.transform((limit) => Math.min(limit, LIMITS.pageMax)),
    ),
    LIMITS.pageDefault,
  ),
};
const reason = v.optional(v.picklist(DEAD_LETTER_REASONS, REASON));
const traceparent = v.optional(v.string("A text."));

export const tracedOptions = fields({ traceparent });
export const sendOptions = fields({ wait, traceparent });
export const stateOptions = fields({ wait, location });
export const placedOptions = fields({ location });
export const pageOptions = fields({ ...page, location });
export const deadLetterOptions = fields({ ...page, reason, location });
export const requeueOptions = fields({ ttl: ttlStored, location });

export const deadLetterChoice = v.union(
  [
    fields({ seq: wholeNumber(SEQ, 1) }),
    fields({ reason: v.picklist(DEAD_LETTER_REASONS) }),
    fields({ all: v.literal(true) }),
  ],
  CHOICE,
);

const ATTENTION = `One of ${ATTENTION_REASONS.join(", ")}.`;
export const attentionOptions = fields({
  reason: v.optional(v.picklist(ATTENTION_REASONS, ATTENTION)),
  after: attentionCursor,
  limit: page.limit,
});
export const bulkChoice = fields({
  ...bulkRange,
  all: v.optional(v.literal(true, "true, where no other says which.")),
});
export const bulkOptions = fields({ ttl: ttlStored });
export const monitorOptions = fields({ range: v.optional(v.picklist(Object.keys(RANGES) as Range[], RANGE), "15m") });
