/** Who may have a stream, and as what: everything about it that can be decided before its Mailbox is touched (A3, A4, C). */
import { type Checked, granted, type HttpErrorCode, refuse, statusOf } from "../protocol/errors.ts";
import { type SocketQuery, socketQuery } from "../protocol/http.ts";
import { type AttachCall, connectionTag } from "../protocol/mailbox-api.ts";
import { attachTo } from "./attach.ts";
import { checkQuery } from "./checked-input.ts";
import { bearer, oneToken } from "./credentials.ts";
import { measure, measureFailure } from "./gathering.ts";
import { mailboxOf, type Outcome } from "./mailbox-stub.ts";
import type { UserCall } from "./user-plane.ts";
import { type VerifiedToken, verifyToken } from "./user-tokens.ts";

const DEFAULT_DEVICE = "default";

/** What a connection is attached as; only its Mailbox is still to be found. */
type Admission = Omit<AttachCall, "tag">;

/** `tokens`: those that came beside the header's and the query's. */
export const admit = async (call: UserCall, tokens: readonly string[] = []): Promise<Checked<Admission>> => {
  const admission = await judged(call, tokens);
  if (!admission.ok) noteUnconnected(call, admission.code);
  return admission;
};

const judged = async (call: UserCall, tokens: readonly string[]): Promise<Checked<Admission>> => {
  const query = checkQuery(socketQuery, call.query);
  if (!query.ok) return query;
  const header = bearer(call.request.headers);
  if (!header.ok) return header;
  const token = oneToken([header.value, query.value.access_token, ...tokens]);
  if (!token.ok) return token;
  const verified = await verifyToken(token.value, call.access.userTokens, Date.now());
  if (!verified.ok) return verified;
  const device = deviceOf(verified.value, query.value);
  if (!device.ok) return device;
  const { window, after, attempt, connect_ms } = query.value;
  return granted({
    user: verified.value.user,
    device: device.value,
    window,
    token: verified.value.facts,
    ...(after === undefined ? {} : { after }),
    ...(attempt === undefined ? {} : { attempt }),
    ...(connect_ms === undefined ? {} : { connectMs: connect_ms }),
  });
};

/** The token's device, else the query's, else `default`. */
const deviceOf = (token: VerifiedToken, query: SocketQuery): Checked<string> => {
  const bound = token.facts.device;
  return bound !== undefined && query.device !== undefined && query.device !== bound
    ? refuse("token_mismatch", "The token is bound to another device than the query names: leave the query's out.")
    : granted(bound ?? query.device ?? DEFAULT_DEVICE);
};

/** Attaches to the user's Mailbox; the socket is the client's end of it, not accepted yet. */
export const attach = (call: UserCall, admission: Admission): Promise<Outcome<WebSocket>> => {
  const attaching = attached(call, admission);
  // Where the client hangs up meanwhile the runtime would end its request here, and nobody would hear of it.
  call.background(attaching);
  return attaching;
};

const attached = async (call: UserCall, admission: Admission): Promise<Outcome<WebSocket>> => {
  const mailbox = mailboxOf(call, admission.user);
  const socket = await attachTo(mailbox, { ...admission, tag: connectionTag(mailbox.name) });
  // Who has gone meanwhile was never confirmed anything.
  if (!socket.ok) noteUnconnected(call, socket.code, mailbox.name, admission.attempt);
  else if (call.request.signal.aborted) noteUnconnected(call, "unavailable", mailbox.name, admission.attempt);
  else noteConnected(call, admission);
  return socket;
};

const noteConnected = (call: UserCall, { attempt = 0, connectMs }: Admission): void =>
  measure(call, (measured) => {
    measured.count("connection_attempts");
    if (attempt > 0) measured.count("connection_retries");
    measured.time("connection", Date.now() - call.startedAt);
    if (connectMs !== undefined) measured.time("connection_client", connectMs);
  });

/** A refusal is the client's affair; what the service could not do is its own (M1). */
const noteUnconnected = (call: UserCall, code: HttpErrorCode, mailbox?: string, attempt = 0): void => {
  if (statusOf(code) < 500) return measure(call, (measured) => measured.count("connection_refusals"));
  measure(call, (measured) => {
    measured.count("connection_attempts");
    if (attempt > 0) measured.count("connection_retries");
    if (mailbox === undefined) measured.count("connection_failures");
  });
  if (mailbox !== undefined) measureFailure(call, "connection_failures", mailbox);
};
