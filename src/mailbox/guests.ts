/** Those whose sockets are nobody's connection: backends that publish (P), and operators who look on (N6). */
import type { MailboxApi } from "../protocol/mailbox-api.ts";
import type { DeliverySettings } from "../settings/delivery.ts";
import { Observers } from "./observers.ts";
import { Publishers } from "./publishers.ts";
import type { Turns } from "./turns.ts";

export class Guests {
  readonly observers: Observers;
  readonly #publishers: Publishers;

  constructor(
    ctx: DurableObjectState,
    name: string,
    { heartbeatMs }: DeliverySettings,
    mailbox: Pick<MailboxApi, "send">,
    turns: Turns,
  ) {
    this.observers = new Observers(ctx, name, turns);
    this.#publishers = new Publishers(ctx, heartbeatMs, (call) => mailbox.send(call));
  }

  /** Undefined where the request is for a connection. */
  accept(headers: Headers): Response | undefined {
    return this.#publishers.accept(headers) ?? this.observers.accept(headers);
  }

  /** Nothing happens where the socket is neither's. */
  receive(socket: WebSocket, message: string | ArrayBuffer): void {
    if (!this.#publishers.receive(socket, message)) this.observers.receive(socket, message);
  }

  forget(socket: WebSocket): void {
    this.#publishers.forget(socket);
    this.observers.forget(socket);
  }
}
