/** Makes a failing schedule small: leaves out operations for as long as it still fails with the same rule. */
import type { Op, Schedule } from "./operations.ts";
import { scheduleOf } from "./schedules.ts";
import { type Failure, runSchedule, runSeed } from "./simulate.ts";

const ruleOf = (failure: Failure): string => failure.words.slice(0, failure.words.indexOf("]") + 1);

export const shrink = (
  schedule: Schedule,
  failure: Failure,
): { readonly schedule: Schedule; readonly failure: Failure } => {
  let best = { schedule: { ...schedule, ops: schedule.ops.slice(0, failure.at + 1) }, failure };
  const attempt = (ops: readonly Op[]): boolean => {
    const smaller = { ...schedule, ops };
    const found = runSchedule(smaller);
    if (found === undefined || ruleOf(found) !== ruleOf(failure)) return false;
    best = { schedule: { ...smaller, ops: ops.slice(0, found.at + 1) }, failure: found };
    return true;
  };
  if (!attempt(best.schedule.ops)) return { schedule, failure };
  for (let size = Math.ceil(best.schedule.ops.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.schedule.ops.length; ) {
      const { ops } = best.schedule;
      if (!attempt([...ops.slice(0, from), ...ops.slice(from + size)])) from += size;
    }
  }
  return best;
};

/** What to print of a seed that fails: how to run it again, what is left of it, and what was wrong. */
export const explain = (seed: number): string => {
  const schedule = scheduleOf(seed);
  const failure = runSeed(seed);
  if (failure === undefined) return `SEED=${seed} passes.`;
  const small = shrink(schedule, failure);
  return [
    `SEED=${seed} fails after operation ${failure.at + 1} of ${schedule.ops.length}: ${failure.words}`,
    `It still does (${small.failure.words}) with ${JSON.stringify(schedule.settings)} and these:`,
    ...small.schedule.ops.map((op, i) => `  ${i + 1}. ${JSON.stringify(op)}`),
  ].join("\n");
};
