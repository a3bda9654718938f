/** Looking at dead letters, sending them again, and throwing them away (D7). */
import { type Checked, granted } from "../protocol/errors.ts";
import { deadLettersQuery, placedQuery, reasonQuery, requeueBody } from "../protocol/http.ts";
import type { DeadLetterSelector } from "../protocol/mailbox-api.ts";
import type { DeadLetterReason } from "../protocol/message.ts";
import { ttlMsOf } from "../protocol/new-message.ts";
import { messageReply } from "../protocol/outcomes.ts";
import type { BackendCall, BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { type Answer, segment } from "./exchange.ts";
import { mailboxOf, type UserMailbox } from "./mailbox-stub.ts";
import type { PageTerms } from "./messages.ts";
import { json, jsonText } from "./problem.ts";
import { deadLetterReply, pageReply } from "./replies.ts";
import { readJson } from "./request-body.ts";

/** A page of them, as the JSON text of the reply: `data` is in it as it is stored. */
export const deadLetters = async (
  mailbox: UserMailbox,
  { after, limit, reason }: PageTerms & { readonly reason?: DeadLetterReason | undefined },
): Promise<Checked<string>> => {
  const page = await mailbox.call("read", (stub) =>
    stub.deadLetters(reason === undefined ? { after, limit } : { after, limit, reason }),
  );
  return page.ok ? granted(pageReply("dead_letters", page.value, deadLetterReply)) : page;
};

/** `ttl` in seconds; where it is absent each has its original time to live. */
export const requeue = async (mailbox: UserMailbox, selector: DeadLetterSelector, ttl: number | undefined) => {
  const requeued = await mailbox.call("once", (stub) =>
    ttl === undefined ? stub.requeue(selector) : stub.requeue(selector, ttlMsOf(ttl)),
  );
  if (!requeued.ok) return requeued;
  return granted({ requeued: requeued.value.messages.map(messageReply), left: requeued.value.left });
};

export const discard = async (mailbox: UserMailbox, selector: DeadLetterSelector) => {
  const discarded = await mailbox.call("once", (stub) => stub.discard(selector));
  return discarded.ok ? granted({ discarded: discarded.value.discarded }) : discarded;
};

export const listDeadLetters: BackendHandler = async (call) => {
  const query = checkQuery(deadLettersQuery, call.query);
  if (!query.ok) return query;
  const page = await deadLetters(mailboxOf(call, call.user, query.value.location), query.value);
  return page.ok ? jsonText(page.value) : page;
};

interface Selection {
  readonly selector: DeadLetterSelector;
  readonly mailbox: UserMailbox;
}
type Select = (call: BackendCall) => Promise<Checked<Selection>>;

const isSeq = (text: string): boolean => /^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text));

const selectOne: Select = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const seq = segment(call, "seq", isSeq);
  if (!seq.ok) return seq;
  const mailbox = mailboxOf(call, call.user, query.value.location);
  return granted({ selector: { seq: Number(seq.value) }, mailbox });
};

const selectMany: Select = async (call) => {
  const query = checkQuery(reasonQuery, call.query);
  if (!query.ok) return query;
  const { reason, location } = query.value;
  const mailbox = mailboxOf(call, call.user, location);
  return granted({ selector: reason === undefined ? { all: true } : { reason }, mailbox });
};

const answerRequeue = async (call: BackendCall, select: Select): Promise<Answer> => {
  const selection = await select(call);
  if (!selection.ok) return selection;
  const body = await readJson(call.request, requeueBody, "optional");
  if (!body.ok) return body;
  const requeued = await requeue(selection.value.mailbox, selection.value.selector, body.value.ttl);
  return requeued.ok ? json(requeued.value) : requeued;
};

const answerDiscard = async (call: BackendCall, select: Select): Promise<Answer> => {
  const selection = await select(call);
  if (!selection.ok) return selection;
  const discarded = await discard(selection.value.mailbox, selection.value.selector);
  return discarded.ok ? json(discarded.value) : discarded;
};

export const requeueOne: BackendHandler = (call) => answerRequeue(call, selectOne);
export const requeueMany: BackendHandler = (call) => answerRequeue(call, selectMany);
export const discardOne: BackendHandler = (call) => answerDiscard(call, selectOne);
export const discardMany: BackendHandler = (call) => answerDiscard(call, selectMany);
