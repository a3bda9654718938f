/**
 * Senders' ids, so that a send is idempotent (S4). They are stored with their messages, and in the journal after those; here
 * is only where to find them, in memory, and read at the first need. A receipt is over with its message's line in the journal.
 */
import { idHash } from "./id-hash.ts";
import type { Journal } from "./journal.ts";
import type { Messages } from "./messages.ts";

export interface Receipt {
  readonly seq: number;
  readonly digest: string;
}

/** Most hashes are of one id alone. */
type Seqs = number | readonly number[];

export class Receipts {
  readonly #messages: Messages;
  readonly #journal: Journal;
  #byHash: Map<number, Seqs> | undefined;

  constructor(messages: Messages, journal: Journal) {
    this.#messages = messages;
    this.#journal = journal;
  }

  find(id: string): Receipt | undefined {
    // The last first: an id that was forgotten may have been used again.
    for (const seq of listed(this.#known().get(idHash(id))).toReversed()) {
      const found = this.#messages.head(seq) ?? this.#journal.endOf(seq);
      if (found?.id === id) return { seq, digest: found.digest ?? "" };
    }
    return undefined;
  }

  add(id: string, seq: number): void {
    enter(this.#known(), idHash(id), seq);
  }

  #known(): Map<number, Seqs> {
    const forgotten = this.#journal.takeForgotten();
    const known = this.#byHash ?? this.#read();
    for (const [hash, seq] of pairs(forgotten)) {
      const left = listed(known.get(hash)).filter((other) => other !== seq);
      if (left.length === 0) known.delete(hash);
      else known.set(hash, left);
    }
    this.#byHash = known;
    return known;
  }

  #read(): Map<number, Seqs> {
    const read = new Map<number, Seqs>();
    for (const ids of this.#journal.ids()) for (const [hash, seq] of pairs(ids)) enter(read, hash, seq);
    for (const { id, seq } of this.#messages.withIds()) if (id !== null) enter(read, idHash(id), seq);
    return read;
  }
}

const listed = (seqs: Seqs | undefined): readonly number[] =>
  seqs === undefined ? [] : typeof seqs === "number" ? [seqs] : seqs;

const enter = (byHash: Map<number, Seqs>, hash: number, seq: number): void => {
  const others = byHash.get(hash);
  byHash.set(hash, others === undefined ? seq : [...listed(others), seq]);
};

function* pairs(flat: readonly number[]): Generator<readonly [hash: number, seq: number]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i] as number, flat[i + 1] as number];
}
