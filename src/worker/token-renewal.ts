/** `PUT /v1/connections/{connection_id}/token`: prolongs an open connection (C9). */
import { noQuery } from "../protocol/http.ts";
import { rfc3339 } from "../protocol/instant.ts";
import { checkQuery } from "./checked-input.ts";
import { bearer } from "./credentials.ts";
import { ownConnection } from "./own-connection.ts";
import { json } from "./problem.ts";
import type { UserHandler } from "./user-plane.ts";

export const renewToken: UserHandler = async (call) => {
  const query = checkQuery(noQuery, call.query);
  if (!query.ok) return query;
  const presented = bearer(call.request.headers);
  if (!presented.ok) return presented;
  const own = await ownConnection(call, presented.value);
  if (!own.ok) return own;
  const { id, mailbox, token } = own.value;
  const prolonged = await mailbox.call("repeatable", (stub) => stub.prolong(id, token));
  return prolonged.ok ? json({ expires_at: rfc3339(prolonged.value.expiresAt) }) : prolonged;
};
