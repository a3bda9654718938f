/**
 * `npm run soak -- [minutes] [seed]`: everything at once for so long, checked message by message. Exit code 1 where a message was
 * lost in silence, doubled for the SDK, out of order, or shown to whom it was not for.
 */
import { soak } from "./soak-run.ts";

const minutes = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.log("npm run soak -- [minutes] [seed]");
  process.exit(2);
}
console.log(`soak: ${minutes} min, seed ${seed}`);

const report = await soak({ seed, durationMs: minutes * 60_000, onProgress: (line) => console.log(`  ${line}`) });
const { violations, timeline, ...figures } = report;
console.log(JSON.stringify(figures, null, 2));
for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);

if (violations.length > 0) {
  console.log(`What happened when:\n  ${timeline.slice(-200).join("\n  ")}`);
  console.log(`FAILED: ${violations.length} violations; the same draws again with seed ${seed}`);
  process.exitCode = 1;
} else {
  const bound = (n: number) => (n === 0 ? "no bound" : `${Math.min(1, 3 / n).toPrecision(2)} (3/${n})`);
  console.log(`passed. Each accepted message was processed, in order, by every device that had to get it, or lies in a gap that it was told of.
By the rule of three, with 95 % confidence: a stop of the server loses something in fewer than ${bound(report.kills + report.deploys)} of the cases;
a message for a device is lost with a probability below ${bound(report.delivered)} (as if they were independent, which those near one stop are not).
What this cannot prove: the disk's own failures, and Cloudflare's replication, moves of objects and network between machines.`);
}
// Whatever is still open here belongs to nobody any more.
process.exit();
