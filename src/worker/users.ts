/** The user's state, tokens and erasure (U). */
import { placedQuery, tokenBody } from "../protocol/http.ts";
import { rfc3339 } from "../protocol/instant.ts";
import { LIMITS } from "../protocol/limits.ts";
import { type BackendHandler, placement } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { mailboxOf, whileCallerListens } from "./mailbox-stub.ts";
import { preferenceApplied, preferredWaitMs } from "./prefer.ts";
import { json } from "./problem.ts";
import { userReply } from "./replies.ts";
import { readJson } from "./request-body.ts";
import { mintToken } from "./user-tokens.ts";

export const getUser: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const waitMs = preferredWaitMs(call.request.headers);
  const mailbox = await mailboxOf(call, call.user, query.value.location);
  const deadline = Date.now() + (waitMs ?? 0);
  const state =
    waitMs === undefined
      ? await mailbox.call("read", (stub) => stub.user({}))
      : await whileCallerListens(call, mailbox, (waitId) =>
          mailbox.call("read", (stub) => stub.user({ waitId, waitMs: Math.max(0, deadline - Date.now()) })),
        );
  return state.ok ? json(userReply(mailbox.name, state.value), 200, preferenceApplied(waitMs)) : state;
};

export const postToken: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const body = await readJson(call.request, tokenBody, "optional");
  if (!body.ok) return body;
  const { device, ttl } = body.value;
  const location = placement(query.value.location, body.value.location);
  if (!location.ok) return location;
  const secret = call.access.mintSecret;
  if (!secret.ok) return secret;

  const ttlMs = ttl === undefined ? LIMITS.tokenTtlDefaultMs : Math.ceil(ttl * 1_000);
  const { token, expiresAt } = await mintToken(secret.value, { user: call.user, device, ttlMs, now: Date.now() });
  if (location.value !== undefined) {
    // Any call makes a Mailbox be born; this one does nothing else. Without it the token is as good (S12).
    const mailbox = await mailboxOf(call, call.user, location.value);
    await mailbox.call("read", (stub) => stub.user({}));
  }
  return json({ token, expires_at: rfc3339(expiresAt) });
};

export const revokeTokens: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const mailbox = await mailboxOf(call, call.user, query.value.location);
  const revoked = await mailbox.call("repeatable", (stub) => stub.revoke());
  return revoked.ok ? json({ status: "revoked" }) : revoked;
};

export const eraseUser: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const mailbox = await mailboxOf(call, call.user, query.value.location);
  const erased = await mailbox.call("repeatable", (stub) => stub.erase());
  return erased.ok ? json({ status: "erased" }) : erased;
};
