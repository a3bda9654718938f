/**
 * What costs too little for medians of a whole run to show, as the machine's speed drifts by more: both are measured right after one
 * another, many times, and the median of the ratios is what counts.
 */

import { percentile } from "../support/percentile.ts";
import type { Contender } from "./contenders.ts";
import { sending } from "./measures.ts";

export interface Pair {
  readonly way: string;
  /** Messages a second of the first, of the second's: the median of all pairs. */
  readonly ratio: number;
}

const WAYS = {
  "64 senders": { users: 1, senders: 64 },
  "1 sender": { users: 1, senders: 1 },
  "1 sender who waits": { users: 1, senders: 1, wait: true },
} as const;

export const paired = async (
  first: Contender,
  second: Contender,
  { pairs, forMs }: { readonly pairs: number; readonly forMs: number },
  note: (text: string) => void,
): Promise<readonly Pair[]> => {
  const found: Pair[] = [];
  for (const [way, load] of Object.entries(WAYS)) {
    note(`  ${way}: ${pairs} pairs`);
    const ratios: number[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const rates = new Map<Contender, number>();
      // Each first as often as the other.
      for (const one of pair % 2 === 0 ? [first, second] : [second, first]) {
        rates.set(one, (await sending(one, load, forMs)).perSecond);
      }
      ratios.push((rates.get(first) ?? Number.NaN) / (rates.get(second) ?? Number.NaN));
    }
    found.push({ way, ratio: percentile(ratios, 0.5) });
  }
  return found;
};
