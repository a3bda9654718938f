/** What a fuzz has seen. */
import type { Random } from "../support/random.ts";

export interface FuzzReport {
  readonly seed: number;
  readonly requests: number;
  readonly frames: number;
  readonly publisherFrames: number;
  /** How often each status and code, each end of a connection, and each outcome of a publisher's frame came. */
  readonly replies: Readonly<Record<string, number>>;
  readonly ends: Readonly<Record<string, number>>;
  readonly published: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

export class FuzzTally {
  /** In the data of the lanes' own users. */
  readonly secret: string;
  /** In the data of the canaries: nobody else may see it. */
  readonly canary: string;
  readonly #replies = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  readonly #published = new Map<string, number>();
  readonly #violations: string[] = [];
  readonly #progressed: (done: number, violations: number) => void;
  #requests = 0;
  #frames = 0;
  #publisherFrames = 0;

  constructor(secret: string, canary: string, progressed: (done: number, violations: number) => void) {
    this.secret = secret;
    this.canary = canary;
    this.#progressed = progressed;
  }

  request(reply: string): void {
    this.#requests += 1;
    this.#count(this.#replies, reply);
  }

  frame(end: string): void {
    this.#frames += 1;
    this.#count(this.#ends, end);
  }

  publisherFrame(outcome: string): void {
    this.#publisherFrames += 1;
    this.#count(this.#published, outcome);
  }

  violation(what: string, input: string): void {
    this.#violations.push(`${what} ← ${JSON.stringify(input).slice(0, 1_500)}`);
  }

  report(seed: number): FuzzReport {
    const byCount = (counts: ReadonlyMap<string, number>) =>
      Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a));
    return {
      seed,
      requests: this.#requests,
      frames: this.#frames,
      publisherFrames: this.#publisherFrames,
      replies: byCount(this.#replies),
      ends: byCount(this.#ends),
      published: byCount(this.#published),
      violations: this.#violations,
    };
  }

  #count(counts: Map<string, number>, what: string): void {
    counts.set(what, (counts.get(what) ?? 0) + 1);
    this.#progressed(this.#requests + this.#frames + this.#publisherFrames, this.#violations.length);
  }
}

/** A name that no mutation of another turns into, and the same with the same seed. */
export const uuidOf = (random: Random): string =>
  Array.from({ length: 4 }, () => random.int(0, 0xffff_ffff).toString(16).padStart(8, "0")).join("-");
