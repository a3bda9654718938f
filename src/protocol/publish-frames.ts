/** The frames of `restante.publish.v1`, a backend's socket that only sends (P). */
import * as v from "valibot";
import { badBody, checkBody } from "./checked-body.ts";
import { pingFrame } from "./client-frames.ts";
import type { Checked } from "./errors.ts";
import { BATCH, publishedMessage } from "./http.ts";
import { faultsIn, parsePlainJson } from "./i-json.ts";
import { LIMITS } from "./limits.ts";
import type { NewMessage } from "./message.ts";
import { newMessage } from "./new-message.ts";
import type { Outcome, SentReply } from "./replies.ts";

export const PUBLISH_SUBPROTOCOL = "restante.publish.v1";

const REF = `A text of at most ${LIMITS.refMaxChars} characters, or a safe integer.`;
const ref = v.union([v.pipe(v.string(), v.maxLength(LIMITS.refMaxChars)), v.pipe(v.number(), v.safeInteger())], REF);
export type Ref = v.InferOutput<typeof ref>;

/** P2; each message is looked at by itself. */
export const publishFrame = v.strictObject({
  type: v.literal("publish"),
  ref,
  messages: v.pipe(v.array(v.unknown(), BATCH), v.minLength(1, BATCH), v.maxLength(LIMITS.batchMaxMessages, BATCH)),
});
const publisherFrame = v.variant("type", [publishFrame, pingFrame]);
type PublisherFrame = v.InferOutput<typeof publisherFrame>;

/** Reads a publisher's frame; a text that is none comes back as what was wrong with it. */
export const parsePublisherFrame = (
  text: string,
): PublisherFrame | { readonly type: "bad"; readonly detail: string } => {
  const json = parsePlainJson(text);
  if (!json.ok) return { type: "bad", detail: "A frame is one JSON object as text." };
  const parsed = v.safeParse(publisherFrame, json.value);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  const path = v.getDotPath(issue);
  const where = path === null ? "" : `${path}: `;
  return { type: "bad", detail: `${where}${issue.message} A publisher sends publish or ping; see PROTOCOL.md.` };
};

/** One message of a frame, held to what every send is. */
export const published = (value: unknown): Checked<NewMessage> => {
  const faults = faultsIn(value);
  if (faults.length > 0) return badBody(faults, "message");
  const body = checkBody(publishedMessage, value, "message");
  if (!body.ok) return Object.hasOwn(Object(value), "wait") ? NO_WAIT : body;
  return newMessage(body.value);
};

const NO_WAIT = badBody(
  [{ pointer: "/wait", detail: "Nothing waits here: send it by HTTP, with Prefer: wait." }],
  "message",
);

export interface PublisherEstablished {
  readonly connectionId: string;
  readonly user: string;
  readonly heartbeatMs: number;
}

/** P1: always the first frame. */
export const publisherEstablishedFrame = (e: PublisherEstablished): string =>
  JSON.stringify({
    type: "publisher_established",
    connection_id: e.connectionId,
    user: e.user,
    window: LIMITS.publishWindowMessages,
    heartbeat_ms: e.heartbeatMs,
    protocol: PUBLISH_SUBPROTOCOL,
  });

/** P2: what became of a frame's messages, in their order. */
export const publishedFrame = (ref: Ref, results: readonly Outcome<SentReply>[]): string =>
  JSON.stringify({ type: "published", ref, results });
