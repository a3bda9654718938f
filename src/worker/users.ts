/** The user's state, tokens and erasure (U). */
import { type Checked, granted } from "../protocol/errors.ts";
import { placedQuery, tokenBody } from "../protocol/http.ts";
import { rfc3339 } from "../protocol/instant.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Location } from "../protocol/location.ts";
import type { TokenReply, UserReply } from "../protocol/replies.ts";
import { userReply } from "../protocol/user-reply.ts";
import { type BackendCall, type BackendHandler, placement } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import type { Answer, Caller } from "./exchange.ts";
import { mailboxOf, type UserMailbox, whileCallerListens } from "./mailbox-stub.ts";
import { preferenceApplied, preferredWaitMs } from "./prefer.ts";
import { json } from "./problem.ts";
import { readJson } from "./request-body.ts";
import * as tokens from "./user-tokens.ts";

/** With `waitMs`: as soon as one connection is established (U1). */
export const userState = async (
  caller: Caller,
  mailbox: UserMailbox,
  waitMs: number | undefined,
): Promise<Checked<UserReply>> => {
  const deadline = Date.now() + (waitMs ?? 0);
  const state =
    waitMs === undefined
      ? await mailbox.call("read", (stub) => stub.user({}))
      : await whileCallerListens(caller, mailbox, (waitId) =>
          mailbox.call("read", (stub) => stub.user({ waitId, waitMs: Math.max(0, deadline - Date.now()) })),
        );
  return state.ok ? granted(userReply(mailbox.name, state.value)) : state;
};

/** What a minted token is to be; `ttl` in seconds. */
interface TokenTerms {
  readonly ttl?: number | undefined;
  readonly device?: string | undefined;
  readonly location?: Location | undefined;
}

export const mintToken = async (caller: Caller, user: string, terms: TokenTerms): Promise<Checked<TokenReply>> => {
  const { device, ttl, location } = terms;
  const secret = caller.access.mintSecret;
  if (!secret.ok) return secret;
  const ttlMs = ttl === undefined ? LIMITS.tokenTtlDefaultMs : Math.ceil(ttl * 1_000);
  const { token, expiresAt } = await tokens.mintToken(secret.value, { user, device, ttlMs, now: Date.now() });
  if (location !== undefined) {
    // Any call makes a Mailbox be born; this one does nothing else. Without it the token is as good (S12).
    const mailbox = mailboxOf(caller, user, location);
    await mailbox.call("read", (stub) => stub.user({}));
  }
  return granted({ token, expires_at: rfc3339(expiresAt) });
};

export const revoke = async (mailbox: UserMailbox) => {
  const revoked = await mailbox.call("repeatable", (stub) => stub.revoke());
  return revoked.ok ? granted({ status: "revoked" as const }) : revoked;
};

export const erase = async (mailbox: UserMailbox) => {
  const erased = await mailbox.call("repeatable", (stub) => stub.erase());
  return erased.ok ? granted({ status: "erased" as const }) : erased;
};

export const getUser: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const waitMs = preferredWaitMs(call.request.headers);
  const state = await userState(call, mailboxOf(call, call.user, query.value.location), waitMs);
  return state.ok ? json(state.value, 200, preferenceApplied(waitMs)) : state;
};

export const postToken: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const body = await readJson(call.request, tokenBody, "optional");
  if (!body.ok) return body;
  const location = placement(query.value.location, body.value.location);
  if (!location.ok) return location;
  const minted = await mintToken(call, call.user, { ...body.value, location: location.value });
  return minted.ok ? json(minted.value) : minted;
};

const answerDone = async (
  call: BackendCall,
  act: (mailbox: UserMailbox) => Promise<Checked<object>>,
): Promise<Answer> => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const done = await act(mailboxOf(call, call.user, query.value.location));
  return done.ok ? json(done.value) : done;
};

export const revokeTokens: BackendHandler = (call) => answerDone(call, revoke);
export const eraseUser: BackendHandler = (call) => answerDone(call, erase);
