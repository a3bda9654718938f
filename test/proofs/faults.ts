/**
 * `npm run proof -- faults [faults] [seed]`: inboxes of the SDK on a network that cuts, delays, freezes, forgets and loses, and a
 * server that is killed. Exit code 1 where a message was lost, came twice to its handler, or out of order.
 */
import { faultProof } from "./fault-run.ts";

const faults = Number(process.argv[2] ?? 500);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
console.log(`faults: ${faults} on 40 inboxes, seed ${seed}`);

let told = 0;
const { violations, kinds, ...figures } = await faultProof({
  faults,
  seed,
  clients: 40,
  onProgress: (done, found) => {
    if (done - told < 50) return;
    told = done;
    console.log(`  ${done} faults, ${found} violations`);
  },
});
console.table(kinds);
console.log(JSON.stringify(figures, null, 2));
for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);
console.log(violations.length === 0 ? "passed" : `FAILED: ${violations.length} violations; again with seed ${seed}`);
process.exitCode = violations.length === 0 ? 0 : 1;
