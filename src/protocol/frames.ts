/**
 * The frames of `restante.v1`: what the server sends, as text ready for the socket, and what it takes from a client.
 *
 * Messages are never parsed again on their way out: their `data` is spliced in as the JSON text that was accepted.
 */
import * as v from "valibot";
import type { CloseErrorCode } from "./errors.ts";
import { rfc3339 } from "./instant.ts";
import { LIMITS } from "./limits.ts";

export const SUBPROTOCOL = "restante.v1";
/** The exact texts of the heartbeat, answered by the runtime without waking the Mailbox (C8). */
export const PING = '{"type":"ping"}';
export const PONG = '{"type":"pong"}';

/** Codes that a server or client closes with beside the error table's (C11). */
export const CLOSE = {
  goingAway: 1001,
  restarting: 1012,
  /** A client's own: it saw another `prev` than it expected. */
  resync: 4000,
} as const;

export interface Established {
  readonly connectionId: string;
  readonly user: string;
  readonly device: string;
  readonly timestamp: number;
  readonly resumed: boolean;
  readonly cursor: number;
  readonly pending: number;
  readonly window: number;
  readonly heartbeatMs: number;
  readonly expiresAt: number;
}

/** C1: always the first frame of a connection. */
export const establishedFrame = (e: Established): string =>
  JSON.stringify({
    type: "connection_established",
    connection_id: e.connectionId,
    user: e.user,
    device: e.device,
    timestamp: rfc3339(e.timestamp),
    resumed: e.resumed,
    cursor: e.cursor,
    pending: e.pending,
    window: e.window,
    heartbeat_ms: e.heartbeatMs,
    expires_at: rfc3339(e.expiresAt),
    protocol: SUBPROTOCOL,
  });

/** One message on its way to a socket. */
export interface MessageEntry {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  /** JSON text. */
  readonly data?: string | undefined;
  readonly acceptedAt: number;
}

/** One entry of a `messages` frame. */
export const messageEntry = (m: MessageEntry): string =>
  `{"seq":${m.seq},"id":${JSON.stringify(m.id)},"type":${JSON.stringify(m.type)},${
    m.data === undefined ? "" : `"data":${m.data},`
  }"timestamp":"${rfc3339(m.acceptedAt)}"}`;

/** C3: `prev` is the last seq sent on this connection before it. */
export const messagesFrame = (prev: number, entries: readonly string[]): string =>
  `{"type":"messages","prev":${prev},"messages":[${entries.join(",")}]}`;

/** What a gap stands for, by reason; a reason with none is left out, but for C4's two. */
export interface LossCounts {
  readonly expired: number;
  readonly overtaken: number;
  readonly undeliverable: number;
}

/** C4: messages meant for this device ended without it. */
export const gapFrame = (prev: number, seq: number, lost: LossCounts): string =>
  JSON.stringify({
    type: "gap",
    prev,
    seq,
    count: lost.expired + lost.overtaken + lost.undeliverable,
    reasons: {
      expired: lost.expired,
      overtaken: lost.overtaken,
      ...(lost.undeliverable > 0 ? { undeliverable: lost.undeliverable } : {}),
    },
  });

export const caughtUpFrame = (seq: number): string => `{"type":"caught_up","seq":${seq}}`;

/** C11: what was wrong, sent before the close. */
export const errorFrame = (code: CloseErrorCode, detail: string): string =>
  JSON.stringify({ type: "error", code, detail });

const seq = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const ack = v.strictObject({ type: v.literal("ack"), seq, checkpoint: v.optional(seq) });
const reject = v.strictObject({
  type: v.literal("reject"),
  seq,
  reason: v.pipe(v.string(), v.maxLength(LIMITS.rejectReasonMaxChars)),
});
const ping = v.looseObject({ type: v.literal("ping") });
const clientFrame = v.variant("type", [ack, reject, ping]);

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
