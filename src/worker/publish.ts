/** `GET /v1/users/{user}/publish`: a socket that only sends, handed over to its Mailbox (P1). */
import { refuse } from "../protocol/errors.ts";
import { placedQuery } from "../protocol/http.ts";
import { connectionTag } from "../protocol/mailbox-api.ts";
import { PUBLISH_SUBPROTOCOL } from "../protocol/publish-frames.ts";
import { publishTo } from "./attach.ts";
import type { BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { echoed, offer } from "./credentials.ts";
import { mailboxOf } from "./mailbox-stub.ts";

export const openPublisher: BackendHandler = async (call) => {
  const query = checkQuery(placedQuery, call.query);
  if (!query.ok) return query;
  const { headers, method } = call.request;
  const offered = offer(headers, PUBLISH_SUBPROTOCOL);
  if (!offered.ok) return offered;
  // Last of all, as on a user's socket: so a client that cannot read a refused handshake can ask for its reason.
  if (method !== "GET" || headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return refuse("upgrade_required", "This is a WebSocket: connect to it with a WebSocket client.");
  }
  const mailbox = mailboxOf(call, call.user, query.value.location);
  const socket = await publishTo(mailbox, { user: call.user, tag: connectionTag(mailbox.name) });
  return socket.ok
    ? new Response(null, { status: 101, webSocket: socket.value, headers: echoed(offered.value) })
    : socket;
};
