/** Where seqs come from (D10). */
import type { Facts } from "./facts.ts";

/** Seqs per stored reservation: one row written for as many messages, and as many skipped by a crash at most. */
const BLOCK = 1_024;
/** Seqs per millisecond of clock: a Mailbox cannot outrun it, so a seq made from the time lies above all older ones. */
const PER_MS = 1_024;

/**
 * Hands out seqs, strictly increasing, never twice.
 *
 * They come in blocks from a stored counter. The first block of each run of the object starts at the clock or the counter,
 * whichever is higher: the counter guards against a clock that stepped back, the clock against a counter that a restore
 * has set back.
 */
export class Sequence {
  readonly #facts: Facts;
  /** End of what is reserved, exclusive; as stored. */
  #reserved: number;
  #next: number | undefined;

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#reserved = facts.get("next_seq") ?? 0;
  }

  take(now: number): number {
    let seq = this.#next;
    if (seq === undefined || seq >= this.#reserved) {
      if (seq === undefined) {
        // After an erasure the instant of revocation is all that is left of the user: it lies at or above all seqs' times.
        const floor = ((this.#facts.get("revoked_at") ?? -1) + 1) * PER_MS;
        seq = Math.max(this.#reserved, floor, now * PER_MS);
      }
      this.#reserved = seq + BLOCK;
      this.#facts.set("next_seq", this.#reserved);
    }
    this.#next = seq + 1;
    return seq;
  }

  /** No seq above this was ever given out; 0 where none was. */
  get highest(): number {
    if (this.#next !== undefined) return this.#next - 1;
    return Math.max(0, this.#reserved - 1);
  }

  /** The millisecond that `highest` belongs to: a clock must not stand below it. */
  get highestMs(): number {
    return Math.floor(this.highest / PER_MS);
  }

  /** The start of the last reserved block as an instant: the clock has been there. */
  get clockFloor(): number {
    return this.#reserved === 0 ? 0 : Math.floor((this.#reserved - BLOCK) / PER_MS);
  }
}
