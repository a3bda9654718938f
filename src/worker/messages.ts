/** Looking at messages, and recalling one (S10). Looking never acks. */
import { pageQuery, placedQuery } from "../protocol/http.ts";
import { isSenderId } from "../protocol/identifiers.ts";
import { seqOfServerId } from "../protocol/message.ts";
import type { BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { segment } from "./exchange.ts";
import { mailboxOf } from "./mailbox-stub.ts";
import { json, jsonText } from "./problem.ts";
import { pageReply, stateReply } from "./replies.ts";

const isMessageId = (text: string): boolean => isSenderId(text) || seqOfServerId(text) !== undefined;

export const listHeld: BackendHandler = async (call) => {
  const query = checkQuery(pageQuery, call.query);
  if (!query.ok) return query;
  const { after, limit, location } = query.value;
  const mailbox = await mailboxOf(call, call.user, location);
  const page = await mailbox.call("read", (stub) => stub.held({ after, limit }));
  return page.ok ? jsonText(pageReply("messages", page.value, stateReply)) : page;
};

export const getMessage: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const id = segment(call, "id", isMessageId);
  if (!id.ok) return id;
  const mailbox = await mailboxOf(call, call.user, query.value.location);
  const state = await mailbox.call("read", (stub) => stub.state(id.value));
  return state.ok ? jsonText(stateReply(state.value.message)) : state;
};

export const recallMessage: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const id = segment(call, "id", isMessageId);
  if (!id.ok) return id;
  const mailbox = await mailboxOf(call, call.user, query.value.location);
  // A recall that took effect would answer the second time that the message has ended.
  const recalled = await mailbox.call("once", (stub) => stub.recall(id.value));
  return recalled.ok ? json({ status: "recalled", sent: recalled.value.sent }) : recalled;
};
