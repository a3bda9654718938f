/** Messages with `ttl: 0` on their way: never stored, gone with the object (S5). */
import type { MessageState, NewMessage } from "../protocol/message.ts";
import { serverId } from "../protocol/message.ts";

export interface Ephemeral {
  readonly seq: number;
  readonly message: NewMessage;
  readonly acceptedAt: number;
  readonly sentTo: number;
}

export class Ephemerals {
  readonly #bySeq = new Map<number, Ephemeral>();

  add(ephemeral: Ephemeral): void {
    this.#bySeq.set(ephemeral.seq, ephemeral);
  }

  get(seq: number): Ephemeral | undefined {
    return this.#bySeq.get(seq);
  }

  /** The one on its way with this id, if any. */
  withId(id: string): Ephemeral | undefined {
    for (const ephemeral of this.#bySeq.values()) if (ephemeral.message.id === id) return ephemeral;
    return undefined;
  }

  take(seq: number): Ephemeral | undefined {
    const ephemeral = this.#bySeq.get(seq);
    this.#bySeq.delete(seq);
    return ephemeral;
  }

  all(): readonly Ephemeral[] {
    return [...this.#bySeq.values()];
  }
}

export const ephemeralState = (
  e: Ephemeral,
  status: "queued" | "delivered" | "dropped" | "erased",
  devices: number,
  now: number,
): MessageState => ({
  id: e.message.id ?? serverId(e.seq),
  seq: e.seq,
  status,
  devices,
  sentTo: e.sentTo,
  acceptedAt: e.acceptedAt,
  expiresAt: e.acceptedAt,
  ...(status === "delivered" ? { deliveredAt: now } : {}),
});
