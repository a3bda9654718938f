/**
 * `npm run proof -- fuzz [--count 100000] [--seed n]`: mutated requests, frames of clients and frames of
 * publishers against the real runtime. Exit code 1 where a
 * reply was a 5xx, held a stack or another user's data, or where what was refused changed anything.
 */
import { parseArgs } from "node:util";
import { startRuntime } from "../support/runtime.ts";
import { fuzz } from "./fuzz-run.ts";

const { values } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" } } });
const count = Number(values.count ?? 100_000);
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
console.log(`fuzz: ${count} mutations, seed ${seed}`);

const runtime = await startRuntime();
const beganAt = performance.now();
try {
  let told = 0;
  const report = await fuzz(runtime, {
    count,
    seed,
    onProgress: (done, violations) => {
      if (done - told < count / 20) return;
      told = done;
      console.log(`  ${done} after ${Math.round((performance.now() - beganAt) / 1_000)} s, ${violations} violations`);
    },
  });
  const { violations, ...figures } = report;
  console.log(JSON.stringify(figures, null, 2));
  for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);
  const internal = runtime.logs.split("\n").filter((line) => line.includes('"level":"error"'));
  for (const line of internal.slice(0, 10)) console.log(`LOGGED ${line}`);
  console.log(
    violations.length === 0 ? "passed" : `FAILED: ${violations.length} violations; again with --seed ${seed}`,
  );
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await runtime.stop();
}
