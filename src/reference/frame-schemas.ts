/** The frames of `restante.v1` as schemas: those of a client are what it is held to, those of the server only describe. */
import * as v from "valibot";
import { ackFrame, pingFrame, rejectFrame } from "../protocol/client-frames.ts";
import { type CloseErrorCode, canClose, ERRORS, type ErrorCode } from "../protocol/errors.ts";
import { SUBPROTOCOL } from "../protocol/frames.ts";
import { publishedMessage } from "../protocol/http.ts";
import { LIMITS } from "../protocol/limits.ts";
import { PUBLISH_SUBPROTOCOL, publishFrame } from "../protocol/publish-frames.ts";
import { BatchResults } from "./reply-schemas.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.description("A place in the user's order."));
const instant = v.pipe(v.string(), v.isoTimestamp(), v.description("RFC 3339 in UTC with milliseconds."));
const prev = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(0),
  v.description("The last seq that this connection was sent before; in the first frame, the `cursor`."),
);

const ConnectionEstablished = v.pipe(
  v.object({
    type: v.literal("connection_established"),
    connection_id: v.string(),
    user: v.string(),
    device: v.string(),
    timestamp: instant,
    resumed: v.pipe(v.boolean(), v.description("The device was known.")),
    cursor: v.pipe(seq, v.description("Where this connection starts; 0 where nobody has ever acked.")),
    pending: v.pipe(count, v.description("Messages above the cursor that are held.")),
    window: v.pipe(count, v.description("How many entries may be un-acked.")),
    heartbeat_ms: v.pipe(count, v.description("How often to ping.")),
    expires_at: v.pipe(instant, v.description("The token's end.")),
    protocol: v.literal(SUBPROTOCOL),
  }),
  v.description("C1: always the first frame."),
);

const Messages = v.pipe(
  v.object({
    type: v.literal("messages"),
    prev,
    messages: v.pipe(
      v.array(
        v.object({
          seq,
          id: v.string(),
          type: v.string(),
          data: v.exactOptional(v.unknown()),
          timestamp: v.pipe(instant, v.description("When it was accepted.")),
          traceparent: v.exactOptional(v.pipe(v.string(), v.description("W3C Trace Context of its send."))),
          topic: v.exactOptional(v.pipe(v.string(), v.description("Of a stream's deltas: which stream."))),
          append: v.exactOptional(v.literal(true)),
          first_seq: v.exactOptional(
            v.pipe(seq, v.description("Where several deltas are one entry: the first one's.")),
          ),
        }),
      ),
      v.minLength(1),
    ),
  }),
  v.description(
    "C3: one message or many, in order of seq. Whoever sees another `prev` has lost a frame, and closes with 4000.",
  ),
);

const Gap = v.pipe(
  v.object({
    type: v.literal("gap"),
    prev,
    seq: v.pipe(seq, v.description("Acked like a message.")),
    count,
    reasons: v.objectWithRest({ expired: count, overtaken: count }, count),
  }),
  v.description("C4: messages meant for this device ended without it."),
);

const CaughtUp = v.pipe(
  v.object({ type: v.literal("caught_up"), seq }),
  v.description("C2: nothing is left of what had a seq when this connection attached. Once a connection."),
);

const Pong = v.pipe(v.object({ type: v.literal("pong") }), v.description("C8: the answer to a ping."));

const closing = (Object.keys(ERRORS) as ErrorCode[]).filter((code): code is CloseErrorCode => canClose(code));
const Fault = v.pipe(
  v.object({ type: v.literal("error"), code: v.picklist(closing), detail: v.string() }),
  v.description("C11: what was wrong with a frame, for a person; the close follows."),
);

const Ack = v.pipe(
  ackFrame,
  v.description(
    "C5: everything up to `seq` is processed. `checkpoint` is where the device's cursor may go: `seq` where it is absent, and never above it.",
  ),
);

const Reject = v.pipe(
  rejectFrame,
  v.description("C6: the message `seq` cannot be processed. Acks everything before, and moves past it."),
);

const Ping = v.pipe(
  pingFrame,
  v.description(
    'C8: exactly `{"type":"ping"}` is answered without the mailbox waking; any other spelling is answered, too.',
  ),
);

const PublisherEstablished = v.pipe(
  v.object({
    type: v.literal("publisher_established"),
    connection_id: v.string(),
    user: v.string(),
    window: v.pipe(count, v.description("How many messages may be without a reply.")),
    heartbeat_ms: v.pipe(count, v.description("How often to ping, if at all.")),
    protocol: v.literal(PUBLISH_SUBPROTOCOL),
  }),
  v.description("P1: always the first frame."),
);

const Published = v.pipe(
  v.object({ type: v.literal("published"), ref: publishFrame.entries.ref, results: BatchResults.entries.results }),
  v.description("P2: what became of a frame's messages, in their order; not sent before it is true."),
);

const Publish = v.pipe(
  // The service looks at each message by itself, so that one that is not well formed spoils no other.
  v.strictObject({
    ...publishFrame.entries,
    messages: v.pipe(v.array(publishedMessage), v.minLength(1), v.maxLength(LIMITS.batchMaxMessages)),
  }),
  v.description("P2: messages to the user, in order. `ref` is the sender's own, and comes back with the reply."),
);

/** By the message's name in the AsyncAPI document. */
export const SERVER_FRAMES = { ConnectionEstablished, Messages, Gap, CaughtUp, Pong, Error: Fault };
export const CLIENT_FRAMES = { Ack, Reject, Ping };
/** Of `restante.publish.v1`. */
export const PUBLISHER_SERVER_FRAMES = { PublisherEstablished, Published, Pong, Error: Fault };
export const PUBLISHER_FRAMES = { Publish, Ping };
