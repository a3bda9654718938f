/** `PUT /v1/connections/{connection_id}/token`: prolongs an open connection (C9). */
import { refuse } from "../protocol/errors.ts";
import { noQuery } from "../protocol/http.ts";
import { rfc3339 } from "../protocol/instant.ts";
import { connectionTag } from "../protocol/mailbox-api.ts";
import { checkQuery } from "./checked-input.ts";
import { bearer } from "./credentials.ts";
import { segment } from "./exchange.ts";
import { mailboxOf } from "./mailbox-stub.ts";
import { json } from "./problem.ts";
import type { UserHandler } from "./user-plane.ts";
import { verifyToken } from "./user-tokens.ts";

const isConnectionId = (text: string): boolean => /^[0-9a-f]{16}\.[A-Za-z0-9_-]{1,128}$/.test(text);

export const renewToken: UserHandler = async (call) => {
  const query = checkQuery(noQuery, call.query);
  if (!query.ok) return query;
  const presented = bearer(call.request.headers);
  if (!presented.ok) return presented;
  const token = await verifyToken(presented.value, call.access.userTokens, Date.now());
  if (!token.ok) return token;
  const connectionId = segment(call, "connection_id", isConnectionId);
  if (!connectionId.ok) return connectionId;

  const mailbox = await mailboxOf(call, token.value.user);
  if (!connectionId.value.startsWith(`${connectionTag(mailbox.name)}.`)) {
    return refuse(
      "token_mismatch",
      "The connection is not of the token's user: renew it with a token of the same user.",
    );
  }
  const prolonged = await mailbox.call("repeatable", (stub) => stub.prolong(connectionId.value, token.value.facts));
  return prolonged.ok ? json({ expires_at: rfc3339(prolonged.value.expiresAt) }) : prolonged;
};
