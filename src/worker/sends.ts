/** `POST /v1/users/{user}/messages` (S1–S8). */
import { placedQuery, sendBody } from "../protocol/http.ts";
import type { Sent } from "../protocol/mailbox-api.ts";
import { type BackendCall, type BackendHandler, placement } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { mailboxOf, whileCallerListens } from "./mailbox-stub.ts";
import { newMessage, withHeaders } from "./new-message.ts";
import { preferenceApplied, preferredWaitMs } from "./prefer.ts";
import { json } from "./problem.ts";
import { messageReply } from "./replies.ts";
import { readJson } from "./request-body.ts";

export const sendMessage: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const body = await readJson(call.request, sendBody, "required");
  if (!body.ok) return body;
  const fields = withHeaders(body.value, call.request.headers);
  if (!fields.ok) return fields;
  const location = placement(query.value.location, fields.value.location);
  if (!location.ok) return location;
  const message = await newMessage(fields.value);
  if (!message.ok) return message;

  const waitMs = preferredWaitMs(call.request.headers);
  const mailbox = await mailboxOf(call, call.user, location.value);
  const messages = [message.value];
  // Without an id the same send again would be a second message (S13).
  const kind = message.value.id === undefined ? "once" : "repeatable";
  const startedAt = Date.now();
  const reply =
    waitMs === undefined && message.value.ttlMs !== 0
      ? await mailbox.call(kind, async (stub) => (await stub.send({ messages }))[0])
      : await whileCallerListens(call, mailbox, (waitId) =>
          mailbox.call(kind, async (stub) => {
            const left = waitMs === undefined ? {} : { waitMs: Math.max(0, startedAt + waitMs - Date.now()) };
            return (await stub.send({ messages, waitId, ...left }))[0];
          }),
        );
  if (!reply.ok) return reply;
  if (reply.value === undefined) throw new Error("The Mailbox replied to no message.");
  return sentReply(call, reply.value, waitMs);
};

const sentReply = ({ user }: BackendCall, { message, replayed }: Sent, waitMs: number | undefined): Response =>
  json(messageReply(message), message.status === "queued" ? 202 : 200, {
    location: `/v1/users/${encodeURIComponent(user)}/messages/${encodeURIComponent(message.id)}`,
    ...preferenceApplied(waitMs),
    ...(replayed ? { "idempotency-replayed": "true" } : {}),
  });
