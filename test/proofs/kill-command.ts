/** A proof that kills, as a command: `[kills] [seed]`. It prints progress, figures and violations, and exits with 1 where there are any. */

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onProgress: (kills: number, accepted: number) => void;
}

interface KillReport {
  readonly violations: readonly string[];
}

/** By the rule of three: with 95 % confidence, what was not seen in `n` cases is rarer than this. */
export const bound = (n: number): string => `3/${n} = ${(3 / n).toPrecision(2)}`;

/** `passed`: what has been shown where nothing was violated, and what has not. */
export const killCommand = async <R extends KillReport>(
  name: string,
  proof: (options: KillOptions) => Promise<R>,
  passed: (report: R, kills: number) => string,
): Promise<void> => {
  const kills = Number(process.argv[2] ?? 100);
  const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
  console.log(`${name}: ${kills} kills, seed ${seed}`);
  const report = await proof({
    kills,
    seed,
    onProgress: (done, accepted) => {
      if (done % 10 === 0 || done === kills) console.log(`  ${done} kills, ${accepted} messages accepted`);
    },
  });
  const { violations, ...figures } = report;
  console.log(JSON.stringify(figures, null, 2));
  for (const violation of violations.slice(0, 50)) console.log(`VIOLATION ${violation}`);
  if (violations.length === 0) return console.log(`passed. ${passed(report, kills)}`);
  console.log(`FAILED: ${violations.length} violations; again with seed ${seed}`);
  process.exitCode = 1;
};
