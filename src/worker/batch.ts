/** Many messages at once (S9): one call to each user's Mailbox, users side by side, and each message with its own outcome. */
import { checkBody } from "../protocol/checked-body.ts";
import { type Checked, granted, type Refusal } from "../protocol/errors.ts";
import { batchMessage, placedQuery } from "../protocol/http.ts";
import type { Location } from "../protocol/location.ts";
import type { SendCall } from "../protocol/mailbox-api.ts";
import type { NewMessage } from "../protocol/message.ts";
import { newMessage } from "../protocol/new-message.ts";
import { problemOutcome } from "../protocol/outcomes.ts";
import type { Outcome, SentReply } from "../protocol/replies.ts";
import { type KeyHandler, placement } from "./backend-plane.ts";
import { type BatchValues, readBatch, valuesOf } from "./batch-body.ts";
import { checkQuery } from "./checked-input.ts";
import type { Caller } from "./exchange.ts";
import { kindOf, mailboxOf } from "./mailbox-stub.ts";
import { refuseHeaders } from "./message-headers.ts";
import { jsonText } from "./problem.ts";

/** What is said once for all messages of a batch. */
interface BatchTerms {
  readonly location?: Location | undefined;
  readonly traceparent?: string | null | undefined;
}

interface Draft {
  readonly to: string;
  readonly message: NewMessage;
  readonly location: Location | undefined;
}

/** What became of each message, in the batch's order, as JSON text. */
type OutcomeTexts = readonly string[];

export interface BatchReply {
  /** One for each message, in the batch's order. */
  readonly results: readonly Outcome<SentReply>[];
}

/** `POST /v1/messages` */
export const postBatch: KeyHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const { headers } = call.request;
  const refusal = refuseHeaders(headers);
  if (refusal !== undefined) return refusal;
  const values = await readBatch(call.request);
  if (!values.ok) return values;
  const { location } = query.value;
  return jsonText(replyOf(await sendAll(call, values.value, { location, traceparent: headers.get("traceparent") })));
};

/** A batch that came as a JSON value (S11). */
export const sendBatch = async (caller: Caller, batch: unknown, terms: BatchTerms): Promise<Checked<BatchReply>> => {
  const values = valuesOf(batch);
  return values.ok ? granted(JSON.parse(replyOf(await sendAll(caller, values.value, terms)))) : values;
};

const replyOf = (outcomes: OutcomeTexts): string => `{"results":[${outcomes.join(",")}]}`;

const sendAll = async (caller: Caller, values: BatchValues, terms: BatchTerms): Promise<OutcomeTexts> => {
  const drafts = values.map((value) => draftOf(value, terms));
  const sending = sendDrafts(
    caller,
    drafts.flatMap((draft) => (draft.ok ? draft.value : [])),
  );
  // A caller that hangs up cancels nothing (S13).
  caller.background(sending);
  const outcomes = await sending;
  return drafts.map((draft) => {
    const outcome = draft.ok ? outcomes.get(draft.value) : refused(draft);
    if (outcome === undefined) throw new Error("A Mailbox replied to fewer messages than it was sent.");
    return outcome;
  });
};

/** A text with one character beyond Latin-1 would go with two bytes for each, and 10 MiB of escapes past the platform's bound. */
const utf8 = new TextEncoder();

const refused = (refusal: Refusal): string => JSON.stringify(problemOutcome(refusal));

const draftOf = (value: Checked<unknown>, terms: BatchTerms): Checked<Draft> => {
  if (!value.ok) return value;
  const fields = checkBody(batchMessage, value.value, "message");
  if (!fields.ok) return fields;
  const { to, ...body } = fields.value;
  const location = placement(terms.location, body.location);
  if (!location.ok) return location;
  const message = newMessage(body, terms.traceparent);
  return message.ok ? granted({ to, message: message.value, location: location.value }) : message;
};

const sendDrafts = async (caller: Caller, drafts: readonly Draft[]): Promise<ReadonlyMap<Draft, string>> => {
  const outcomes = new Map<Draft, string>();
  const byUser = Map.groupBy(drafts, ({ to }) => to);
  // All at a time: one that waits for an ack (S5) holds up no other, and the platform has a queue for what is above its
  // own limit of open connections.
  await Promise.all(
    [...byUser].map(async ([user, own]) => {
      const texts = await sendTo(caller, user, own);
      for (const [at, text] of texts.entries()) outcomes.set(own[at] as Draft, text);
    }),
  );
  return outcomes;
};

/** One call, in order; the Mailbox refuses what comes after one that it had no room for (S8). */
const sendTo = async (caller: Caller, user: string, drafts: readonly Draft[]): Promise<OutcomeTexts> => {
  // As if they were sent one by one: what comes later moves no Mailbox (S12).
  const location = drafts.find((draft) => draft.location !== undefined)?.location;
  const mailbox = mailboxOf(caller, user, location);
  const messages = drafts.map((draft) => draft.message);
  const call = utf8.encode(JSON.stringify({ user, messages } satisfies SendCall));
  const outcomes = await mailbox.call(kindOf(messages), (stub) => stub.sendMany(call));
  return outcomes.ok ? outcomes.value.split("\n") : drafts.map(() => refused(outcomes));
};
