/** Cuts what one connection is sent in one turn into frames (C3, C4). */

import type { Held } from "../outbox/messages.ts";
import type { Entry } from "../outbox/reading.ts";
import { gapFrame, messageEntry, messagesFrame } from "../protocol/frames.ts";
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import { serverId } from "../protocol/message.ts";

/** What `{"type":"messages","prev":…,"messages":[]}` takes around its entries, with room to spare. */
const ENVELOPE_BYTES = 128;

/** The entry of a message, as text. */
export const entryOf = (m: Pick<Held, "seq" | "id" | "type" | "data" | "acceptedAt" | "traceparent">): string =>
  messageEntry({
    seq: m.seq,
    id: m.id ?? serverId(m.seq),
    type: m.type,
    data: m.data ?? undefined,
    acceptedAt: m.acceptedAt,
    traceparent: m.traceparent ?? undefined,
  });

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
    const text = entryOf(entry.message);
    const bytes = utf8Bytes(text);
    if (batchBytes + bytes + 1 > LIMITS.serverFrameMaxBytes) close();
    batch.push(text);
    batchBytes += bytes + 1;
    last = entry.message.seq;
  }
  close();
  return frames;
};
