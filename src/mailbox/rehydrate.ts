/** Builds what a Mailbox keeps in memory from what it has stored and what is attached to its sockets: at any time, and again. */
import { Delivery } from "../delivery/delivery.ts";
import { Session } from "../delivery/session.ts";
import { Outbox } from "../outbox/outbox.ts";
import type { Sql } from "../outbox/sql.ts";
import type { DeliverySettings } from "../settings/delivery.ts";
import type { Hands } from "./carrying-out.ts";
import { Clock } from "./clock.ts";
import type { Gathering } from "./gathering.ts";

export interface Core {
  readonly delivery: Delivery;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** `ending`: a socket whose end woke the object, and is still to be noted. `gathering`: what it finds of it, where it has just woken. */
export const rehydrate = (
  sql: Sql,
  settings: DeliverySettings,
  { sockets, observers, mailbox }: Pick<Hands, "sockets" | "observers" | "mailbox">,
  ending: WebSocket | undefined,
  gathering: Gathering | undefined,
): Core => {
  const outbox = new Outbox(sql, settings, mailbox);
  outbox.witness.take(observers.any);
  const clock = new Clock(outbox.clockFloor);
  const attachments = sockets.find(ending);
  gathering?.restore(attachments);
  const sessions = attachments.map((attachment) => Session.restore(attachment));
  // The runtime lists sockets in no promised order.
  sessions.sort((a, b) => a.openedAt - b.openedAt || (a.id < b.id ? -1 : 1));
  const autoPingedAt = (connection: string) => sockets.autoPingedAt(connection);
  return { outbox, clock, delivery: new Delivery(outbox, settings, sessions, autoPingedAt, clock.now()) };
};
