/** Random schedules against the reference model. `SEED=123 npx vitest run --project simulation` runs one again. */
import { expect, test } from "vitest";
import { explain } from "./shrink.ts";
import { runSeed } from "./simulate.ts";

const one = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const first = one ?? 1;
const count = one === undefined ? Number(process.env.SCHEDULES ?? 10_000) : 1;

test(`[D1, D2, D3, D5, D8, D9, D10, C1–C7, C10, S1–S8] schedules of SEED ${first}–${first + count - 1}: what is accepted ends once, as the rules say`, () => {
  for (let seed = first; seed < first + count; seed += 1) {
    if (runSeed(seed) !== undefined) expect.unreachable(explain(seed));
  }
});
