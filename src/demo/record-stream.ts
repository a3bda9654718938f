/** The agent's notes of a run as Server-Sent Events: all of them, each time that there is a new one, until the run is over. */
import type { RunRecord } from "./events.ts";

/** How often it looks: a stream cannot be woken by what another request does. */
const LOOK_MS = 50;

export const recordStream = (record: RunRecord): Response => {
  let told = -1;
  let isGone = false;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(stream) {
      while (record.sent.length === told && !record.isOver && !isGone) await pause(LOOK_MS);
      if (isGone) return;
      told = record.sent.length;
      stream.enqueue(encoder.encode(`data: ${JSON.stringify(record)}\n\n`));
      if (record.isOver) stream.close();
    },
    cancel() {
      isGone = true;
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
};

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
