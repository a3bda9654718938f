/** The open connection that a request of the user plane is about: its token's user's own, or none (A6, C9, C10). */
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { connectionTag, type TokenFacts } from "../protocol/mailbox-api.ts";
import { segment } from "./exchange.ts";
import { mailboxOf, type UserMailbox } from "./mailbox-stub.ts";
import type { UserCall } from "./user-plane.ts";
import { verifyToken } from "./user-tokens.ts";

interface OwnConnection {
  readonly id: string;
  readonly mailbox: UserMailbox;
  readonly token: TokenFacts;
}

const isConnectionId = (text: string): boolean => /^[0-9a-f]{16}\.[A-Za-z0-9_-]{1,128}$/.test(text);

/** `token` as it was presented. Whether the connection is still open is its Mailbox's to know. */
export const ownConnection = async (call: UserCall, token: string | undefined): Promise<Checked<OwnConnection>> => {
  const verified = await verifyToken(token, call.access.userTokens, Date.now());
  if (!verified.ok) return verified;
  const id = segment(call, "connection_id", isConnectionId);
  if (!id.ok) return id;
  const mailbox = mailboxOf(call, verified.value.user);
  return id.value.startsWith(`${connectionTag(mailbox.name)}.`)
    ? granted({ id: id.value, mailbox, token: verified.value.facts })
    : refuse("token_mismatch", "The connection is not of the token's user: use a token of the same user.");
};
