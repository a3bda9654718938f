/** The simulation is as good as the bugs it finds: each of these is planted in the real code, and has to be caught. */
import { expect, test } from "vitest";
import { simulateWith } from "./mutant.ts";
import { seedsFor } from "./planted-bug.ts";
import { PLANTED_BUGS } from "./planted-bugs.ts";

/** Most are caught by one of the first ten schedules, the rarest by one of the first few thousand. */
const SCHEDULES = 10_000;

test.each(PLANTED_BUGS)("$name: it is caught", async (bug) => {
  const { runSeed } = await simulateWith(bug);
  let caughtBy: number | undefined;
  for (const seed of seedsFor(bug, SCHEDULES)) {
    if (runSeed(seed) === undefined) continue;
    caughtBy = seed;
    break;
  }
  expect(caughtBy, `none of ${SCHEDULES} schedules noticed it`).toBeDefined();
});

test("there are planted bugs enough to tell", () => {
  expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(15);
  expect(new Set(PLANTED_BUGS.map(({ name }) => name)).size).toBe(PLANTED_BUGS.length);
});
