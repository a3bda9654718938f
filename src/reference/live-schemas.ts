/** What an operator who looks on is told, as a schema. It only describes, as those of replies do. */
import * as v from "valibot";
import type { LiveFrame as Frame } from "../protocol/live-frames.ts";
import { count, end, name, seq, instant as timestamp } from "./field-schemas.ts";
import { User } from "./reply-schemas.ts";

const connection = { timestamp, connection_id: name, device: name };

export const LiveFrame: v.GenericSchema<Frame> = v.pipe(
  v.variant("type", [
    v.object({ type: v.literal("state"), ...User.entries }),
    v.object({
      type: v.literal("accepted"),
      timestamp,
      seq,
      id: name,
      message_type: name,
      topic: v.exactOptional(name),
    }),
    v.object({
      type: v.literal("sent"),
      ...connection,
      prev: seq,
      seq,
      count: v.pipe(count, v.description("Of messages in `(prev, seq]`; a gap is none.")),
    }),
    v.object({ type: v.literal("acked"), ...connection, seq, checkpoint: seq }),
    v.object({
      type: v.literal("ended"),
      timestamp,
      seq,
      id: name,
      status: end,
    }),
    v.object({ type: v.literal("connected"), ...connection }),
    v.object({ type: v.literal("disconnected"), ...connection, code: count }),
    v.object({
      type: v.literal("skipped"),
      count: v.pipe(count, v.description("So many were left out here, as the reader was too slow.")),
    }),
  ]),
  v.description("What happens to a user, one thing at a time; `state` is how the user stands."),
);
