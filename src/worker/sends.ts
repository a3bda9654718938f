/** Sending one message (S1–S8), and `POST /v1/users/{user}/messages`. */
import type { Checked } from "../protocol/errors.ts";
import { placedQuery, type SendBody, sendBody } from "../protocol/http.ts";
import type { Sent } from "../protocol/mailbox-api.ts";
import { newMessage } from "../protocol/new-message.ts";
import { messageReply, sentStatus } from "../protocol/outcomes.ts";
import { type BackendCall, type BackendHandler, placement } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import type { Caller } from "./exchange.ts";
import { kindOf, mailboxOf, ownerOf, type UserMailbox, whileCallerListens } from "./mailbox-stub.ts";
import { withHeaders } from "./message-headers.ts";
import { preferenceApplied, preferredWaitMs } from "./prefer.ts";
import { json } from "./problem.ts";
import { readJson } from "./request-body.ts";
import { sendShared } from "./shared-calls.ts";

/** What a sender says beside the message. */
interface SendTerms {
  /** How long the reply may be held (S3). */
  readonly waitMs: number | undefined;
  readonly traceparent: string | null | undefined;
}

export const send = async (
  caller: Caller,
  mailbox: UserMailbox,
  body: SendBody,
  { waitMs, traceparent }: SendTerms,
): Promise<Checked<Sent>> => {
  const message = newMessage(body, traceparent);
  if (!message.ok) return message;
  if (waitMs === undefined && message.value.ttlMs !== 0) return sendShared(caller, mailbox, message.value);
  const messages = [message.value];
  const startedAt = Date.now();
  const reply = await whileCallerListens(caller, mailbox, (waitId) =>
    mailbox.call(kindOf(messages), async (stub) => {
      const left = waitMs === undefined ? {} : { waitMs: Math.max(0, startedAt + waitMs - Date.now()) };
      return (await stub.send({ ...ownerOf(mailbox), messages, waitId, ...left }))[0];
    }),
  );
  if (!reply.ok) return reply;
  if (reply.value === undefined) throw new Error("The Mailbox replied to no message.");
  return { ok: true, value: reply.value };
};

export const sendMessage: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const body = await readJson(call.request, sendBody, "required");
  if (!body.ok) return body;
  const { headers } = call.request;
  const fields = withHeaders(body.value, headers);
  if (!fields.ok) return fields;
  const location = placement(query.value.location, fields.value.location);
  if (!location.ok) return location;
  const waitMs = preferredWaitMs(headers);
  const mailbox = mailboxOf(call, call.user, location.value);
  const sent = await send(call, mailbox, fields.value, { waitMs, traceparent: headers.get("traceparent") });
  return sent.ok ? sentReply(call, sent.value, waitMs) : sent;
};

const sentReply = ({ user }: BackendCall, { message, replayed }: Sent, waitMs: number | undefined): Response =>
  json(messageReply(message), sentStatus(message), {
    location: `/v1/users/${encodeURIComponent(user)}/messages/${encodeURIComponent(message.id)}`,
    ...preferenceApplied(waitMs),
    ...(replayed ? { "idempotency-replayed": "true" } : {}),
  });
