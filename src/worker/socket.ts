/** `GET /v1/socket`: the stream as a WebSocket, handed over to its Mailbox (C). */
import { canClose, closeCodeOf, refuse } from "../protocol/errors.ts";
import { SUBPROTOCOL } from "../protocol/frames.ts";
import { admit, attach } from "./admission.ts";
import { echoed, type Offer, offer } from "./credentials.ts";
import type { Answer } from "./exchange.ts";
import type { UserCall, UserHandler } from "./user-plane.ts";

export const openSocket: UserHandler = async (call) => {
  const { headers, method } = call.request;
  const offered = offer(headers, SUBPROTOCOL);
  const isHandshake = method === "GET" && headers.get("upgrade")?.toLowerCase() === "websocket";
  const answer = offered.ok ? await open(call, offered.value, isHandshake) : offered;
  if (answer instanceof Response || !isHandshake) return answer;
  // A page cannot read a refused handshake, but it can read why a socket was closed (C11).
  return call.origin !== undefined && canClose(answer.code)
    ? closedSocket(closeCodeOf(answer.code), answer.code, offered.ok ? offered.value : undefined)
    : answer;
};

const open = async (call: UserCall, offered: Offer, isHandshake: boolean): Promise<Answer> => {
  const admission = await admit(call, offered.tokens);
  if (!admission.ok) return admission;
  // Last of all: who asks here why its handshake failed is to hear of any other reason first.
  if (!isHandshake) return refuse("upgrade_required", "This is a WebSocket: connect to it with a WebSocket client.");
  const socket = await attach(call, admission.value);
  return socket.ok ? new Response(null, { status: 101, webSocket: socket.value, headers: echoed(offered) }) : socket;
};

const closedSocket = (code: number, reason: string, offered: Offer | undefined): Response => {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(code, reason);
  return new Response(null, { status: 101, webSocket: client, headers: echoed(offered) });
};
