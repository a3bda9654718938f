/**
 * `npm run proof -- kills [kills] [seed]`: at least 100 times SIGKILL under load, then every answered message is looked for.
 * Exit code 1 where one was lost, doubled, out of order, or in two places.
 */
import { killProof } from "./kill.ts";

const kills = Number(process.argv[2] ?? 100);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
console.log(`kills: ${kills}, seed ${seed}`);

const report = await killProof({
  kills,
  seed,
  onProgress: (done, accepted) => {
    if (done % 10 === 0 || done === kills) console.log(`  ${done} kills, ${accepted} messages accepted`);
  },
});
const { violations, ...figures } = report;
console.log(JSON.stringify(figures, null, 2));
for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);

if (violations.length > 0) {
  console.log(`FAILED: ${violations.length} violations; again with seed ${seed}`);
  process.exitCode = 1;
} else {
  const bound = (n: number) => (3 / n).toPrecision(2);
  console.log(`passed. Nothing was lost, doubled, reordered or in two places; by the rule of three, with 95 % confidence:
  a kill loses something in fewer than 3/${kills} = ${bound(kills)} of the cases;
  a message that was answered is lost with a probability below 3/${report.accepted} = ${bound(report.accepted)} under such kills
  (as if messages were independent; those near one kill are not, so the first bound is the one to rely on).
What this cannot prove: a killed process leaves its writes in the operating system's cache, so that neither fsync nor a power failure
is tested; nor Cloudflare's replication, its moving of objects between machines, two instances of one object during a network
partition, nor a restore. There the output gate must hold replies back until the writes are confirmed elsewhere; here they were
confirmed by SQLite on the local disk.`);
}
