/** Whether a service that is starting can send (`Sender.ready`): asked in steps, so that it can say which one failed. */
import type { CallOptions, Effort } from "./calls.ts";
import { Patience } from "./patience.ts";
import { type Arguments, type Attempted, attempt, failed, type Method, type Port } from "./port.ts";
import { camelCased, type Readiness } from "./replies.ts";
import { type Failure, type ReadyStep, SendError } from "./send-error.ts";

/** What an API key may be allowed to do (A1); sending, or managing. */
export type Scope = "send" | "manage";

export interface ReadyOptions extends CallOptions {
  /** What the key must be allowed to do: `["send"]` where it is left out. */
  readonly scopes?: readonly Scope[] | undefined;
}

/** A new deployment, and the start-up check of a cold one, take longer than a send. */
const TIMEOUT_MS = 60_000;

/** Whose Mailbox is asked for, and not touched. */
const NOBODY = "restante-ready";

/**
 * Calls that lack what they need: a key with the scope is told so (400), any other is refused before that. Nothing is done
 * in either case (E2), and no Mailbox is touched (A4).
 */
const HOLLOW: { readonly [S in Scope]: (ask: Ask) => Promise<Attempted<Method>> } = {
  send: (ask) => ask("send", [NOBODY, { type: "" }]),
  manage: (ask) => ask("requeue", [NOBODY, { all: true }, { ttl: -1 }]),
};

type Answered<T> = { readonly ok: true; readonly reply: T } | { readonly ok: false; readonly failure: Failure };
type Ask = <M extends Method>(method: M, args: Arguments<M>) => Promise<Attempted<M>>;

/** `port` with the key, `open` without. @throws SendError with its `step`. */
export const ready = async (
  { port, open }: { readonly port: Port; readonly open: Port },
  effort: Effort,
  { signal, timeoutMs = TIMEOUT_MS, scopes = ["send"] }: ReadyOptions,
): Promise<Readiness> => {
  const patience = new Patience({ timeoutMs, maxAttempts: Number.POSITIVE_INFINITY, signal });

  const step = async <T>(name: ReadyStep, ask: () => Promise<Answered<T>>): Promise<T> => {
    let failure: Failure;
    do {
      patience.begin();
      const outcome = await ask();
      if (outcome.ok) return outcome.reply;
      failure = outcome.failure;
    } while (await patience.again(transient(failure), "repeatable"));
    throw new SendError(failure, { attempts: patience.attempts, step: name });
  };
  const asker =
    (port: Port, mostMs: number): Ask =>
    (method, args) =>
      attempt(port, method, args, { forMs: Math.min(mostMs, patience.leftMs), signal });
  const ask = asker(port, effort.attemptTimeoutMs);

  await step("health", () => ask("health", []));
  for (const scope of scopes) {
    await step("key", async (): Promise<Answered<unknown>> => {
      const outcome = await HOLLOW[scope](ask);
      const isLetIn = !outcome.ok && outcome.failure.code === "invalid_request";
      return isLetIn ? { ok: true, reply: undefined } : outcome;
    });
  }
  const reply = await step("start_up_check", async () => {
    // It has its own limits, which name the step that was too slow.
    const outcome = await asker(port, timeoutMs)("ready", []);
    // Anybody may hear what the last check has found; to have it run now takes the scope `monitor`.
    const isForMonitors = !outcome.ok && outcome.failure.code === "missing_scope";
    return checked(isForMonitors ? await asker(open, timeoutMs)("ready", []) : outcome);
  });
  return camelCased<Readiness>(reply);
};

/** A route that is not there yet answers as something else. */
const transient = (failure: Failure): Failure =>
  failure.code === "foreign_reply" ? { ...failure, retry: "later" } : failure;

const checked = (outcome: Attempted<"ready">): Attempted<"ready"> => {
  if (!outcome.ok || outcome.reply.status === "ready") return outcome;
  const bad = outcome.reply.steps.find((step) => !step.ok);
  const why = bad === undefined ? "it does not say where" : `at its step ${bad.name}: ${bad.detail ?? bad.code}`;
  const detail = `The service's start-up check has failed, ${why}. Look at GET /ready, and at the service's logs.`;
  return failed({ code: "not_ready", detail, retry: "later", status: outcome.reply.http_status });
};
