/** Which held messages have which topic (S6). In memory, and read from the packs at its first use: most users have none. */
import type { Head } from "./pack-heads.ts";

export class Topics {
  readonly #read: () => Iterable<Head>;
  /** The seqs of each, in order. */
  #known: Map<string, Set<number>> | undefined;

  /** `read` gives all that is held and has a topic, in order. */
  constructor(read: () => Iterable<Head>) {
    this.#read = read;
  }

  of(topic: string): readonly number[] {
    if (this.#known === undefined) {
      this.#known = new Map();
      for (const head of this.#read()) this.add(head);
    }
    return [...(this.#known.get(topic) ?? [])];
  }

  add({ topic, seq }: Head): void {
    if (topic === null || this.#known === undefined) return;
    const seqs = this.#known.get(topic);
    if (seqs === undefined) this.#known.set(topic, new Set([seq]));
    else seqs.add(seq);
  }

  remove({ topic, seq }: Head): void {
    if (topic === null) return;
    const seqs = this.#known?.get(topic);
    if (seqs?.delete(seq) && seqs.size === 0) this.#known?.delete(topic);
  }
}
