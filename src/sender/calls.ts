/** One call, tried as long as there is patience for it. */
import { Patience, type Repeating } from "./patience.ts";
import { type Arguments, attempt, type Method, type Port, type ReplyTo } from "./port.ts";
import { type Failure, SendError } from "./send-error.ts";

/** How long and how often a sender tries. */
export interface Effort {
  /** All attempts and pauses of one call, in milliseconds, beside the wait that it asks for. */
  readonly timeoutMs: number;
  /** One attempt, beside the wait. */
  readonly attemptTimeoutMs: number;
  readonly maxAttempts: number;
}

export const effortOf = ({
  timeoutMs = 30_000,
  attemptTimeoutMs = 10_000,
  maxAttempts = 25,
}: Partial<Effort>): Effort => ({ timeoutMs, attemptTimeoutMs, maxAttempts });

/** What a caller may say of one call. */
export interface CallOptions {
  /** Ends it with the code `aborted`. What has reached the server stays done. */
  readonly signal?: AbortSignal | undefined;
  /** In place of the sender's own `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

export interface Call<M extends Method> {
  readonly method: M;
  /** Made anew for each attempt: `waitSeconds` is what is left of the wait. */
  readonly args: (waitSeconds: number) => Arguments<M>;
  readonly repeating: Repeating;
  readonly waitSeconds?: number;
  /** Of a send: stands in the error. */
  readonly id?: string;
}

/** @throws SendError */
export const run = async <M extends Method>(
  port: Port,
  effort: Effort,
  call: Call<M>,
  { signal, timeoutMs = effort.timeoutMs }: CallOptions,
): Promise<ReplyTo<M>> => {
  const waitMs = (call.waitSeconds ?? 0) * 1_000;
  const patience = new Patience({ timeoutMs: timeoutMs + waitMs, maxAttempts: effort.maxAttempts, signal });
  const startedAt = performance.now();
  let failure: Failure;
  do {
    const waitLeftMs = Math.max(0, startedAt + waitMs - performance.now());
    const forMs = Math.min(effort.attemptTimeoutMs + waitLeftMs, patience.leftMs);
    patience.begin();
    const outcome = await attempt(port, call.method, call.args(waitLeftMs / 1_000), { forMs, signal });
    if (outcome.ok) return outcome.reply;
    failure = outcome.failure;
  } while (await patience.again(failure, call.repeating));
  throw new SendError(failure, { attempts: patience.attempts, ...(call.id === undefined ? {} : { id: call.id }) });
};
