/** A connection over Server-Sent Events (C10), where a proxy lets no WebSocket through: frames come as a stream, acks go as requests. */
import { sentEvents } from "../protocol/sent-events.ts";
import { ABNORMAL, type CarrierEnd, type CarrierRequest, type Open, type OutgoingFrame } from "./carrier.ts";
import { ask, refusalOf } from "./refusal.ts";

export const openEventStream: Open = (request, events) => {
  const ending = new AbortController();
  let post: ((frame: OutgoingFrame) => void) | undefined;
  const end = (how: CarrierEnd) => {
    if (ending.signal.aborted) return;
    ending.abort();
    events.closed(how);
  };
  const read = async (): Promise<void> => {
    const response = await ask(request, `v1/events?${request.query}`, { signal: ending.signal });
    if (!response.ok || response.body === null) return end(await refusalOf(response));
    for await (const { event, data } of sentEvents(response.body, events.alive)) {
      if (ending.signal.aborted) return;
      if (event === "close") return end(JSON.parse(data) as CarrierEnd);
      if (event === "connection_established") {
        post = postsTo(request, (JSON.parse(data) as { readonly connection_id: string }).connection_id);
      }
      events.frame(data);
    }
    end({ code: ABNORMAL, reason: "" });
  };
  read().catch(() => end({ code: ABNORMAL, reason: "" }));
  return {
    send: (frame) => post?.(frame),
    close: () => ending.abort(),
  };
};

/** Sends one frame after another, so that no ack overtakes a reject; of acks that wait only the newest says anything. */
const postsTo = (request: CarrierRequest, connectionId: string): ((frame: OutgoingFrame) => void) => {
  const waiting: OutgoingFrame[] = [];
  let isPosting = false;
  const postAll = async (): Promise<void> => {
    isPosting = true;
    for (let frame = waiting.shift(); frame !== undefined; frame = waiting.shift()) {
      const { type, ...body } = frame;
      // A lost one is not repeated: acks are cumulative, and what was not acked comes again.
      await ask(request, `v1/connections/${connectionId}/${type}`, {
        method: "POST",
        body: JSON.stringify(body),
        // A page that is being left may still say what it has.
        keepalive: true,
      }).catch(() => {});
    }
    isPosting = false;
  };
  return (frame) => {
    if (frame.type === "ping") return;
    if (frame.type === "ack" && waiting.at(-1)?.type === "ack") waiting.pop();
    waiting.push(frame);
    if (!isPosting) void postAll();
  };
};
