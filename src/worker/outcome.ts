/** Answers without HTTP around them, in a batch's results and by RPC (S9, S11): what a status line and headers say stands in them. */
import { type Refusal, statusOf } from "../protocol/errors.ts";
import type { Sent } from "../protocol/mailbox-api.ts";
import type { Outcome, Refused, SentReply } from "../protocol/replies.ts";
import { problemBody, retryAfterSeconds } from "./problem.ts";
import { messageReply, sentStatus } from "./replies.ts";

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
