/**
 * An operator who looks on at every turn (N6). What it is told is held against what the turn sent, and against what it was told before:
 * chains without a hole, acks that never go back, and one end for each message.
 */
import type { Effect } from "../../src/delivery/effects.ts";
import type { Happening } from "../../src/protocol/live-frames.ts";
import { expect, same } from "./mismatch.ts";

interface Seen {
  sent: number;
  acked: number;
  checkpoint: number;
}

interface Frame {
  readonly type: string;
  readonly cursor: number;
  readonly seq: number;
  readonly messages: readonly { readonly seq: number; readonly first_seq?: number }[];
}

export class Onlooker {
  readonly #connections = new Map<string, Seen>();
  /** Messages that were accepted, and have not ended before its eyes. */
  readonly open = new Set<number>();
  #highest = 0;

  /** What a turn that is committed has done. */
  look(seen: readonly Happening[], effects: readonly Effect[]): void {
    const frames = framesOf(effects);
    const counts = new Map<string, number>();
    for (const happening of seen) this.#see(happening, frames, counts);
    for (const [connection, sent] of frames) this.#compare(connection, sent, counts.get(connection) ?? 0);
    for (const effect of effects) {
      if (effect.kind !== "close") continue;
      const { connection, code } = effect;
      const ends = seen.filter((h) => h.type === "disconnected" && h.connection_id === connection && h.code === code);
      same(ends.length, 1, "N6", () => `how often ${connection} was seen to end with ${code}`);
    }
  }

  #see(happening: Happening, frames: ReadonlyMap<string, readonly Frame[]>, counts: Map<string, number>): void {
    switch (happening.type) {
      case "accepted":
        expect(happening.seq > this.#highest, "N6", () => `${happening.seq} was accepted after ${this.#highest}`);
        this.#highest = happening.seq;
        this.open.add(happening.seq);
        return;
      case "ended":
        expect(this.open.delete(happening.seq), "N6", () => `${happening.seq} ended, and was not there or had ended`);
        return;
      case "connected": {
        const [first] = frames.get(happening.connection_id) ?? [];
        same(first?.type, "connection_established", "N6", () => `the first frame of ${happening.connection_id}`);
        const cursor = first?.cursor ?? 0;
        this.#connections.set(happening.connection_id, { sent: cursor, acked: cursor, checkpoint: 0 });
        return;
      }
      case "disconnected":
        this.#of(happening.connection_id);
        this.#connections.delete(happening.connection_id);
        return;
      case "sent": {
        const { connection_id, prev, seq, count } = happening;
        const connection = this.#of(connection_id);
        same(prev, connection.sent, "N6", () => `prev of what ${connection_id} was sent`);
        expect(seq > prev, "N6", () => `${connection_id} was sent ${seq} after ${prev}`);
        connection.sent = seq;
        counts.set(connection_id, (counts.get(connection_id) ?? 0) + count);
        return;
      }
      case "acked": {
        const { connection_id, seq, checkpoint } = happening;
        const connection = this.#of(connection_id);
        const isForward = seq >= connection.acked && checkpoint >= connection.checkpoint;
        expect(
          isForward && checkpoint <= seq && seq <= connection.sent,
          "N6",
          () => `${connection_id} acked ${seq}, ${checkpoint}`,
        );
        Object.assign(connection, { acked: seq, checkpoint });
      }
    }
  }

  /** What it was told that a connection was sent, against its frames. */
  #compare(connection: string, frames: readonly Frame[], count: number): void {
    const last = frames.findLast(({ type }) => type === "messages" || type === "gap");
    const messages = frames.flatMap((frame) => (frame.type === "messages" ? frame.messages : []));
    const isFolded = messages.some(({ first_seq }) => first_seq !== undefined);
    expect(
      isFolded ? count > messages.length : count === messages.length,
      "N6",
      () => `${connection} was seen to be sent ${count} messages, not ${messages.length}`,
    );
    const end = last?.messages?.at(-1)?.seq ?? last?.seq;
    const now = this.#connections.get(connection);
    if (now !== undefined && end !== undefined) same(now.sent, end, "N6", () => `how far ${connection} was sent`);
  }

  #of(connection: string): Seen {
    const seen = this.#connections.get(connection);
    expect(seen !== undefined, "N6", () => `${connection} is not known to be open`);
    return seen;
  }

  /** How far it has seen a connection come. */
  ackedOf(connection: string): number {
    return this.#of(connection).acked;
  }

  /** The Mailbox has lost its memory: what it had not stored is gone without an end, as nobody was told that it is there. */
  forget(isStored: (seq: number) => boolean): void {
    for (const seq of this.open) if (!isStored(seq)) this.open.delete(seq);
  }

  /** And its sockets, the operator's among them: who looks on again begins anew. */
  lose(): void {
    this.#connections.clear();
  }
}

const framesOf = (effects: readonly Effect[]): ReadonlyMap<string, Frame[]> => {
  const frames = new Map<string, Frame[]>();
  for (const effect of effects) {
    if (effect.kind !== "frame") continue;
    const own = frames.get(effect.connection) ?? [];
    own.push(JSON.parse(effect.text) as Frame);
    frames.set(effect.connection, own);
  }
  return frames;
};
