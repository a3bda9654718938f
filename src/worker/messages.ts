/** Looking at messages, and recalling one (S10). Looking never acks. */
import { type Checked, granted } from "../protocol/errors.ts";
import { pageQuery, placedQuery } from "../protocol/http.ts";
import { isSenderId } from "../protocol/identifiers.ts";
import { seqOfServerId } from "../protocol/message.ts";
import type { BackendCall, BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { segment } from "./exchange.ts";
import { mailboxOf, type UserMailbox } from "./mailbox-stub.ts";
import { json, jsonText } from "./problem.ts";
import { pageReply, stateReply } from "./replies.ts";

/** Which entries of a list: up to `limit` of those above the seq `after`. */
export interface PageTerms {
  readonly after: number;
  readonly limit: number;
}

/** What is held, as the JSON text of the reply: `data` is in it as it is stored. */
export const held = async (mailbox: UserMailbox, { after, limit }: PageTerms): Promise<Checked<string>> => {
  const page = await mailbox.call("read", (stub) => stub.held({ after, limit }));
  return page.ok ? granted(pageReply("messages", page.value, stateReply)) : page;
};

/** One message's state, as the JSON text of the reply. */
export const message = async (mailbox: UserMailbox, id: string): Promise<Checked<string>> => {
  const state = await mailbox.call("read", (stub) => stub.state(id));
  return state.ok ? granted(stateReply(state.value.message)) : state;
};

export const recall = async (mailbox: UserMailbox, id: string) => {
  // A recall that took effect would answer the second time that the message has ended.
  const recalled = await mailbox.call("once", (stub) => stub.recall(id));
  return recalled.ok ? granted({ status: "recalled" as const, sent: recalled.value.sent }) : recalled;
};

/** A sender's id, or one of the server's. */
export const isMessageId = (text: string): boolean => isSenderId(text) || seqOfServerId(text) !== undefined;

export const listHeld: BackendHandler = async (call) => {
  const query = checkQuery(pageQuery, call.query);
  if (!query.ok) return query;
  const page = await held(mailboxOf(call, call.user, query.value.location), query.value);
  return page.ok ? jsonText(page.value) : page;
};

interface Addressed {
  readonly mailbox: UserMailbox;
  readonly id: string;
}

/** The message that a path names. */
const addressed = async (call: BackendCall): Promise<Checked<Addressed>> => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const id = segment(call, "id", isMessageId);
  if (!id.ok) return id;
  return granted({ mailbox: mailboxOf(call, call.user, query.value.location), id: id.value });
};

export const getMessage: BackendHandler = async (call) => {
  const found = await addressed(call);
  if (!found.ok) return found;
  const state = await message(found.value.mailbox, found.value.id);
  return state.ok ? jsonText(state.value) : state;
};

export const recallMessage: BackendHandler = async (call) => {
  const found = await addressed(call);
  if (!found.ok) return found;
  const recalled = await recall(found.value.mailbox, found.value.id);
  return recalled.ok ? json(recalled.value) : recalled;
};
