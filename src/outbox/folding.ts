/**
 * Deltas of one stream, joined on their way out (C3): a reader who comes back gets the text so far in one entry.
 *
 * They are joined as a frame is built, never at rest: each stays a message of its own, with its own id, end and dead letter.
 */
import { foldedEntry } from "../protocol/frames.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import type { Head, Held } from "./pack-heads.ts";

/** Of content in one entry: as much as fits into a frame that is not larger for a single message's sake (C3). */
const FOLD_MAX_BYTES = 48 * 1_024;

/** Neighbours that go out as one entry; most messages go alone. */
export interface Fold {
  readonly heads: Head[];
  /** Of type and data, as of one message. */
  bytes: number;
}

export const foldOf = (head: Head): Fold => ({ heads: [head], bytes: head.bytes });

/** Whether a message goes on where the last of these ended. */
export const continues = ({ heads, bytes }: Fold, next: Head): boolean => {
  const last = heads.at(-1) as Head;
  return (
    next.appendType !== null &&
    next.appendType === last.appendType &&
    next.topic === last.topic &&
    bytes + addedBytes(next) <= FOLD_MAX_BYTES
  );
};

/** What a delta adds where it goes on: its text, without what stands around that as `{"type":…,"data":"…"}`. */
export const addedBytes = ({ bytes, appendType }: Head): number =>
  Math.max(0, bytes - utf8Bytes(`{"type":${JSON.stringify(appendType)},"data":""}`));

export const join = (fold: Fold, next: Head): void => {
  fold.heads.push(next);
  fold.bytes += addedBytes(next);
};

/** The entry of a frame for these. */
export const entryOf = (messages: readonly Held[]): string => {
  const [only] = messages;
  if (only !== undefined && messages.length === 1) return only.entry;
  return foldedEntry(messages.map(({ entry }) => entry));
};
