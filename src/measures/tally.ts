/** What was measured: numbers by the number that each thing goes by. Two are merged by adding, so that nothing depends on the order. */
import { COUNTERS, type CounterName, SUM, TIMINGS, type TimingName } from "./catalogue.ts";
import { quantileMs } from "./histogram.ts";

/** A number of the catalogue, how much is added to it, and so on: how measurements travel and are stored. */
export type Pairs = readonly number[];

export class Tally {
  readonly #numbers = new Map<number, number>();

  constructor(pairs: Pairs = []) {
    this.add(pairs);
  }

  get size(): number {
    return this.#numbers.size;
  }

  add(pairs: Pairs): void {
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const id = pairs[at] as number;
      const sum = (this.#numbers.get(id) ?? 0) + (pairs[at + 1] as number);
      // What has come and gone within one report is no news.
      if (sum === 0) this.#numbers.delete(id);
      else this.#numbers.set(id, sum);
    }
  }

  pairs(): number[] {
    const pairs: number[] = [];
    for (const [id, count] of this.#numbers) pairs.push(id, count);
    return pairs;
  }

  /** Gives back all of it, and begins anew. */
  take(): number[] {
    const pairs = this.pairs();
    this.#numbers.clear();
    return pairs;
  }

  count(name: CounterName): number {
    return this.#numbers.get(COUNTERS[name].id) ?? 0;
  }

  /** How many times were taken, by bucket. */
  buckets(name: TimingName): ReadonlyMap<number, number> {
    const { id } = TIMINGS[name];
    return new Map(
      [...this.#numbers].flatMap(([key, count]): [number, number][] =>
        key >= id && key < id + SUM ? [[key - id, count]] : [],
      ),
    );
  }

  sumMs(name: TimingName): number {
    return this.#numbers.get(TIMINGS[name].id + SUM) ?? 0;
  }

  /** True to 5 % from 1 ms on (`histogram.ts`); undefined where nothing was timed. */
  quantileMs(name: TimingName, q: number): number | undefined {
    return quantileMs(this.buckets(name), q);
  }
}
