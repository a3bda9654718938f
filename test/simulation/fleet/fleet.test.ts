/** Random schedules over many Mailboxes, their index and jobs; and bugs planted in the real code, each of which they have to notice. */
import { expect, test } from "vitest";
import { fleetWith } from "../mutant.ts";
import { seedsFor } from "../planted-bug.ts";
import { runFleet } from "./fleet.ts";
import { PLANTED_FLEET_BUGS } from "./planted-bugs.ts";

const one = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const first = one ?? 1;
const count = one === undefined ? Number(process.env.FLEETS ?? 60) : 1;

/** Most are caught by one of the first ten schedules, the rarest by one of the first hundred. */
const SCHEDULES = 1_000;

test(`[N4, N5, D1, D7] fleets of SEED ${first}–${first + count - 1}: the list is of those who need a person, and jobs pass over nobody`, async () => {
  for (let seed = first; seed < first + count; seed += 1) {
    expect(await runFleet(seed), `SEED=${seed}`).toBeUndefined();
  }
});

test.each(PLANTED_FLEET_BUGS)("$name: it is caught", async (bug) => {
  const { runFleet: run } = await fleetWith(bug);
  let caughtBy: number | undefined;
  for (const seed of seedsFor(bug, SCHEDULES)) {
    if ((await run(seed)) === undefined) continue;
    caughtBy = seed;
    break;
  }
  expect(caughtBy, `none of ${SCHEDULES} schedules noticed it`).toBeDefined();
});
