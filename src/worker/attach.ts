/** The one way of a socket into a Mailbox, whoever asks for it (C). */
import type { Refusal } from "../protocol/errors.ts";
import {
  ATTACH_HEADER,
  type AttachCall,
  OBSERVE_HEADER,
  PUBLISH_HEADER,
  type PublishCall,
  REFUSAL_HEADER,
} from "../protocol/mailbox-api.ts";
import type { Outcome, UserMailbox } from "./mailbox-stub.ts";

/** Attaches a connection; the socket is the client's end of it, not accepted yet. */
export const attachTo = (mailbox: UserMailbox, call: AttachCall): Promise<Outcome<WebSocket>> =>
  open(mailbox, ATTACH_HEADER, call);

/** Opens a publisher's socket (P1), in the same way. */
export const publishTo = (mailbox: UserMailbox, call: PublishCall): Promise<Outcome<WebSocket>> =>
  open(mailbox, PUBLISH_HEADER, call);

/** Opens the socket of an operator who looks on (N6). */
export const observe = (mailbox: UserMailbox): Promise<Outcome<WebSocket>> => open(mailbox, OBSERVE_HEADER, {});

const open = (mailbox: UserMailbox, header: string, call: object): Promise<Outcome<WebSocket>> => {
  // A request of our own, not the client's: no header of a client reaches a Mailbox, so that none can be forged.
  const headers = { upgrade: "websocket", [header]: encodeURIComponent(JSON.stringify(call)) };
  // A connection lost half-way is closed by its Mailbox as any other, so that attaching again is safe.
  return mailbox.call("read", async (stub): Promise<WebSocket | Refusal> => {
    const reply = await stub.fetch("https://mailbox/", { headers });
    const refusal = reply.headers.get(REFUSAL_HEADER);
    if (refusal !== null) return JSON.parse(decodeURIComponent(refusal)) as Refusal;
    if (reply.webSocket === null) throw new Error(`The Mailbox answered an attach with ${reply.status}.`);
    return reply.webSocket;
  });
};
