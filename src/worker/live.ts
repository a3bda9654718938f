/** `GET /v1/users/{user}/live`: what happens to a user, as it happens, for an operator who looks on (N6). */
import { placedQuery } from "../protocol/http.ts";
import { observe } from "./attach.ts";
import type { BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { EVENT_HEADERS } from "./event-body.ts";
import { LiveStream } from "./live-stream.ts";
import { mailboxOf } from "./mailbox-stub.ts";

export const openLive: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const { method, signal } = call.request;
  if (method === "HEAD") return new Response(null, { headers: EVENT_HEADERS });
  const observing = observe(mailboxOf(call, call.user, query.value.location));
  // Where the caller hangs up meanwhile the runtime would end its request here, and nobody would let go of the socket.
  call.background(observing);
  const socket = await observing;
  if (!socket.ok) return socket;
  return new Response(new LiveStream(socket.value, signal).body, { headers: EVENT_HEADERS });
};
