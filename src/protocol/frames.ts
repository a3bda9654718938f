/**
 * The frames of `restante.v1` that the server sends, as text ready for the socket.
 *
 * Messages are never parsed again on their way out: their `data` is spliced in as the JSON text that was accepted.
 */
import type { CloseErrorCode } from "./errors.ts";
import { rfc3339 } from "./instant.ts";

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
interface MessageEntry {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  /** JSON text. */
  readonly data?: string | undefined;
  readonly acceptedAt: number;
  /** W3C Trace Context of the send; of characters that JSON need not escape. */
  readonly traceparent?: string | undefined;
  /** Set where it is one of a stream's deltas, which are joined on their way (C3). */
  readonly appendTo?: string | undefined;
}

/** One entry of a `messages` frame. */
export const messageEntry = (m: MessageEntry): string =>
  `{"seq":${m.seq},"id":${JSON.stringify(m.id)},"type":${JSON.stringify(m.type)},${
    m.data === undefined ? "" : `"data":${m.data},`
  }"timestamp":"${rfc3339(m.acceptedAt)}"${m.traceparent === undefined ? "" : `,"traceparent":"${m.traceparent}"`}${
    m.appendTo === undefined ? "" : `,"topic":${JSON.stringify(m.appendTo)},"append":true`
  }}`;

/** Deltas of one stream as one entry: the last one's, with all of their texts, in order, as `data`, and the first one's seq. */
export const foldedEntry = (entries: readonly string[]): string => {
  const deltas = entries.map((entry) => JSON.parse(entry) as { readonly seq: number; readonly data: string });
  const [first, last] = [deltas[0], deltas.at(-1)];
  return JSON.stringify({ ...last, data: deltas.map(({ data }) => data).join(""), first_seq: first?.seq });
};

/** What a sender gave, out of an entry; `data` as JSON text. */
export const contentOf = (entry: string): { readonly type: string; readonly data?: string } => {
  const { type, data } = JSON.parse(entry) as { readonly type: string; readonly data?: unknown };
  return data === undefined ? { type } : { type, data: JSON.stringify(data) };
};

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
