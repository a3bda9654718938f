/** What was taken in all rounds, and the middle of it. */

import { percentile, type Rate } from "./measures.ts";
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
    return percentile(
      taken.map((rate) => rate[figure] ?? Number.NaN),
      0.5,
    );
  }
}
