/** What went wrong on the receiving side; the server's own codes are those of PROTOCOL.md's table. */

/** Codes that only a client knows. */
export type ClientCode =
  /** The connection ended, or never came to be; it is tried again. */
  | "connection_lost"
  /** No `connection_established` within the time for connecting. */
  | "connect_timeout"
  /** Nothing was heard within the heartbeat's deadline (C8). */
  | "silent"
  /** A frame was missing on an open connection (C3). */
  | "frame_lost"
  /** The app's `token` threw, or gave none. */
  | "token_failed"
  /** `onMessage` or `onGap` threw three times: the entry was rejected (C6). */
  | "handler_failed"
  /** A listener of the app threw; nothing else came of it. */
  | "listener_failed";

export class InboxError extends Error {
  override readonly name = "InboxError";
  /** A client's own code, or the server's (`token_expired`, `replaced_by_newer`, …). */
  readonly code: ClientCode | (string & {});
  /** The seq that it is about, where it is about one. */
  readonly seq: number | undefined;

  constructor(
    code: InboxError["code"],
    message: string,
    more: { readonly seq?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.code = code;
    this.seq = more.seq;
  }
}
