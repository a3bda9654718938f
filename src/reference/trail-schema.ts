/** A step of a message's trail (N3), as a schema. */
import * as v from "valibot";
import type * as wire from "../protocol/trail.ts";
import { instant as at, device, seq } from "./field-schemas.ts";

const on = { connection_id: v.string(), device };

export const TrailStep: v.GenericSchema<wire.TrailStep> = v.pipe(
  v.variant("event", [
    v.object({ at, event: v.literal("accepted") }),
    v.object({ at, event: v.literal("requeued"), from: v.pipe(seq, v.description("The dead letter's.")) }),
    v.object({ at, event: v.picklist(["sent", "acked"]), ...on }),
    v.object({
      at,
      event: v.literal("rejected"),
      connection_id: v.exactOptional(v.string()),
      device: v.exactOptional(device),
      reason: v.exactOptional(v.pipe(v.string(), v.description("The client's own words, beside the one that counts."))),
    }),
    v.object({ at, event: v.literal("closed"), ...on, code: v.pipe(v.number(), v.integer()) }),
    v.object({ at, event: v.picklist(["fallback", "expired", "undeliverable"]) }),
  ]),
  v.description("What became of a message, and when. Other events may come: ignore those that you do not know."),
);
