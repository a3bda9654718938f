/** The way from the Worker to a user's Mailbox: which one, and what to do where it is lost on the way (S13). */

import { log, thrown } from "../log.ts";
import { type Refusal, refuse } from "../protocol/errors.ts";
import type { Location } from "../protocol/location.ts";
import type { MailboxApi, WaitId } from "../protocol/mailbox-api.ts";
import type { NewMessage } from "../protocol/message.ts";
import { sha256 } from "../protocol/sha256.ts";
import { inJurisdiction } from "../settings/jurisdiction.ts";
import type { Bindings, Caller } from "./exchange.ts";
import { measureFailure } from "./gathering.ts";
import { remembered } from "./remembered.ts";

type MailboxStub = MailboxApi & { fetch(url: string, init: RequestInit): Promise<Response> };

/**
 * What a call does, and so what may be done where its outcome is not known: `read` changes nothing, `repeatable` changes
 * the same however often it runs, `once` does not.
 */
type CallKind = "read" | "repeatable" | "once";

/** Of a send: without an id the same again would be a second message (S13). */
export const kindOf = (messages: readonly NewMessage[]): CallKind =>
  messages.every(({ id }) => id !== undefined) ? "repeatable" : "once";

export type Outcome<T> = { readonly ok: true; readonly value: Exclude<T, Refusal> } | Refusal;

export interface UserMailbox {
  /** SHA-256 of `u:` and the user, or a reserved one (A6). */
  readonly name: string;
  /** Whose it is; absent of a reserved one. A send says it, as what the Mailbox tells others must. */
  readonly user?: string;
  call<T>(kind: CallKind, run: (stub: MailboxStub) => Promise<T>): Promise<Outcome<T>>;
}

const RETRIES = 3;
const RETRY_BASE_MS = 50;

/** A hash: a Mailbox's name says nothing of whose it is. */
export const mailboxName = remembered(1_000, (user) => sha256(`u:${user}`));

/** The Mailbox of a user; `location` is where it is born, if this call is its first (S12). */
export const mailboxOf = (caller: Caller, user: string, location?: Location): UserMailbox => ({
  ...mailboxNamed(caller.env, mailboxName(user), location, (name) => measureFailure(caller, "mailbox_failures", name)),
  user,
});

/** What a send says beside its messages. */
export const ownerOf = ({ user }: UserMailbox) => (user === undefined ? {} : { user });

/** The service's own Mailbox of that name: no hash starts so, and thus no request can address it (A6). */
export const reservedMailbox = (env: Bindings, name: `sys:${string}`): UserMailbox => mailboxNamed(env, name);

export const mailboxNamed = (
  env: Bindings,
  name: string,
  location?: Location,
  failed: (mailbox: string) => void = () => {},
): UserMailbox => {
  const namespace = inJurisdiction(env, env.MAILBOX);
  const stub = () =>
    namespace.getByName(name, location === undefined ? {} : { locationHint: location }) as unknown as MailboxStub;
  return {
    name,
    // A caller that hangs up cancels nothing (S13): once a call has reached the Mailbox, its one turn there is not undone.
    call: (kind, run) => callMailbox(name, stub, kind, run, failed),
  };
};

/** Never rejects. A stub whose object was lost stays broken, so that each attempt takes a new one. */
const callMailbox = async <T>(
  mailbox: string,
  stub: () => MailboxStub,
  kind: CallKind,
  run: (stub: MailboxStub) => Promise<T>,
  failing: (mailbox: string) => void,
): Promise<Outcome<T>> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const value = await run(stub());
      return isRefusal(value) ? value : { ok: true, value: value as Exclude<T, Refusal> };
    } catch (error) {
      if (has(error, "overloaded")) {
        return refuse("overloaded", "This user's Mailbox has more calls than it can take: try again in a second.", {
          retryAfterSeconds: 1,
        });
      }
      const isLost = has(error, "retryable") || has(error, "durableObjectReset");
      if (isLost && kind !== "once" && attempt < RETRIES) {
        // Full jitter: after a deploy all callers come back at once.
        await pause(Math.random() * RETRY_BASE_MS * 2 ** attempt);
        continue;
      }
      failing(mailbox);
      log("error", "mailbox_call_failed", { mailbox, reason: kind, ...thrown(error) });
      return failed(kind, isLost);
    }
  }
};

const failed = (kind: CallKind, isLost: boolean): Refusal => {
  if (kind !== "read") {
    return refuse(
      "outcome_unknown",
      "The Mailbox was lost before it replied: this may or may not have happened. Send again with the same id, or look with GET.",
    );
  }
  return isLost
    ? refuse("unavailable", "The Mailbox could not be reached: try again.")
    : refuse("internal", "The Mailbox failed. It is logged; trying again may help.");
};

const isRefusal = (value: unknown): value is Refusal =>
  typeof value === "object" && value !== null && "code" in value && "ok" in value && value.ok === false;

/** The runtime marks what it throws with properties that its types do not have. */
const has = (error: unknown, mark: "overloaded" | "retryable" | "durableObjectReset"): boolean =>
  typeof error === "object" && error !== null && (error as Record<string, unknown>)[mark] === true;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs a call that the Mailbox may hold, and lets the wait go if the caller hangs up meanwhile. */
export const whileCallerListens = async <T>(
  caller: Caller,
  mailbox: UserMailbox,
  run: (waitId: WaitId) => Promise<T>,
): Promise<T> => {
  const waitId = crypto.randomUUID();
  const letGo = () => caller.background(mailbox.call("repeatable", (stub) => stub.stopWaiting(waitId)));
  const signal = caller.request?.signal;
  signal?.addEventListener("abort", letGo, { once: true });
  if (signal?.aborted) letGo();
  const running = run(waitId).finally(() => signal?.removeEventListener("abort", letGo));
  // Without this the runtime ends the request with its connection, before anybody could let go.
  caller.background(running);
  return running;
};
