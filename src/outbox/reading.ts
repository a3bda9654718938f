/** What a reader is sent next: held messages and losses, merged in order (C3, C4). */
import type { LossCounts } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Losses } from "./losses.ts";
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

type Plan = { readonly head: Head } | { readonly seq: number; readonly lost: LossCounts };

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
  // One more than there is room for: it tells where the last gap ends, and whether anything is left.
  const limit = Math.min(room.count, LIMITS.windowMaxMessages) + 1;
  const heads = messages.alive(after, limit, now);
  const isLossy = losses.count > 0 || messages.nextExpiry <= now;
  const plans: Plan[] = [];
  let at = after;
  let bytes = 0;
  const takeGap = (before: number): boolean => {
    // Most seqs are neighbours: only where one is missing can something have been lost.
    if (!isLossy || before - at <= 1) return true;
    const gap = losses.between(at, before, cleanFrom, now);
    if (gap === undefined) return true;
    if (plans.length >= room.count) return false;
    plans.push(gap);
    return true;
  };
  const takeAll = (): boolean => {
    for (const head of heads) {
      if (!takeGap(head.seq)) return false;
      bytes += head.bytes;
      if (plans.length >= room.count || bytes > room.bytes) return false;
      plans.push({ head });
      at = head.seq;
    }
    return heads.length < limit && takeGap(Number.MAX_SAFE_INTEGER);
  };
  const exhausted = takeAll();
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
export const pageOf = <H extends { readonly bytes: number }>(heads: readonly H[], limit: number): readonly H[] => {
  let bytes = 0;
  const tooMuch = heads.findIndex((head, index) => {
    bytes += head.bytes;
    return index === limit || (index > 0 && bytes > LIMITS.pageMaxBytes);
  });
  return tooMuch === -1 ? heads : heads.slice(0, tooMuch);
};

/** A page of held messages above `after`, in order. */
export const list = (messages: Messages, after: number, limit: number, now: number): readonly Held[] =>
  messages.wholes(pageOf(messages.alive(after, limit, now), limit));
