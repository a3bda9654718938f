/** What was taken in all rounds, and the middle of it. */

import type { Rate } from "./measures.ts";
import type { Measurement } from "./plan.ts";

export class Figures {
  readonly #taken = new Map<string, Partial<Rate>[]>();

  add({ group, name }: Measurement, rate: Partial<Rate>): void {
    const key = `${group}: ${name}`;
    this.#taken.set(key, [...(this.#taken.get(key) ?? []), rate]);
  }

  /** The median of a figure; NaN where it was not measured. */
  of(group: Measurement["group"], name: string, figure: keyof Rate = "perSecond"): number {
    const taken = this.#taken.get(`${group}: ${name}`) ?? [];
    const sorted = taken.map((rate) => rate[figure] ?? Number.NaN).sort((a, b) => a - b);
    const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
    return ((below ?? Number.NaN) + (above ?? Number.NaN)) / 2;
  }
}
