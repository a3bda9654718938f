/** `GET /v1/socket`: everything about a connection that can be decided before its Mailbox is touched (A3, A4, C). */
import { type Checked, canClose, closeCodeOf, granted, type Refusal, refuse } from "../protocol/errors.ts";
import { type SocketQuery, socketQuery } from "../protocol/http.ts";
import { ATTACH_HEADER, type AttachCall, connectionTag, REFUSAL_HEADER } from "../protocol/mailbox-api.ts";
import { checkQuery } from "./checked-input.ts";
import { bearer, type Offer, offer, oneToken } from "./credentials.ts";
import type { Answer } from "./exchange.ts";
import { type MailboxStub, mailboxOf } from "./mailbox-stub.ts";
import type { UserCall, UserHandler } from "./user-plane.ts";
import { type VerifiedToken, verifyToken } from "./user-tokens.ts";

const DEFAULT_DEVICE = "default";

export const openSocket: UserHandler = async (call) => {
  const { headers, method } = call.request;
  if (method !== "GET" || headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return refuse("upgrade_required", "This is a WebSocket: connect to it with a WebSocket client.");
  }
  const offered = offer(headers);
  const answer = offered.ok ? await admit(call, offered.value) : offered;
  if (answer instanceof Response) return answer;
  // A page cannot read a refused handshake, but it can read why a socket was closed (C11).
  return call.origin !== undefined && canClose(answer.code)
    ? closedSocket(closeCodeOf(answer.code), answer.code, offered.ok ? offered.value : undefined)
    : answer;
};

const admit = async (call: UserCall, offered: Offer): Promise<Answer> => {
  const query = checkQuery(socketQuery, call.query);
  if (!query.ok) return query;
  const header = bearer(call.request.headers);
  if (!header.ok) return header;
  const token = oneToken([header.value, query.value.access_token, ...offered.tokens]);
  if (!token.ok) return token;
  const verified = await verifyToken(token.value, call.access.userTokens, Date.now());
  if (!verified.ok) return verified;
  const device = deviceOf(verified.value, query.value);
  return device.ok ? attach(call, offered, query.value, verified.value, device.value) : device;
};

/** The token's device, else the query's, else `default`. */
const deviceOf = (token: VerifiedToken, query: SocketQuery): Checked<string> => {
  const bound = token.facts.device;
  return bound !== undefined && query.device !== undefined && query.device !== bound
    ? refuse("token_mismatch", "The token is bound to another device than the query names: leave the query's out.")
    : granted(bound ?? query.device ?? DEFAULT_DEVICE);
};

const attach = async (
  call: UserCall,
  offered: Offer,
  query: SocketQuery,
  { user, facts }: VerifiedToken,
  device: string,
): Promise<Answer> => {
  const mailbox = await mailboxOf(call, user);
  const attachCall: AttachCall = {
    user,
    device,
    window: query.window,
    token: facts,
    tag: connectionTag(mailbox.name),
    ...(query.after === undefined ? {} : { after: query.after }),
    ...(query.attempt === undefined ? {} : { attempt: query.attempt }),
    ...(query.connect_ms === undefined ? {} : { connectMs: query.connect_ms }),
  };
  // A request of our own, not the client's: no header of a client reaches a Mailbox, so that none can be forged.
  const headers = { upgrade: "websocket", [ATTACH_HEADER]: encodeURIComponent(JSON.stringify(attachCall)) };
  // A connection lost half-way is closed by its Mailbox as any other, so that attaching again is safe.
  const socket = await mailbox.call("read", (stub) => attached(stub, headers));
  return socket.ok ? new Response(null, { status: 101, webSocket: socket.value, headers: echoed(offered) }) : socket;
};

const attached = async (stub: MailboxStub, headers: Record<string, string>): Promise<WebSocket | Refusal> => {
  const reply = await stub.fetch("https://mailbox/", { headers });
  const refusal = reply.headers.get(REFUSAL_HEADER);
  if (refusal !== null) return JSON.parse(decodeURIComponent(refusal)) as Refusal;
  if (reply.webSocket === null) throw new Error(`The Mailbox answered an attach with ${reply.status}.`);
  return reply.webSocket;
};

const echoed = (offered: Offer | undefined): Record<string, string> =>
  offered?.echo === undefined ? {} : { "sec-websocket-protocol": offered.echo };

const closedSocket = (code: number, reason: string, offered: Offer | undefined): Response => {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(code, reason);
  return new Response(null, { status: 101, webSocket: client, headers: echoed(offered) });
};
