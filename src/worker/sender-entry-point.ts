/**
 * The RPC entry point (S11): another Worker of the account binds to it, and sends without HTTP and without a key.
 *
 * ```toml
 * [[services]]
 * binding = "RESTANTE"
 * service = "restante"
 * entrypoint = "Sender"
 * ```
 * ```ts
 * const reply = await env.RESTANTE.send("ada", { type: "agent_started", id: "run-7" }, { wait: 10 });
 * if ("code" in reply) console.error(reply.code, reply.detail);
 * ```
 * Whoever has the binding is inside the account, and may do what every scope allows (A1). No method throws for what is
 * expected: a refusal is a problem (E1). A caller that hangs up cancels nothing (S13), not even its wait.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type * as v from "valibot";
import { log, thrown } from "../log.ts";
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { sendBody, tokenBody } from "../protocol/http.ts";
import { isUser } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Location } from "../protocol/location.ts";
import type { Range } from "../protocol/monitor-api.ts";
import type { AttentionOptions, BulkChoice, OperatorApi } from "../protocol/operator-api.ts";
import { problemOutcome, sentOutcome } from "../protocol/outcomes.ts";
import type { Outcome } from "../protocol/replies.ts";
import * as rpc from "../protocol/rpc-arguments.ts";
import type * as api from "../protocol/sender-api.ts";
import { versionOf } from "../settings/environment.ts";
import { accessOf } from "./access.ts";
import { attention } from "./attention.ts";
import { sendBatch } from "./batch.ts";
import { checkArgument, plainJson } from "./cloned-input.ts";
import { deadLetters, discard, requeue } from "./dead-letters.ts";
import type { Bindings, Caller } from "./exchange.ts";
import { beginJob, isJobId, jobs, oneJob } from "./jobs.ts";
import { mailboxOf, type UserMailbox } from "./mailbox-stub.ts";
import { held, isMessageId, message, recall } from "./messages.ts";
import { alerts, measured } from "./monitoring.ts";
import { readiness } from "./ready.ts";
import { send } from "./sends.ts";
import { erase, mintToken, revoke, userState } from "./users.ts";
import { discardFailed, retryFailed, webhooks } from "./webhooks.ts";

type Method = keyof (api.SenderApi & OperatorApi);

export class Sender extends WorkerEntrypoint<Bindings> implements api.SenderApi, OperatorApi {
  send(user: string, fields: api.SendFields, options?: api.SendOptions) {
    return this.#answer("send", async (caller) => {
      const body = checkArgument(sendBody, fields, "message");
      if (!body.ok) return body;
      const terms = checkArgument(rpc.sendOptions, options, "options");
      if (!terms.ok) return terms;
      const mailbox = await mailboxFor(caller, user, body.value.location);
      if (!mailbox.ok) return mailbox;
      const { wait: waitMs, traceparent } = terms.value;
      const sent = await send(caller, mailbox.value, body.value, { waitMs, traceparent });
      return sent.ok ? granted(sentOutcome(sent.value)) : sent;
    });
  }

  sendBatch(messages: readonly api.BatchFields[], options?: api.Traced) {
    return this.#answer("sendBatch", async (caller) => {
      const batch = plainJson({ messages }, "batch", LIMITS.batchMaxBytes);
      if (!batch.ok) return batch;
      const terms = checkArgument(rpc.tracedOptions, options, "options");
      return terms.ok ? sendBatch(caller, batch.value, terms.value) : terms;
    });
  }

  held(user: string, options?: api.PageOptions): ReturnType<api.SenderApi["held"]> {
    return this.#ofUser("held", user, rpc.pageOptions, options, async (mailbox, page) =>
      parsed(await held(mailbox, page)),
    );
  }

  message(user: string, id: string, options?: api.Placed): ReturnType<api.SenderApi["message"]> {
    return this.#ofUser("message", user, rpc.placedOptions, options, async (mailbox) =>
      isId(id) ? parsed(await message(mailbox, id)) : NO_ID,
    );
  }

  recall(user: string, id: string, options?: api.Placed) {
    return this.#ofUser("recall", user, rpc.placedOptions, options, async (mailbox) =>
      isId(id) ? recall(mailbox, id) : NO_ID,
    );
  }

  state(user: string, options?: api.StateOptions) {
    return this.#ofUser("state", user, rpc.stateOptions, options, (mailbox, { wait }, caller) =>
      userState(caller, mailbox, wait),
    );
  }

  mintToken(user: string, fields?: api.TokenFields) {
    return this.#ofUser("mintToken", user, tokenBody, fields, (_, terms, caller) => mintToken(caller, user, terms));
  }

  revokeTokens(user: string, options?: api.Placed) {
    return this.#ofUser("revokeTokens", user, rpc.placedOptions, options, revoke);
  }

  erase(user: string, options?: api.Placed) {
    return this.#ofUser("erase", user, rpc.placedOptions, options, erase);
  }

  deadLetters(user: string, options?: api.DeadLetterOptions): ReturnType<api.SenderApi["deadLetters"]> {
    return this.#ofUser("deadLetters", user, rpc.deadLetterOptions, options, async (mailbox, page) =>
      parsed(await deadLetters(mailbox, page)),
    );
  }

  requeue(user: string, which: api.DeadLetterChoice, options?: api.RequeueOptions) {
    return this.#ofUser("requeue", user, rpc.requeueOptions, options, async (mailbox, { ttl }) => {
      const choice = checkArgument(rpc.deadLetterChoice, which, "choice");
      return choice.ok ? requeue(mailbox, choice.value, ttl) : choice;
    });
  }

  discard(user: string, which: api.DeadLetterChoice, options?: api.Placed) {
    return this.#ofUser("discard", user, rpc.placedOptions, options, async (mailbox) => {
      const choice = checkArgument(rpc.deadLetterChoice, which, "choice");
      return choice.ok ? discard(mailbox, choice.value) : choice;
    });
  }

  attention(options?: AttentionOptions) {
    return this.#overAll("attention", rpc.attentionOptions, options, attention);
  }

  requeueAll(which: BulkChoice, options?: { readonly ttl?: number }) {
    return this.#overAll("requeueAll", rpc.bulkOptions, options, async (caller, terms) => {
      const choice = checkArgument(rpc.bulkChoice, which, "choice");
      return choice.ok ? beginJob(caller, "requeue", choice.value, terms) : choice;
    });
  }

  discardAll(which: BulkChoice) {
    return this.#overAll("discardAll", rpc.bulkChoice, which, (caller, choice) => beginJob(caller, "discard", choice));
  }

  jobs() {
    return this.#answer("jobs", jobs);
  }

  job(id: string) {
    return this.#answer("job", async (caller) => (isJobId(id) ? oneJob(caller, "job", id) : NO_JOB));
  }

  stopJob(id: string) {
    return this.#answer("stopJob", async (caller) => (isJobId(id) ? oneJob(caller, "stopJob", id) : NO_JOB));
  }

  webhooks(user: string, options?: api.PageOptions) {
    return this.#ofUser("webhooks", user, rpc.pageOptions, options, webhooks);
  }

  retryWebhooks(user: string, options?: api.Placed) {
    return this.#ofUser("retryWebhooks", user, rpc.placedOptions, options, retryFailed);
  }

  discardWebhooks(user: string, options?: api.Placed) {
    return this.#ofUser("discardWebhooks", user, rpc.placedOptions, options, discardFailed);
  }

  alerts() {
    return this.#answer("alerts", alerts);
  }

  monitor(options?: { readonly range?: Range }) {
    return this.#overAll("monitor", rpc.monitorOptions, options, (caller, { range }) => measured(caller, range));
  }

  async health() {
    return { http_status: 200, status: "ok" as const, version: versionOf(this.env) };
  }

  ready() {
    return this.#answer("ready", async (caller) => {
      const outcome = await readiness(caller, "fresh");
      if (!outcome.ok) return outcome;
      return granted({ ...outcome.value, http_status: outcome.value.status === "ready" ? 200 : 503 });
    });
  }

  /** A call about one user, whose options may say where the Mailbox is born. */
  #ofUser<S extends v.GenericSchema<unknown, { readonly location?: Location | undefined }>, T extends object>(
    method: Method,
    user: string,
    schema: S,
    options: unknown,
    work: (mailbox: UserMailbox, terms: v.InferOutput<S>, caller: Caller) => Promise<Checked<T>>,
  ): Promise<Outcome<T>> {
    return this.#answer(method, async (caller) => {
      const terms = checkArgument(schema, options, "options");
      if (!terms.ok) return terms;
      const mailbox = await mailboxFor(caller, user, terms.value.location);
      return mailbox.ok ? work(mailbox.value, terms.value, caller) : mailbox;
    });
  }

  /** A call about all users. */
  #overAll<S extends v.GenericSchema, T extends object>(
    method: Method,
    schema: S,
    options: unknown,
    work: (caller: Caller, terms: v.InferOutput<S>) => Promise<Checked<T>>,
  ): Promise<Outcome<T>> {
    return this.#answer(method, async (caller) => {
      const terms = checkArgument(schema, options, "options");
      return terms.ok ? work(caller, terms.value) : terms;
    });
  }

  /** Runs what answers; the one place where an exception ends. A status that the answer has itself goes before 200. */
  #answer<T extends object>(method: Method, work: (caller: Caller) => Promise<Checked<T>>): Promise<Outcome<T>> {
    const background = (work: Promise<unknown>) => this.ctx.waitUntil(work);
    const caller = { env: this.env, access: accessOf(this.env), background };
    const answering = answerCall(method, async () => caller.access.fault ?? work(caller));
    // The runtime ends a call with its caller: a retry (S13), or a line in the log, would not come to be.
    background(answering);
    return answering;
  }
}

const answerCall = async <T extends object>(method: Method, work: () => Promise<Checked<T>>): Promise<Outcome<T>> => {
  const call = { method: "RPC", route: `Sender.${method}` };
  const startedAt = Date.now();
  let answer: Checked<T>;
  try {
    answer = await work();
  } catch (error) {
    log("error", "request_failed", { ...call, ...thrown(error) });
    answer = refuse(
      "internal",
      "Something failed here, and was logged. Send again with the same id, or look with state.",
    );
  }
  if (answer.ok) return { http_status: 200, ...answer.value };
  const outcome = problemOutcome(answer);
  if (outcome.http_status >= 500) {
    const duration_ms = Date.now() - startedAt;
    log("warn", "request_refused", { code: answer.code, status: outcome.http_status, ...call, duration_ms });
  }
  return outcome;
};

const mailboxFor = async (
  caller: Caller,
  user: unknown,
  location: Location | undefined,
): Promise<Checked<UserMailbox>> =>
  typeof user === "string" && isUser(user)
    ? granted(mailboxOf(caller, user, location))
    : refuse("invalid_user", "A user is a text of 1 to 256 bytes in UTF-8 without control characters, and not . or ..");

const NO_JOB = refuse("invalid_request", "The id of a job is that which `requeueAll` or `discardAll` gave.");
const isId = (id: unknown): id is string => typeof id === "string" && isMessageId(id);
const NO_ID = refuse(
  "invalid_request",
  "The id is not well formed: it is the one that the message was sent with, or got.",
);

/** Stored JSON stands in these replies as text. */
const parsed = (text: Checked<string>): Checked<never> => (text.ok ? granted(JSON.parse(text.value) as never) : text);
