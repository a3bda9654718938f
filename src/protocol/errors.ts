/**
 * The one table of everything that can go wrong (C11, E1): HTTP status, close code, and whether to try again.
 *
 * Expected failures are values: a `Refusal` travels from the Mailbox to the Worker as plain data and becomes
 * a problem response (RFC 9457) or a close frame (RFC 6455, section 7.4) only at the edge.
 */

/** What a caller should do: `no` = the same again fails again; `later` = the same again may pass; `same_id` = only with the same `id`. */
export type Retry = "no" | "later" | "same_id";

interface ErrorRow {
  readonly title: string;
  /** HTTP status; absent where the error exists only on a socket. */
  readonly status?: number;
  /** WebSocket close code; absent where the error never ends a socket. */
  readonly close?: number;
  readonly retry: Retry;
}

const table = {
  invalid_request: { status: 400, close: 4400, retry: "no", title: "The request is not well formed" },
  invalid_user: { status: 400, retry: "no", title: "The user in the path is not valid" },
  conflicting_credentials: { status: 400, close: 4400, retry: "no", title: "Several credentials that differ" },

  missing_key: { status: 401, retry: "no", title: "An API key is required" },
  invalid_key: { status: 401, retry: "no", title: "The API key is not known" },
  missing_token: { status: 401, close: 4401, retry: "no", title: "A user token is required" },
  invalid_token: { status: 401, close: 4401, retry: "no", title: "The user token is not valid" },
  token_expired: { status: 401, close: 4401, retry: "no", title: "The user token has ended" },

  missing_scope: { status: 403, retry: "no", title: "The API key lacks a scope" },
  origin_not_allowed: { status: 403, retry: "no", title: "The origin is not allowed" },
  token_revoked: { status: 403, close: 4403, retry: "no", title: "The user token was revoked" },
  token_mismatch: { status: 403, close: 4403, retry: "no", title: "The token is for another user or device" },

  not_found: { status: 404, retry: "no", title: "No such route" },
  unknown_message: { status: 404, retry: "no", title: "No such message" },
  unknown_dead_letter: { status: 404, retry: "no", title: "No such dead letter" },
  unknown_connection: { status: 404, retry: "no", title: "No such connection" },
  unknown_job: { status: 404, retry: "no", title: "No such job" },
  method_not_allowed: { status: 405, retry: "no", title: "The route has no such method" },

  already_acked: { status: 409, retry: "no", title: "The message is acked already" },
  already_ended: { status: 409, retry: "no", title: "The message has ended already" },

  message_too_large: { status: 413, retry: "no", title: "The message is too large" },
  unsupported_media_type: { status: 415, retry: "no", title: "The body is not JSON" },
  id_reused: { status: 422, retry: "no", title: "The id was used for other content" },
  upgrade_required: { status: 426, retry: "no", title: "This route is a WebSocket" },

  outbox_full: {
    status: 429,
    close: 1013,
    retry: "later",
    title: "The outbox is full of messages that nobody has acked",
  },
  too_many_devices: { status: 429, close: 1013, retry: "later", title: "All devices of this user are connected" },

  internal: { status: 500, close: 1011, retry: "same_id", title: "An error of the server" },
  not_configured: { status: 503, close: 1013, retry: "later", title: "The deployment lacks a secret" },
  outcome_unknown: { status: 503, retry: "same_id", title: "The Mailbox was lost before it replied" },
  overloaded: { status: 503, close: 1013, retry: "later", title: "The Mailbox is overloaded" },
  unavailable: { status: 503, close: 1013, retry: "later", title: "A part that the answer needs cannot be reached" },

  bad_frame: { close: 4400, retry: "no", title: "The frame is not well formed" },
  ack_beyond_sent: { close: 4400, retry: "no", title: "An ack beyond what was sent" },
  erased: { close: 4403, retry: "no", title: "The user was erased" },
  ack_timeout: { close: 4408, retry: "later", title: "No ack came in time" },
  heartbeat_lost: { close: 4408, retry: "later", title: "The pings stopped" },
  replaced_by_newer: { close: 4409, retry: "no", title: "A newer connection took this one's place" },
  frame_too_large: { close: 4413, retry: "no", title: "The frame is too large" },
  window_exceeded: { close: 4429, retry: "later", title: "More is un-replied than the window takes" },
  too_many_frames: { close: 4429, retry: "later", title: "Too many frames a second" },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof table;
/** The codes that can answer an HTTP request. */
export type HttpErrorCode = { [C in ErrorCode]: (typeof table)[C] extends { status: number } ? C : never }[ErrorCode];
/** The codes that can end a socket. */
export type CloseErrorCode = { [C in ErrorCode]: (typeof table)[C] extends { close: number } ? C : never }[ErrorCode];

export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = table;

/** HTTP status of a code that can answer a request. */
export const statusOf = (code: HttpErrorCode): number => table[code].status;

/** Close code of a code that can end a socket. */
export const closeCodeOf = (code: CloseErrorCode): number => table[code].close;

/** Whether a refusal can be told to a socket, too. */
export const canClose = (code: ErrorCode): code is CloseErrorCode => ERRORS[code].close !== undefined;

/** An expected failure, as data: which row of the table, and what to do next. */
export interface Refusal {
  readonly ok: false;
  readonly code: HttpErrorCode;
  /** What happened and what to do next, for a person. */
  readonly detail: string;
  readonly retryAfterSeconds?: number;
  /** Members of the problem body beyond RFC 9457's own (`message_status`, `errors`, …). */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export const refuse = (
  code: HttpErrorCode,
  detail: string,
  more: Pick<Refusal, "retryAfterSeconds" | "extra"> = {},
): Refusal => ({ ok: false, code, detail, ...more });

/** What a check found: the value, or why there is none. */
export type Checked<T> = { readonly ok: true; readonly value: T } | Refusal;

export const granted = <T>(value: T): Checked<T> => ({ ok: true, value });
