/** How what became of a send reads on the wire: S7's object, or E1's problem; in lists, with what a status line and headers would say. */
import { ERRORS, type Refusal, statusOf } from "./errors.ts";
import { rfc3339 } from "./instant.ts";
import type { Sent } from "./mailbox-api.ts";
import type { MessageState } from "./message.ts";
import type { MessageReply, Outcome, Problem, Refused, SentReply } from "./replies.ts";

/** Where a refusal that should be tried again does not say when. */
const RETRY_AFTER_SECONDS = 5;

/** S7. */
export const messageReply = (m: MessageState): MessageReply => ({
  id: m.id,
  seq: m.seq,
  status: m.status,
  devices: m.devices,
  sent_to: m.sentTo,
  accepted_at: rfc3339(m.acceptedAt),
  expires_at: rfc3339(m.expiresAt),
  ...(m.deliveredAt === undefined ? {} : { delivered_at: rfc3339(m.deliveredAt) }),
  ...(m.escalatedAt === undefined ? {} : { escalated_at: rfc3339(m.escalatedAt) }),
  ...(m.requeuedFrom === undefined ? {} : { requeued_from: m.requeuedFrom }),
});

/** S1: its end is known, or not yet. */
export const sentStatus = (m: MessageState): 200 | 202 => (m.status === "queued" ? 202 : 200);

/** E1's object; `retry` is what to do: `no`, `later`, or `same_id`. */
export const problemBody = (refusal: Refusal): Problem => {
  const { title, retry } = ERRORS[refusal.code];
  const own = {
    type: `urn:restante:error:${refusal.code}`,
    title,
    status: statusOf(refusal.code),
    code: refusal.code,
    detail: refusal.detail,
    retry,
  };
  // First, so that a person reads them first; and last, so that nothing overwrites them.
  return { ...own, ...refusal.extra, ...own };
};

/** When to try again; undefined where that is not a matter of time. */
export const retryAfterSeconds = (refusal: Refusal): number | undefined =>
  ERRORS[refusal.code].retry === "later" ? (refusal.retryAfterSeconds ?? RETRY_AFTER_SECONDS) : undefined;

/** One answer among several, or one without HTTP around it (S9, S11, P2). */
export const sentOutcome = ({ message, replayed }: Sent): Outcome<SentReply> => ({
  ...messageReply(message),
  ...(replayed ? { replayed } : {}),
  http_status: sentStatus(message),
});

export const problemOutcome = (refusal: Refusal): Refused => {
  const seconds = retryAfterSeconds(refusal);
  return {
    ...problemBody(refusal),
    ...(seconds === undefined ? {} : { retry_after: seconds }),
    http_status: statusOf(refusal.code),
  };
};

export const outcomeOf = (reply: Sent | Refusal): Outcome<SentReply> =>
  reply.ok ? sentOutcome(reply) : problemOutcome(reply);
