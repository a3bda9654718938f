/**
 * `npm run proof -- races [attaches] [seed]`: at least 1,000 attaches over real sockets, with messages sent from 50 ms before to
 * 50 ms after each. Exit code 1 where anything was lost, came twice or out of order.
 */
import { Backend } from "../support/backend.ts";
import { startRuntime } from "../support/runtime.ts";
import { race } from "./race.ts";

const attaches = Number(process.argv[2] ?? 1_000);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
console.log(`races: at least ${attaches} attaches, seed ${seed}`);

const runtime = await startRuntime();
try {
  let told = 0;
  const report = await race(new Backend(runtime.url), {
    attaches,
    seed,
    onProgress: (done, violations) => {
      if (done - told < 100) return;
      told = done;
      console.log(`  ${done} attaches, ${violations} violations`);
    },
  });
  const { violations, ...figures } = report;
  console.log(JSON.stringify(figures, null, 2));
  for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);
  console.log(violations.length === 0 ? "passed" : `FAILED: ${violations.length} violations; again with seed ${seed}`);
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await runtime.stop();
}
