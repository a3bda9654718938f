/** What the figures have to show, and whether they do. */

import { percentile } from "../support/percentile.ts";
import type { Contender } from "./contenders.ts";
import type { Figures } from "./figures.ts";
import type { Drained, Idle } from "./own-measures.ts";
import type { Pair } from "./pairs.ts";
import type { Peer } from "./peers/peer.ts";
import { BATCHES, PRODUCER_OF_1, PRODUCER_OF_20, PRODUCER_WITH_IDS } from "./plan.ts";
import type { Target } from "./report.ts";

export interface Judged {
  readonly figures: Figures;
  readonly us: Contender;
  /** Ours of ours with monitoring switched off; empty where that was not measured. */
  readonly watching: readonly Pair[];
  /** Our own Worker before an object that stores nothing: what nothing behind it can be faster than. */
  readonly door: Contender;
  readonly floor: Contender;
  readonly rowEach: Contender;
  readonly node: Contender;
  readonly peers: readonly Peer[];
  readonly drains: readonly Drained[];
  /** A backlog of large messages. */
  readonly large: Drained | undefined;
  readonly idles: { readonly us: Idle; readonly floor: Idle } | undefined;
  /** Of this disk, in milliseconds. */
  readonly syncMs: number;
}

/** NaN is what was not measured, and what comes of it. */
const judge = (what: string, wanted: string, shown: string, isMet: boolean, ...figures: readonly number[]): Target =>
  figures.some(Number.isNaN)
    ? { what, wanted, figure: "not measured", isMet: undefined }
    : { what, wanted, figure: shown, isMet };

const whole = (n: number): string => Math.round(n).toLocaleString("en-US");

/**
 * The floor with 64 senders on the machine on which figures a second were wanted. Elsewhere the same share of the floor is what shows whether
 * it is the machine that is slower.
 */
const FLOOR_THERE = 9_000;
const thereOf = ({ figures, floor }: Judged) => FLOOR_THERE / figures.of("many", floor.name);
const there = (rate: number, judged: Judged): string => {
  const scaled = rate * thereOf(judged);
  return Number.isNaN(scaled) ? "" : ` (${whole(scaled)} at a floor of ${whole(FLOOR_THERE)})`;
};

export const targetsFrom = (judged: Judged): readonly Target[] => [
  ...durableTargets(judged),
  ...waitTargets(judged),
  ...volumeTargets(judged),
  ...backlogTargets(judged),
  ...spreadTargets(judged),
  idleTarget(judged),
  watchTarget(judged),
  {
    what: "7. simulation, kills and hibernation",
    wanted: "hold",
    figure: "`npm test`, `npm run proof`",
    isMet: undefined,
  },
];

const durableTargets = ({ figures, us, door, floor, node }: Judged): readonly Target[] => {
  const ours = figures.of("many", us.name);
  const ofFloor = ours / figures.of("many", floor.name);
  const ofNode = ours / figures.of("many", node.name);
  const doorOfNode = figures.of("many", door.name) / figures.of("many", node.name);
  const p99 = figures.of("many", us.name, "p99Ms");
  const p99OfFloor = figures.of("many", floor.name, "p99Ms");
  return [
    judge("1. 64 senders to one user, of the floor", "≥ 1.0", ofFloor.toFixed(2), ofFloor >= 1, ofFloor),
    judge(
      "1. of Node + SQLite FULL",
      "≥ 2.5",
      `${ofNode.toFixed(2)} (${doorOfNode.toFixed(2)} of an object that stores nothing, by the same door)`,
      ofNode >= 2.5,
      ofNode,
    ),
    judge(
      "1. p99 of the reply",
      "≤ 50 ms",
      `${p99.toFixed(1)} ms (the floor's: ${p99OfFloor.toFixed(1)})`,
      p99 <= 50,
      p99,
    ),
  ];
};

const waitTargets = ({ figures, us, door, floor }: Judged): readonly Target[] => {
  const ours = figures.of("waited", us.name);
  const ofFloor = ours / figures.of("one", floor.name);
  const ofWaiting = ours / figures.of("waited", floor.name);
  const ofDoor = ours / figures.of("waited", door.name);
  const path = figures.of("waitedPath", us.name, "p95Ms") / figures.of("path", floor.name, "p95Ms");
  return [
    judge(
      "2. Prefer: wait, 1 sender, of the floor, which waits for nobody",
      "≥ 0.9",
      `${ofFloor.toFixed(2)} (of one that waits, too: ${ofWaiting.toFixed(2)}; by the same door: ${ofDoor.toFixed(2)})`,
      ofFloor >= 0.9,
      ofFloor,
    ),
    judge("2. p95 send → receive, of the floor's", "≤ 1.3", path.toFixed(2), path <= 1.3, path),
  ];
};

/** In which the others may be fast. */
const WAYS = ["one", "many", "spread", "piped"] as const;

const volumeTargets = (judged: Judged): readonly Target[] => {
  const { figures, us, node, peers } = judged;
  const producer = (what: string) => figures.of("piped", `${us.name}: ${what}`);
  const [singly, framed, withIds] = [PRODUCER_OF_1, PRODUCER_OF_20, PRODUCER_WITH_IDS].map(producer) as [
    number,
    number,
    number,
  ];
  const batched = figures.of("grouped", `${us.name}: ${BATCHES}`);
  // Whatever way each of them is fastest.
  const [best] = [node, ...peers.filter(({ isSynced }) => isSynced)]
    .flatMap(({ name }) => WAYS.map((group) => ({ name, rate: figures.of(group, name) })))
    .filter(({ rate }) => !Number.isNaN(rate))
    .toSorted((a, b) => b.rate - a.rate);
  const most = best?.rate ?? Number.NaN;
  const least = Math.min(framed, withIds);
  return [
    judge(
      "3. producer's socket, messages a second",
      "≥ 30,000",
      `${whole(singly)} singly, ${whole(framed)} in frames of 20, ${whole(withIds)} with ids${there(least, judged)}`,
      least >= 30_000,
      least,
    ),
    judge(
      "3. batches over 200 users",
      "≥ 100,000",
      `${whole(batched)}${there(batched, judged)}`,
      batched >= 100_000,
      batched,
    ),
    judge(
      "3. both, of the fastest that syncs",
      "> 1",
      `${(least / most).toFixed(2)} and ${(batched / most).toFixed(2)} of ${best?.name}`,
      Math.min(least, batched) > most,
      least,
      batched,
      most,
    ),
  ];
};

const backlogTargets = (judged: Judged): readonly Target[] => {
  const { drains, large } = judged;
  const middle = (pick: (drained: Drained) => number) => percentile(drains.map(pick), 0.5);
  const rate = middle((d) => d.perSecond);
  const firstMs = middle((d) => d.firstMs);
  const ofBare = firstMs / middle((d) => d.bareMs);
  const grewMb = (large?.grewKb ?? Number.NaN) / 1_024;
  return [
    judge(
      "4. a backlog of 10,000, a second",
      "≥ 250,000",
      `${whole(rate)}${there(rate, judged)}`,
      rate >= 250_000,
      rate,
    ),
    judge(
      "4. its first message, of a bare connect",
      "≤ 2",
      `${ofBare.toFixed(2)} (${firstMs.toFixed(1)} ms)`,
      ofBare <= 2,
      ofBare,
    ),
    judge(
      "4. 10,000 of 6 kB: the server's memory grows by",
      "a window",
      `${grewMb.toFixed(1)} MiB`,
      grewMb < 16,
      grewMb,
    ),
  ];
};

const spreadTargets = ({ figures, us, floor, rowEach, syncMs }: Judged): readonly Target[] => {
  // What a message takes beyond the floor's, in processor time and waiting, for two hundred who send at a time.
  const beyond = (contender: Contender) =>
    1_000 / figures.of("spread", contender.name) - 1_000 / figures.of("spread", floor.name);
  const [ours, sync] = [beyond(us), beyond(rowEach)];
  const of = (price: string, bound: number) =>
    judge(
      "5. 200 users: a message takes longer than the floor's by",
      Number.isNaN(bound) ? `≤ ${price}` : `≤ ${price}, ${bound.toFixed(2)} ms`,
      `${ours.toFixed(2)} ms`,
      ours <= bound,
      ours,
      bound,
    );
  return [of("a sync a message in the runtime", sync), of("a bare sync of this disk", syncMs)];
};

const idleTarget = ({ idles }: Judged): Target => {
  const what = "6. idle sockets: memory, of an object that does nothing";
  const wanted = "≤ 1.1; no CPU";
  if (idles === undefined) return { what, wanted, figure: "not measured (--idle)", isMet: undefined };
  const ratio = idles.us.kbEach / idles.floor.kbEach;
  const figure = `${ratio.toFixed(2)} (${idles.us.kbEach.toFixed(0)} kB each), ${idles.us.cpuMs} ms in 5 s`;
  return { what, wanted, figure, isMet: ratio <= 1.1 };
};

/** What monitoring takes: at most 3 %, whichever way messages come. */
const watchTarget = ({ watching }: Judged): Target => {
  const least = watching.length === 0 ? Number.NaN : Math.min(...watching.map(({ ratio }) => ratio));
  return judge(
    "6 (monitoring). Of ours without it, medians of pairs",
    "≥ 0.97",
    watching.map(({ way, ratio }) => `${way} ${ratio.toFixed(2)}`).join(", "),
    least >= 0.97,
    least,
  );
};
