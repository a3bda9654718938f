/** One attempt at one thing that is asked of Restante, by HTTP or over a service binding: the words are those of `SenderApi` and `OperatorApi`. */
import type { OperatorApi } from "../protocol/operator-api.ts";
import type { Refused } from "../protocol/replies.ts";
import type { SenderApi } from "../protocol/sender-api.ts";
import type { Failure } from "./send-error.ts";

/** Both entry points of the SDK go by the same ports. */
export interface Api extends SenderApi, OperatorApi {}
export type Method = keyof Api;
export type Arguments<M extends Method> = Parameters<Api[M]>;
export type ReplyTo<M extends Method> = Exclude<Awaited<ReturnType<Api[M]>>, Refused>;

export type Attempted<M extends Method> =
  | { readonly ok: true; readonly reply: ReplyTo<M> }
  | { readonly ok: false; readonly failure: Failure };

/** Rejects where no answer came. */
export type Port = <M extends Method>(method: M, args: Arguments<M>, signal: AbortSignal) => Promise<Attempted<M>>;

/** A timer of more would end at once. */
const TIMER_MOST_MS = 2 ** 31 - 1;

/** One attempt with an end: at `forMs`, or when the caller's signal says so. It never rejects. */
export const attempt = async <M extends Method>(
  port: Port,
  method: M,
  args: Arguments<M>,
  { forMs, signal }: { readonly forMs: number; readonly signal: AbortSignal | undefined },
): Promise<Attempted<M>> => {
  if (signal?.aborted) return failed(aborted(signal));
  const ending = new AbortController();
  // Over a binding nothing can be aborted: its answer is no longer waited for.
  const ended = new Promise<Attempted<M>>((done) => {
    ending.signal.addEventListener("abort", () => done(failed(ending.signal.reason as Failure)));
  });
  const timer = setTimeout(() => ending.abort(timedOut(forMs)), Math.min(forMs, TIMER_MOST_MS));
  const abort = (): void => ending.abort(aborted(signal));
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([port(method, args, ending.signal), ended]);
  } catch (cause) {
    return ending.signal.aborted ? await ended : failed(unreached(cause));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
};

export const failed = (failure: Failure): { readonly ok: false; readonly failure: Failure } => ({ ok: false, failure });

const timedOut = (ms: number): Failure => ({
  code: "timeout",
  detail: `No answer came within ${Math.round(ms)} ms: it may have happened, or not.`,
  retry: "same_id",
});

export const aborted = (signal: AbortSignal | undefined): Failure => ({
  code: "aborted",
  detail: "The caller's signal ended it: it may have happened, or not.",
  retry: "same_id",
  cause: signal?.reason,
});

export const unreached = (cause: unknown): Failure => ({
  code: "network",
  detail: `No answer came, the connection failed (${words(cause)}): it may have happened, or not.`,
  retry: "same_id",
  cause,
});

/** Node says "fetch failed", and why in the cause. */
const words = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
};

/** Input that cannot be sent at all. */
export const notJson = (cause: unknown): Failure => ({
  code: "invalid_request",
  detail: `The message is not JSON: ${words(cause)}.`,
  retry: "no",
  cause,
});
