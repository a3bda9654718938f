/** What was measured in one turn, in order, as it happened: a few numbers put behind others is all that it costs there. */
import { COUNTERS, type CounterName, SUM, TIMINGS, type TimingName } from "./catalogue.ts";
import { bucketOf } from "./histogram.ts";
import { type LeaseName, leaseId } from "./leases.ts";
import type { Pairs } from "./tally.ts";

export class Measured {
  #pairs: number[] = [];

  count(name: CounterName, count = 1): void {
    this.#add(COUNTERS[name].id, count);
  }

  /** `count`: how many took this time. */
  time(name: TimingName, ms: number, count = 1): void {
    const { id } = TIMINGS[name];
    this.#add(id + bucketOf(ms), count);
    this.#add(id + SUM, Math.max(0, ms) * count);
  }

  /** Something began to be there, for as long as until `endsAt` at most. */
  began(name: LeaseName, beganAt: number, endsAt: number, now: number): void {
    this.#add(leaseId(name, beganAt, endsAt, now), 1);
  }

  /** It is there no more; `beganAt` and `endsAt` are those that it began with. */
  ended(name: LeaseName, beganAt: number, endsAt: number, now: number): void {
    this.#add(leaseId(name, beganAt, endsAt, now), -1);
  }

  /** Gives back all of it, and begins anew. */
  take(): Pairs {
    const pairs = this.#pairs;
    if (pairs.length > 0) this.#pairs = [];
    return pairs;
  }

  #add(id: number, count: number): void {
    if (count === 0) return;
    this.#pairs.push(id, count);
  }
}
