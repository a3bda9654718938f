/** Cuts what one connection is sent in one turn into frames (C3, C4). */
import type { Entry } from "../outbox/reading.ts";
import { gapFrame, messagesFrame } from "../protocol/frames.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";

/** What `{"type":"messages","prev":…,"messages":[]}` takes around its entries, with room to spare. */
const ENVELOPE_BYTES = 128;

/** Frames for `entries` on a connection whose last seq was `prev`, each within 64 KiB unless one message is larger. */
export const framesOf = (prev: number, entries: readonly Entry[]): readonly string[] => {
  const frames: string[] = [];
  let before = prev;
  let batch: string[] = [];
  let batchBytes = ENVELOPE_BYTES;
  let last = prev;
  const close = () => {
    if (batch.length > 0) frames.push(messagesFrame(before, batch));
    batch = [];
    batchBytes = ENVELOPE_BYTES;
    before = last;
  };
  for (const entry of entries) {
    if (entry.kind === "gap") {
      close();
      frames.push(gapFrame(before, entry.seq, entry.lost));
      last = entry.seq;
      before = last;
      continue;
    }
    const { text } = entry;
    const bytes = utf8Bytes(text);
    if (batchBytes + bytes + 1 > LIMITS.serverFrameMaxBytes) close();
    batch.push(text);
    batchBytes += bytes + 1;
    last = entry.seq;
  }
  close();
  return frames;
};
