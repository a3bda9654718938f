/** How the Mailbox's answers read on the wire: snake_case, times as RFC 3339, stored JSON spliced in as it is. */
import { rfc3339 } from "../protocol/instant.ts";
import type {
  ConnectionState,
  DeadLetter,
  DeviceState,
  HeldMessage,
  Page,
  UserState,
} from "../protocol/mailbox-api.ts";
import type { MessageState } from "../protocol/message.ts";
import { messageReply } from "../protocol/outcomes.ts";
import type { ConnectionReply, DeviceReply, UserReply } from "../protocol/replies.ts";

/** An object's JSON, with more members, those that there are, whose values are JSON text already. */
const withTexts = (body: object, texts: Readonly<Record<string, string | undefined>>): string => {
  let text = JSON.stringify(body);
  for (const [name, json] of Object.entries(texts)) {
    if (json !== undefined) text = `${text.slice(0, -1)},"${name}":${json}}`;
  }
  return text;
};

const topicOf = (m: { readonly topic?: string }) => (m.topic === undefined ? {} : { topic: m.topic });

/** S10: S7's object, and the message itself while it is held. */
export const stateReply = (m: HeldMessage | MessageState): string =>
  "type" in m
    ? withTexts({ ...messageReply(m), type: m.type, ...topicOf(m) }, { trail: m.trail, data: m.data })
    : JSON.stringify(messageReply(m));

/** D7. */
export const deadLetterReply = (d: DeadLetter): string =>
  withTexts(
    {
      seq: d.seq,
      id: d.id,
      type: d.type,
      ...topicOf(d),
      reason: d.reason,
      ...(d.rejectReason === undefined ? {} : { reject_reason: d.rejectReason }),
      accepted_at: rfc3339(d.acceptedAt),
      ended_at: rfc3339(d.endedAt),
      ...(d.requeuedFrom === undefined ? {} : { requeued_from: d.requeuedFrom }),
    },
    { trail: d.trail, data: d.data },
  );

/** A page, its entries as text; without `next` it is the last. */
export const pageReply = <T>(name: string, page: Page<T>, entry: (item: T) => string): string =>
  `{"${name}":[${page.items.map(entry).join(",")}]${page.next === undefined ? "" : `,"next":${page.next}`}}`;

const connectionReply = (c: ConnectionState): ConnectionReply => ({
  connection_id: c.connectionId,
  device: c.device,
  opened_at: rfc3339(c.openedAt),
  sent_seq: c.sentSeq,
  acked_seq: c.ackedSeq,
  in_flight: c.inFlight,
  window: c.window,
  caught_up: c.caughtUp,
  token_expires_at: rfc3339(c.tokenExpiresAt),
  ...(c.pingedAt === undefined ? {} : { pinged_at: rfc3339(c.pingedAt) }),
});

const deviceReply = (d: DeviceState): DeviceReply => ({
  device: d.device,
  cursor: d.cursor,
  connected: d.connected,
  first_seen_at: rfc3339(d.firstSeenAt),
  last_seen_at: rfc3339(d.lastSeenAt),
});

/** U1. */
export const userReply = (mailbox: string, user: UserState): UserReply => ({
  connected: user.connections.length > 0,
  connections: user.connections.map(connectionReply),
  devices: user.devices.map(deviceReply),
  held: {
    count: user.held.count,
    bytes: user.held.bytes,
    ...(user.held.oldestAt === undefined ? {} : { oldest_at: rfc3339(user.held.oldestAt) }),
  },
  dead_letters: user.deadLetters,
  mailbox,
});
