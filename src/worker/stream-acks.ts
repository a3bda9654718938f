/** `POST /v1/connections/{connection_id}/ack` and `…/reject`: what a client says that has no socket to say it on (C5, C6, C10). */
import { type Checked, granted } from "../protocol/errors.ts";
import { ackBody, rejectBody, tokenQuery } from "../protocol/http.ts";
import type { Acknowledgement } from "../protocol/mailbox-api.ts";
import { checkQuery } from "./checked-input.ts";
import { bearer, oneToken } from "./credentials.ts";
import type { Answer } from "./exchange.ts";
import { ownConnection } from "./own-connection.ts";
import { json } from "./problem.ts";
import { readJson } from "./request-body.ts";
import type { UserCall, UserHandler } from "./user-plane.ts";

export const postAck: UserHandler = (call) =>
  acknowledge(call, async () => {
    const body = await readJson(call.request, ackBody, "required");
    return body.ok ? granted({ type: "ack", ...body.value }) : body;
  });

export const postReject: UserHandler = (call) =>
  acknowledge(call, async () => {
    const body = await readJson(call.request, rejectBody, "required");
    return body.ok ? granted({ type: "reject", ...body.value }) : body;
  });

const acknowledge = async (call: UserCall, read: () => Promise<Checked<Acknowledgement>>): Promise<Answer> => {
  const query = checkQuery(tokenQuery, call.query);
  if (!query.ok) return query;
  const header = bearer(call.request.headers);
  if (!header.ok) return header;
  const presented = oneToken([header.value, query.value.access_token]);
  if (!presented.ok) return presented;
  const own = await ownConnection(call, presented.value);
  if (!own.ok) return own;
  const said = await read();
  if (!said.ok) return said;
  const { id, mailbox, token } = own.value;
  // To ack twice is to ack once.
  const outcome = await mailbox.call("repeatable", (stub) => stub.acknowledge(id, token, said.value));
  return outcome.ok ? json({ acked_seq: outcome.value.acked, checkpoint: outcome.value.checkpoint }) : outcome;
};
