/** The frames of `restante.v1` that a client sends, read through a schema (C5, C6, C8). */
import * as v from "valibot";
import { LIMITS } from "./limits.ts";

const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const ackFrame = v.strictObject({ type: v.literal("ack"), seq, checkpoint: v.optional(seq) });
export const rejectFrame = v.strictObject({
  type: v.literal("reject"),
  seq,
  reason: v.pipe(v.string(), v.maxLength(LIMITS.rejectReasonMaxChars)),
});
export const pingFrame = v.looseObject({ type: v.literal("ping") });
const clientFrame = v.variant("type", [ackFrame, rejectFrame, pingFrame]);

export type ClientFrame = v.InferOutput<typeof clientFrame>;

/** Reads a client's frame; a text that is none comes back as what was wrong with it. */
export const parseClientFrame = (text: string): ClientFrame | { readonly type: "bad"; readonly detail: string } => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { type: "bad", detail: "A frame is one JSON object as text." };
  }
  const parsed = v.safeParse(clientFrame, value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const path = v.getDotPath(issue);
  return {
    type: "bad",
    detail: `${path === null ? "" : `${path}: `}${issue.message}. A client sends ack, reject or ping; see PROTOCOL.md.`,
  };
};
