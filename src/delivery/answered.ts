/** What a connection has acked or rejected, and somebody else may still need: so that its trail is told for as long as that is held (N3). */
import type { Stretch } from "../outbox/stretches.ts";

/** In an attachment there is room for few: a reader that is ahead of the others has its acks told in steps, not singly. */
const STRETCHES_MAX = 8;

export class Answered {
  /** In order. */
  #stretches: readonly Stretch[];

  constructor(stretches: readonly Stretch[]) {
    this.#stretches = stretches;
  }

  get all(): readonly Stretch[] {
    return this.#stretches;
  }

  /** Keeps these, which lie above all that are kept. */
  note(stretches: readonly Stretch[]): void {
    if (stretches.length === 0) return;
    const all = [...this.#stretches, ...stretches];
    while (all.length > STRETCHES_MAX) {
      const at = nearest(all);
      if (at === undefined) all.shift();
      else all.splice(at, 2, joined(all[at] as Stretch, all[at + 1] as Stretch));
    }
    this.#stretches = all;
  }

  /** Nobody needs what lies below any more. */
  forgetBelow(seq: number): void {
    const first = this.#stretches[0];
    if (first !== undefined && first.through < seq) {
      this.#stretches = this.#stretches.filter((stretch) => stretch.through >= seq);
    }
  }
}

/** Where two neighbours begin that may be joined, and lie nearest to one another in time. */
const nearest = (all: readonly Stretch[]): number | undefined => {
  let [found, nearestMs]: [number | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (let at = 0; at + 1 < all.length; at += 1) {
    const [a, b] = [all[at] as Stretch, all[at + 1] as Stretch];
    const apartMs = timeOf(b) - timeOf(a);
    const isAlike = a.answer?.as === b.answer?.as && (a.sentAt === undefined) === (b.sentAt === undefined);
    if (isAlike && apartMs < nearestMs) [found, nearestMs] = [at, apartMs];
  }
  return found;
};

const timeOf = ({ answer }: Stretch): number => answer?.at ?? 0;

/** Sent when the first was, and acked when the last was: of what lies between, what is held was sent and acked, too. */
const joined = (a: Stretch, b: Stretch): Stretch => ({
  from: a.from,
  through: b.through,
  sentAt: a.sentAt,
  ...(b.answer === undefined ? {} : { answer: b.answer }),
});
