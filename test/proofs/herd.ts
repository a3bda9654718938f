/**
 * `npm run proof -- herd [clients] [downMs]`: as many inboxes lose their server at once, to a SIGKILL and to a deploy's close.
 * Exit code 1 where one did not come back with everything, or where they came in a crowd.
 */
import { type HerdReport, herdProof, STEP_MS } from "./herd-run.ts";

const clients = Number(process.argv[2] ?? 1_000);
const downMs = Number(process.argv[3] ?? 5_000);
/** What any step may have of all attempts: after a deploy, with the server there at once, all of them are spread over one second. */
const PEAK_SHARE_MAX = { killed: 0.15, "closed 1012": 0.4 } as const;
const ATTEMPTS_MAX = 10;

const bars = ({ histogram }: HerdReport): void => {
  const widest = Math.max(...histogram);
  for (const [step, count] of histogram.entries()) {
    if (count === 0) continue;
    const from = String(step * STEP_MS).padStart(6);
    console.log(`  ${from} ms ${String(count).padStart(5)} ${"#".repeat(Math.ceil((60 * count) / widest))}`);
  }
};

for (const loss of [{ how: "killed", downMs }, { how: "closed 1012" }] as const) {
  console.log(`herd: ${clients} inboxes, ${loss.how}${loss.how === "killed" ? `, down for ${downMs} ms` : ""}`);
  const report = await herdProof(clients, loss);
  const { histogram: _, violations, ...figures } = report;
  console.log(JSON.stringify(figures, null, 2));
  console.log("attempts after the loss:");
  bars(report);
  const found = [
    ...violations,
    ...(report.peakShare > PEAK_SHARE_MAX[loss.how] ? ["a crowd: see the histogram"] : []),
    ...(report.attempts.max > ATTEMPTS_MAX ? [`a client that tried ${report.attempts.max} times`] : []),
  ];
  for (const violation of found.slice(0, 50)) console.log(`VIOLATION ${violation}`);
  console.log(found.length === 0 ? "passed" : `FAILED: ${found.length} violations`);
  if (found.length > 0) process.exitCode = 1;
}
