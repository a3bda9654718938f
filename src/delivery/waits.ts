/** Who waits for which message to end (S3, S5). In memory only: a wait ends with the object, and the caller is told so (S13). */
import type { Measured } from "../measures/measured.ts";
import type { Wait } from "./effects.ts";

export class Waits {
  readonly #bySeq = new Map<number, Wait[]>();
  readonly #measured: Measured;
  #count = 0;

  constructor(measured: Measured) {
    this.#measured = measured;
  }

  get count(): number {
    return this.#count;
  }

  add(seq: number, wait: Wait): void {
    const waiting = this.#bySeq.get(seq);
    if (waiting === undefined) this.#bySeq.set(seq, [wait]);
    else waiting.push(wait);
    this.#count += 1;
    this.#measured.count("waits_started");
  }

  /** Lets go of a call's waits: all of them, or the one for a message. */
  drop(call: number, index?: number): void {
    for (const [seq, waiting] of this.#bySeq) {
      const left = waiting.filter((wait) => wait.call !== call || (index !== undefined && wait.index !== index));
      if (left.length === waiting.length) continue;
      this.#left(waiting.length - left.length);
      if (left.length === 0) this.#bySeq.delete(seq);
      else this.#bySeq.set(seq, left);
    }
  }

  has(seq: number): boolean {
    return this.#bySeq.has(seq);
  }

  /** Whether a call waits for a message. */
  isOf(seq: number, call: number): boolean {
    return this.#bySeq.get(seq)?.some((wait) => wait.call === call) ?? false;
  }

  /** Takes out the waits for a message. */
  take(seq: number): readonly Wait[] {
    const waiting = this.#bySeq.get(seq) ?? [];
    this.#bySeq.delete(seq);
    this.#left(waiting.length);
    return waiting;
  }

  #left(count: number): void {
    this.#count -= count;
    this.#measured.count("waits_ended", count);
  }

  seqs(): readonly number[] {
    return [...this.#bySeq.keys()];
  }

  /** Whether somebody waits for a message in `(after, through]`. */
  anyWithin(after: number, through: number): boolean {
    for (const seq of this.#bySeq.keys()) if (seq > after && seq <= through) return true;
    return false;
  }
}
