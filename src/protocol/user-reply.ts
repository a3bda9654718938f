/** A user's state as it reads on the wire (U1). */
import { rfc3339 } from "./instant.ts";
import type { ConnectionState, DeviceState, UserState } from "./mailbox-api.ts";
import type { ConnectionReply, DeviceReply, UserReply } from "./replies.ts";

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

/** `mailbox`: its name. */
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
