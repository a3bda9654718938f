/** Mutated requests and frames against a running server, with users beside them whom nothing of it may reach. */
import { Canaries } from "../support/fuzz-canary.ts";
import { Random } from "../support/random.ts";
import { fuzzFrames } from "./fuzz-frames.ts";
import { fuzzPublishers } from "./fuzz-publishers.ts";
import { fuzzRequests } from "./fuzz-requests.ts";
import { type FuzzReport, FuzzTally, uuidOf } from "./fuzz-tally.ts";

interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  readonly onProgress?: (done: number, violations: number) => void;
}

const LANES = 8;

/** A third of `count` each are requests, frames of clients and frames of publishers; the same seed makes the same ones. */
export const fuzz = async (
  server: { readonly url: string; readonly port: number },
  options: FuzzOptions,
): Promise<FuzzReport> => {
  const random = new Random(options.seed);
  const canaries = await Canaries.settle(server.url);
  const tally = new FuzzTally(`lane-secret-${uuidOf(random)}`, canaries.secret, options.onProgress ?? (() => {}));
  const each = Math.ceil(options.count / (3 * LANES));
  await Promise.all(
    Array.from({ length: LANES }, () => random.fork()).flatMap((lane) => [
      fuzzRequests(server.url, server.port, each, lane.fork(), tally),
      fuzzFrames(server.url, server.port, each, lane.fork(), tally),
      fuzzPublishers(server.url, server.port, each, lane.fork(), tally),
    ]),
  );
  for (const fault of await canaries.faults()) tally.violation(fault, "");
  await canaries.leave();
  return tally.report(options.seed);
};
