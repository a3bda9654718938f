/** What a reader is sent next: held messages and losses, merged in order (C3, C4). */
import type { LossCounts } from "../protocol/frames.ts";
import { LIMITS } from "../protocol/limits.ts";
import { addedBytes, continues, entryOf, type Fold, foldOf, join } from "./folding.ts";
import type { Losses } from "./losses.ts";
import type { Head, Held, Messages } from "./messages.ts";

/** One step of what a reader is sent. */
export type Entry =
  | {
      readonly kind: "message";
      readonly seq: number;
      /** Where it is the first of several that go as one. */
      readonly firstSeq: number;
      /** How many go as one, and when the first was accepted. */
      readonly count: number;
      readonly acceptedAt: number;
      readonly bytes: number;
      readonly text: string;
    }
  | { readonly kind: "gap"; readonly seq: number; readonly lost: LossCounts };

export interface Reading {
  readonly entries: readonly Entry[];
  /** Whether nothing is left to read after these. */
  readonly exhausted: boolean;
}

/** Where a reader stands. */
export interface Place {
  /** The last seq that it was sent. */
  readonly after: number;
  /** Losses up to this instant are not its own. */
  readonly cleanFrom: number;
  /** What lies at or below is not joined: it may have that already (C3). */
  readonly foldsAbove: number;
}

/** How many entries, and bytes of messages, a reader can still take. */
export interface Room {
  readonly count: number;
  readonly bytes: number;
}

type Plan = Fold | { readonly seq: number; readonly lost: LossCounts };

/** The entries that a reader is sent next, as far as it has room; neighbouring losses are one gap. */
export const read = (
  messages: Messages,
  losses: Losses,
  { after, cleanFrom, foldsAbove }: Place,
  room: Room,
  now: number,
): Reading => {
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
    for (const head of messages.alive(after, now)) {
      if (!takeGap(head.seq)) return false;
      const last = plans.at(-1);
      const mayFold = last !== undefined && "heads" in last && (last.heads[0] as Head).seq > foldsAbove;
      const fold = mayFold && continues(last, head) ? last : undefined;
      bytes += fold === undefined ? head.bytes : addedBytes(head);
      if (bytes > room.bytes || (fold === undefined && plans.length >= room.count)) return false;
      if (fold === undefined) plans.push(foldOf(head));
      else join(fold, head);
      at = head.seq;
    }
    return takeGap(Number.MAX_SAFE_INTEGER);
  };
  const exhausted = takeAll();
  // The contents are read only now that they are sure to be sent: a backlog must not pass through memory (C7).
  const wholes = messages.wholes(plans.flatMap((plan) => ("heads" in plan ? plan.heads : [])));
  const entries = plans.map((plan): Entry => {
    if ("lost" in plan) return { kind: "gap", ...plan };
    return messageOf(
      plan,
      plan.heads.map(() => wholes.next().value as Held),
    );
  });
  return { entries, exhausted };
};

/** The step that sends what goes as one. */
export const messageOf = ({ heads, bytes }: Fold, messages: readonly Held[]): Entry => {
  const [first, last] = [heads[0] as Head, heads.at(-1) as Head];
  const { seq: firstSeq, acceptedAt } = first;
  return { kind: "message", seq: last.seq, firstSeq, count: heads.length, acceptedAt, bytes, text: entryOf(messages) };
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
export const list = (messages: Messages, after: number, limit: number, now: number): readonly Held[] => [
  ...messages.wholes(pageOf(messages.alive(after, now), limit)),
];
