/** What went wrong on the sending side. */
import type { HttpErrorCode, Retry } from "../protocol/errors.ts";
import type { Problem, Refused } from "../protocol/replies.ts";

/** The server's codes (PROTOCOL.md, Errors), and those that only a sender knows. */
export type SendErrorCode =
  | HttpErrorCode
  /** No answer came: the connection could not be made, or broke. */
  | "network"
  /** No answer came in time. */
  | "timeout"
  /** The caller's own signal. */
  | "aborted"
  /** What answered was not Restante: a proxy on the way, or another service at `url`. */
  | "foreign_reply"
  /** The start-up check has failed (`ready`). */
  | "not_ready";

/** The steps of `ready`, in order. */
export type ReadyStep = "health" | "key" | "start_up_check";

/** How one attempt failed. */
export interface Failure {
  readonly code: SendErrorCode;
  readonly detail: string;
  readonly retry: Retry;
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly problem?: Problem;
  readonly cause?: unknown;
}

/**
 * The one error that a sender throws for what can be expected.
 *
 * ```ts
 * try {
 *   await sender.send("ada", { type: "order", data: { n: 7 } });
 * } catch (error) {
 *   if (error instanceof SendError && error.code === "outbox_full") return later(error.retryAfterMs);
 *   throw error;
 * }
 * ```
 */
export class SendError extends Error {
  override readonly name = "SendError";
  /** A later server may have codes that this SDK does not list. */
  readonly code: SendErrorCode;
  /** What happened and what to do next, for a person. */
  readonly detail: string;
  /** What may be tried by the caller: `no`; `later`; `same_id`, since it may have happened already. */
  readonly retry: Retry;
  /** Of HTTP; absent where no answer came. */
  readonly status: number | undefined;
  /** Milliseconds that the server asked to stay away. */
  readonly retryAfterMs: number | undefined;
  /** The server's problem (RFC 9457), as it came. */
  readonly problem: Problem | undefined;
  /** How many times it was tried. */
  readonly attempts: number;
  /** Of a send: the id that it had, the caller's or the SDK's. With it the same can be sent again, however it ended. */
  readonly id: string | undefined;
  /** Of `ready`: which step failed. */
  readonly step: ReadyStep | undefined;

  constructor(failure: Failure, more: { readonly attempts: number; readonly id?: string; readonly step?: ReadyStep }) {
    const where = more.step === undefined ? "" : `${more.step}: `;
    super(`${where}${failure.code}: ${failure.detail}`, failure.cause === undefined ? {} : { cause: failure.cause });
    this.code = failure.code;
    this.detail = failure.detail;
    this.retry = failure.retry;
    this.status = failure.status;
    this.retryAfterMs = failure.retryAfterMs;
    this.problem = failure.problem;
    this.attempts = more.attempts;
    this.id = more.id;
    this.step = more.step;
  }
}

/** A problem as it came, by whatever way. */
export const failureOf = ({ http_status: status, retry_after, ...problem }: Refused): Failure => ({
  code: problem.code,
  detail: problem.detail,
  retry: problem.retry,
  status,
  problem,
  ...(retry_after === undefined ? {} : { retryAfterMs: retry_after * 1_000 }),
});
