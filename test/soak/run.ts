/**
 * `npm run soak -- [minutes] [seed]`: everything at once for so long, checked message by message. Exit code 1 where a message was
 * lost in silence, doubled for the SDK, out of order, shown to whom it was not for, or answered untruly. `--planted [bug]`: whether
 * the soak would notice.
 */
import { parseArgs } from "node:util";
import { PLANTED, plantAll } from "./planted.ts";
import { boundsOf } from "./report.ts";
import { soak } from "./soak.ts";

const { values, positionals } = parseArgs({ options: { planted: { type: "boolean" } }, allowPositionals: true });

const run = async (minutes: number, seed: number): Promise<boolean> => {
  console.log(`soak: ${minutes} min, seed ${seed}`);
  const report = await soak({ seed, durationMs: minutes * 60_000, onProgress: (line) => console.log(`  ${line}`) });
  const { violations, timeline, ...figures } = report;
  console.log(JSON.stringify(figures, null, 2));
  if (violations.length === 0) {
    console.log(`passed. Each accepted message was processed, in order, by every device that had to get it, or had ended and lies in a gap that it was
told of. By the rule of three, with 95 % confidence, something is lost, doubled or out of order in fewer than
${boundsOf(report)}
of the cases (as if they were independent, which those near one stop are not).
What this cannot prove: the disk's own failures, and Cloudflare's replication, moves of objects and network between machines.`);
    return true;
  }
  for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);
  console.log(`What happened when:\n  ${timeline.slice(-200).join("\n  ")}`);
  console.log(`FAILED: ${violations.length} violations; the same draws again with seed ${seed}`);
  return false;
};

const [minutes, seed] = [Number(positionals[0] ?? 10), Number(positionals[1] ?? Date.now() % 1_000_000)];
const names = values.planted !== true ? [] : positionals.length > 0 ? positionals : Object.keys(PLANTED);
if (
  names.some((name) => PLANTED[name] === undefined) ||
  (names.length === 0 && !(minutes > 0 && Number.isSafeInteger(seed)))
) {
  console.log(`npm run soak -- [minutes] [seed]\nnpm run soak -- --planted [${Object.keys(PLANTED).join(" | ")}]`);
  process.exit(2);
}
const passed = names.length > 0 ? await plantAll(names, Date.now() % 1_000_000) : await run(minutes, seed);
// Whatever is still open here belongs to nobody any more.
process.exit(passed ? 0 : 1);
