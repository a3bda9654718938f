/**
 * The long proof, on all cores, a schedule for each seed:
 *
 *     npm run proof -- simulation --schedules 200000 [--seed 1] [--workers 2]
 *
 * It prints how far it is, then either that all seeds pass, or the seeds that failed, each with its shortest schedule.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { explain } from "./shrink.ts";
import { runSeed } from "./simulate.ts";

interface Share {
  readonly first: number;
  readonly count: number;
}

interface Progress {
  readonly done: number;
  readonly failed: readonly number[];
}

/** Small shares, so that a core that others use too is not what the rest waits for. */
const SHARE = 1_000;
const FAILURES_EXPLAINED = 3;
const REPORT_EVERY_MS = 10_000;

const work = ({ first, count }: Share): Progress => {
  const failed: number[] = [];
  for (let seed = first; seed < first + count; seed += 1) if (runSeed(seed) !== undefined) failed.push(seed);
  return { done: count, failed };
};

const lead = async (first: number, count: number, workers: number): Promise<number> => {
  const startedAt = performance.now();
  const seconds = () => ((performance.now() - startedAt) / 1_000).toFixed(1);
  const failed: number[] = [];
  let next = first;
  let done = 0;
  let reportedAt = startedAt;
  const run = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: "simulate" });
      const hand = () => {
        if (next >= first + count) return void worker.terminate().then(() => resolve());
        const share: Share = { first: next, count: Math.min(SHARE, first + count - next) };
        next += share.count;
        worker.postMessage(share);
      };
      worker.on("message", (progress: Progress) => {
        done += progress.done;
        failed.push(...progress.failed);
        if (performance.now() - reportedAt > REPORT_EVERY_MS) {
          reportedAt = performance.now();
          console.log(`${done} of ${count} schedules in ${seconds()} s, ${failed.length} failed`);
        }
        hand();
      });
      worker.on("error", reject);
      hand();
    });
  await Promise.all(Array.from({ length: workers }, run));
  for (const seed of failed.sort((a, b) => a - b).slice(0, FAILURES_EXPLAINED)) console.log(`\n${explain(seed)}`);
  console.log(
    `\n${count} schedules from SEED=${first}: ${failed.length} failed, in ${seconds()} s on ${workers} threads.`,
  );
  if (failed.length > 0) console.log(`Failed seeds: ${failed.slice(0, 100).join(" ")}`);
  return failed.length === 0 ? 0 : 1;
};

if (isMainThread) {
  const { values } = parseArgs({
    options: {
      schedules: { type: "string", default: "200000" },
      seed: { type: "string", default: "1" },
      workers: { type: "string", default: String(availableParallelism()) },
    },
  });
  process.exitCode = await lead(Number(values.seed), Number(values.schedules), Number(values.workers));
} else if (workerData === "simulate") {
  parentPort?.on("message", (share: Share) => parentPort?.postMessage(work(share)));
}
