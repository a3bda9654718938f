/** Many races side by side, summed up. */
import type { Backend } from "../support/backend.ts";
import { Random } from "../support/random.ts";
import { type RoundReport, raceRound } from "./race-round.ts";

interface RaceReport extends Omit<RoundReport, "offsetsMs"> {
  readonly seed: number;
  readonly users: number;
  readonly durationMs: number;
  /** Sends by when they really began, relative to their attach, in steps of 20 ms: `-50…-31` and so on. */
  readonly offsets: Readonly<Record<string, number>>;
}

interface RaceOptions {
  readonly seed: number;
  /** At least so many. */
  readonly attaches: number;
  /** Users at once. More of them, and the offsets blur. */
  readonly concurrency?: number;
  readonly onProgress?: (attaches: number, violations: number) => void;
}

export const race = async (backend: Backend, options: RaceOptions): Promise<RaceReport> => {
  const { seed, attaches, concurrency = 4 } = options;
  const random = new Random(seed);
  const startedAt = Date.now();
  const rounds: RoundReport[] = [];
  let users = 0;
  const attached = () => rounds.reduce((sum, r) => sum + r.attaches, 0);
  const runner = async (): Promise<void> => {
    while (attached() < attaches) {
      users += 1;
      rounds.push(await raceRound(backend, `race-${seed}-${users}`, random.fork()));
      options.onProgress?.(
        attached(),
        rounds.reduce((sum, r) => sum + r.violations.length, 0),
      );
    }
  };
  await Promise.all(Array.from({ length: concurrency }, runner));
  const sum = (of: (round: RoundReport) => number) => rounds.reduce((total, round) => total + of(round), 0);
  return {
    seed,
    users,
    durationMs: Date.now() - startedAt,
    attaches: attached(),
    accepted: sum((r) => r.accepted),
    received: sum((r) => r.received),
    backlog: sum((r) => r.backlog),
    live: sum((r) => r.live),
    offsets: histogram(rounds.flatMap((r) => r.offsetsMs)),
    violations: rounds.flatMap((r) => r.violations),
  };
};

const STEP_MS = 20;

const histogram = (offsets: readonly number[]): Record<string, number> => {
  const counts = new Map<number, number>();
  for (const offset of offsets) {
    const step = Math.floor((offset + 50) / STEP_MS);
    counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  const name = (step: number) => `${step * STEP_MS - 50}…${(step + 1) * STEP_MS - 50} ms`;
  return Object.fromEntries([...counts].sort(([a], [b]) => a - b).map(([step, count]) => [name(step), count]));
};
