/**
 * Times as counts in fixed buckets: two histograms are merged by adding, in any order, and a percentile is true to 5 %.
 *
 * The buckets of DDSketch (Masson, Rim and Lee, VLDB 2019, section 2.1): each ends 1.105 times as late as the one before it, so that
 * no value in it is farther than 5 % from its middle. They begin at 1 ms, which is what a clock here resolves, and reach 30 days.
 */

/** Of a percentile, to either side, from 1 ms on. */
export const RELATIVE_ERROR = 0.05;

const GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GROWTH = Math.log(GROWTH);
const LONGEST_MS = 30 * 86_400_000;

/** How many buckets there are; the last one takes whatever is longer. */
export const BUCKETS = Math.ceil(Math.log(LONGEST_MS) / LOG_GROWTH) + 1;

/** Which bucket takes a time. The first takes all up to 1 ms, and what a clock that was set back makes negative. */
export const bucketOf = (ms: number): number => {
  if (!(ms > 1)) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(ms) / LOG_GROWTH));
};

/** Where a bucket ends, in milliseconds: the longest time that it takes. */
export const upperBoundMs = (bucket: number): number => GROWTH ** bucket;

/** What a time in a bucket is taken for: never farther from it than 5 %. */
export const estimateMs = (bucket: number): number => (bucket === 0 ? 1 : (2 * GROWTH ** bucket) / (GROWTH + 1));

/** The `q`-quantile by the nearest rank, in milliseconds; undefined where nothing was counted. `counts` by bucket. */
export const quantileMs = (counts: ReadonlyMap<number, number>, q: number): number | undefined => {
  const buckets = [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return undefined;
  let left = Math.max(1, Math.ceil(q * total));
  for (const [bucket, count] of buckets) {
    left -= count;
    if (left <= 0) return estimateMs(bucket);
  }
  return undefined;
};
