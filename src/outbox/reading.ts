/** What a reader is sent next: held messages and losses, merged in order (C3, C4). */
import type { LossCounts } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Losses, LossReason } from "./losses.ts";
import type { Head, Held, Messages } from "./messages.ts";

/** One step of what a reader is sent. */
export type Entry =
  | { readonly kind: "message"; readonly message: Held }
  | { readonly kind: "gap"; readonly seq: number; readonly lost: LossCounts };

export interface Reading {
  readonly entries: readonly Entry[];
  /** Whether nothing is left to read after these. */
  readonly exhausted: boolean;
}

/** How many entries, and bytes of messages, a reader can still take. */
export interface Room {
  readonly count: number;
  readonly bytes: number;
}

type Step =
  | { readonly kind: "message"; readonly head: Head }
  | { readonly kind: "loss"; readonly seq: number; readonly lostAt: number; readonly counts: LossCounts };

type Plan = { readonly head: Head } | { readonly seq: number; readonly lost: LossCounts };

const ONE_EXPIRED: LossCounts = { expired: 1, overtaken: 0, undeliverable: 0 };

/** Held messages and losses above `after`, in order; what is over but not swept yet counts as a loss (D8). */
function* stepsAfter(messages: Messages, losses: Losses, after: number, batch: number, now: number): Generator<Step> {
  let from = after;
  for (;;) {
    const heads = messages.heads(from, Number.MAX_SAFE_INTEGER, batch);
    const isLast = heads.length < batch;
    const through = isLast ? Number.MAX_SAFE_INTEGER : (heads.at(-1) as Head).seq;
    const pending = losses.between(from, through).map((loss) => ({ kind: "loss" as const, counts: loss, ...loss }));
    for (const head of heads) {
      while (pending[0] !== undefined && pending[0].seq < head.seq) yield pending.shift() as Step;
      if (head.expiresAt > now) yield { kind: "message", head };
      else yield { kind: "loss", seq: head.seq, lostAt: head.expiresAt, counts: ONE_EXPIRED };
    }
    yield* pending;
    if (isLast) return;
    from = through;
  }
}

const plus = (a: LossCounts, b: LossCounts): LossCounts => {
  const sum = (reason: LossReason) => a[reason] + b[reason];
  return { expired: sum("expired"), overtaken: sum("overtaken"), undeliverable: sum("undeliverable") };
};

/**
 * The entries that a reader at `after` is sent next, as far as it has room; neighbouring losses are one gap.
 * Losses up to the instant `cleanFrom` are not its own.
 */
export const read = (
  messages: Messages,
  losses: Losses,
  after: number,
  cleanFrom: number,
  room: Room,
  now: number,
): Reading => {
  const plans: Plan[] = [];
  let bytes = 0;
  let exhausted = true;
  for (const step of stepsAfter(messages, losses, after, Math.min(room.count + 1, LIMITS.windowMaxMessages), now)) {
    if (step.kind === "loss") {
      if (step.lostAt <= cleanFrom) continue;
      const gap = plans.at(-1);
      if (gap !== undefined && "lost" in gap) {
        plans[plans.length - 1] = { seq: step.seq, lost: plus(gap.lost, step.counts) };
        continue;
      }
      if (plans.length < room.count) {
        plans.push({ seq: step.seq, lost: step.counts });
        continue;
      }
    } else {
      bytes += step.head.bytes;
      if (plans.length < room.count && bytes <= room.bytes) {
        plans.push({ head: step.head });
        continue;
      }
    }
    exhausted = false;
    break;
  }
  // The contents are read only now that they are sure to be sent: a backlog must not pass through memory (C7).
  const wholes = messages.wholes(plans.flatMap((plan) => ("head" in plan ? [plan.head] : [])));
  let next = 0;
  const entries = plans.map((plan): Entry => {
    if ("lost" in plan) return { kind: "gap", ...plan };
    next += 1;
    return { kind: "message", message: wholes[next - 1] as Held };
  });
  return { entries, exhausted };
};

/** As many of `heads` as one page takes: at most `limit`, and 8 MiB, though one always fits. */
export const pageOf = <H extends { readonly bytes: number }>(heads: Iterable<H>, limit: number): readonly H[] => {
  const page: H[] = [];
  let bytes = 0;
  for (const head of heads) {
    bytes += head.bytes;
    if (page.length === limit || (page.length > 0 && bytes > LIMITS.pageMaxBytes)) break;
    page.push(head);
  }
  return page;
};

/** A page of held messages above `after`, in order. */
export const list = (
  messages: Messages,
  losses: Losses,
  after: number,
  limit: number,
  now: number,
): readonly Held[] => {
  const heads = function* () {
    for (const step of stepsAfter(messages, losses, after, limit + 1, now))
      if (step.kind === "message") yield step.head;
  };
  return messages.wholes(pageOf(heads(), limit));
};
