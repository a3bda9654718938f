/**
 * `npm run proof -- escalations [kills] [seed]`: SIGKILL while fallbacks fall due, webhooks are on their way and dead letters of all users
 * are requeued. Exit code 1 where a message is in two places or in none, or a webhook was lost or came under two ids.
 */
import { escalationProof } from "./escalation.ts";

const kills = Number(process.argv[2] ?? 100);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
console.log(`escalations: ${kills} kills, seed ${seed}`);

const report = await escalationProof({
  kills,
  seed,
  alone: true,
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
  console.log(`passed. No message is in two places or in none, no webhook was lost, and what came twice had one id; by the rule of three, with 95 %
confidence a kill loses something in fewer than 3/${kills} = ${bound(kills)} of the cases.
What this cannot prove is what \`npm run proof -- kills\` cannot.`);
}
