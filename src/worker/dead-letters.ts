/** Looking at dead letters, sending them again, and throwing them away (D7). */
import { type Checked, granted } from "../protocol/errors.ts";
import { deadLettersQuery, placedQuery, reasonQuery, requeueBody } from "../protocol/http.ts";
import type { DeadLetterSelector } from "../protocol/mailbox-api.ts";
import type { BackendCall, BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { type Answer, segment } from "./exchange.ts";
import { mailboxOf, type UserMailbox } from "./mailbox-stub.ts";
import { ttlMsOf } from "./new-message.ts";
import { json, jsonText } from "./problem.ts";
import { deadLetterReply, messageReply, pageReply } from "./replies.ts";
import { readJson } from "./request-body.ts";

export const listDeadLetters: BackendHandler = async (call) => {
  const query = checkQuery(deadLettersQuery, call.query);
  if (!query.ok) return query;
  const { after, limit, reason, location } = query.value;
  const mailbox = await mailboxOf(call, call.user, location);
  const page = await mailbox.call("read", (stub) =>
    stub.deadLetters(reason === undefined ? { after, limit } : { after, limit, reason }),
  );
  return page.ok ? jsonText(pageReply("dead_letters", page.value, deadLetterReply)) : page;
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
  const mailbox = await mailboxOf(call, call.user, query.value.location);
  return granted({ selector: { seq: Number(seq.value) }, mailbox });
};

const selectMany: Select = async (call) => {
  const query = checkQuery(reasonQuery, call.query);
  if (!query.ok) return query;
  const { reason, location } = query.value;
  const mailbox = await mailboxOf(call, call.user, location);
  return granted({ selector: reason === undefined ? { all: true } : { reason }, mailbox });
};

const requeue = async (call: BackendCall, select: Select): Promise<Answer> => {
  const selection = await select(call);
  if (!selection.ok) return selection;
  const body = await readJson(call.request, requeueBody, "optional");
  if (!body.ok) return body;
  const { mailbox, selector } = selection.value;
  const { ttl } = body.value;
  const requeued = await mailbox.call("once", (stub) =>
    ttl === undefined ? stub.requeue(selector) : stub.requeue(selector, ttlMsOf(ttl)),
  );
  if (!requeued.ok) return requeued;
  return json({ requeued: requeued.value.messages.map(messageReply), left: requeued.value.left });
};

const discard = async (call: BackendCall, select: Select): Promise<Answer> => {
  const selection = await select(call);
  if (!selection.ok) return selection;
  const { mailbox, selector } = selection.value;
  const discarded = await mailbox.call("once", (stub) => stub.discard(selector));
  return discarded.ok ? json({ discarded: discarded.value.discarded }) : discarded;
};

export const requeueOne: BackendHandler = (call) => requeue(call, selectOne);
export const requeueMany: BackendHandler = (call) => requeue(call, selectMany);
export const discardOne: BackendHandler = (call) => discard(call, selectOne);
export const discardMany: BackendHandler = (call) => discard(call, selectMany);
