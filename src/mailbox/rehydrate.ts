/** Builds what a Mailbox keeps in memory from what it has stored and what is attached to its sockets: at any time, and again. */
import { Delivery } from "../delivery/delivery.ts";
import { type Attachment, Session } from "../delivery/session.ts";
import { Outbox } from "../outbox/outbox.ts";
import type { Sql } from "../outbox/sql.ts";
import type { DeliverySettings } from "../settings.ts";
import { Clock } from "./clock.ts";

export interface Core {
  readonly delivery: Delivery;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** `sockets` is filled with the open ones, by connection, and with the one that is `ending`: its end is still to be noted. */
export const rehydrate = (
  ctx: DurableObjectState,
  sql: Sql,
  settings: DeliverySettings,
  sockets: Map<string, WebSocket>,
  ending?: WebSocket,
): Core => {
  const outbox = new Outbox(sql, settings);
  const clock = new Clock(outbox.clockFloor);
  sockets.clear();
  // Closing ones are listed, too; the one whose end is being told may be listed no more.
  const open = ctx.getWebSockets().filter((socket) => socket.readyState === WebSocket.OPEN);
  for (const socket of ending === undefined ? open : [...open, ending]) {
    const connection = connectionOf(socket);
    if (connection !== undefined) sockets.set(connection, socket);
  }
  const sessions = [...sockets.values()].map((socket) => Session.restore(socket.deserializeAttachment() as Attachment));
  // The runtime lists sockets in no promised order.
  sessions.sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
  const autoPingedAt = (connection: string) => {
    const socket = sockets.get(connection);
    return socket === undefined ? undefined : ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime();
  };
  return { outbox, clock, delivery: new Delivery(outbox, settings, sessions, autoPingedAt, clock.now()) };
};

/** Which connection a socket is; undefined for one that the Mailbox has closed. */
export const connectionOf = (socket: WebSocket): string | undefined =>
  (socket.deserializeAttachment() as Attachment | null)?.id;
