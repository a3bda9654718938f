/**
 * Sending many messages (S9): split to what the server takes at once, each with its outcome, in order.
 *
 * One user's messages keep their order: parts go one after another, and where a message that might have been tried again
 * could not be sent, the user's later ones are not sent either.
 */
import { utf8Bytes } from "../protocol/identifiers.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { BatchFields, Traced } from "../protocol/sender-api.ts";
import type { CallOptions, Effort } from "./calls.ts";
import { badUser } from "./input.ts";
import { mayRepeat, Patience } from "./patience.ts";
import { attempt, notJson, type Port } from "./port.ts";
import { type Receipt, receiptOf } from "./replies.ts";
import { type Failure, failureOf, SendError } from "./send-error.ts";

/** A message of a batch, and where its outcome goes. */
interface Item {
  readonly at: number;
  readonly fields: BatchFields;
  readonly bytes: number;
}

/** `{"messages":[]}`, generously. */
const AROUND_BYTES = 100;
/** How much longer an attempt may take for each message in it: a thousand users are a thousand Mailboxes, some of them asleep. */
const PER_MESSAGE_MS = 20;

export const sendBatch = async (
  port: Port,
  effort: Effort,
  messages: readonly BatchFields[],
  options: CallOptions & Traced,
): Promise<readonly (Receipt | SendError)[]> => {
  const outcomes = new Map<number, Receipt | SendError>();
  const items = messages.flatMap((fields, at) => {
    const item = itemOf(fields, at);
    if ("at" in item) return item;
    outcomes.set(at, new SendError(item, { attempts: 0, ...named(fields) }));
    return [];
  });
  /** Users of whom a message could not be sent, and why. */
  const stopped = new Map<string, Failure>();
  for (const part of parts(items)) {
    const due = part.filter(({ at, fields }) => {
      const failure = stopped.get(fields.to);
      if (failure !== undefined) outcomes.set(at, new SendError(failure, { attempts: 0, ...named(fields) }));
      return failure === undefined;
    });
    await sendPart(port, effort, due, options, outcomes, stopped);
  }
  return messages.map((_, at) => outcomes.get(at) as Receipt | SendError);
};

const named = ({ id }: BatchFields): { readonly id?: string } => (id === undefined ? {} : { id });

const itemOf = (fields: BatchFields, at: number): Item | Failure => {
  const failure = badUser(fields.to);
  if (failure !== undefined) return failure;
  try {
    return { at, fields, bytes: utf8Bytes(JSON.stringify(fields)) + 1 };
  } catch (cause) {
    return notJson(cause);
  }
};

/** As many of the next as a batch may have; one alone that is too large is the server's to refuse. */
function* parts(items: readonly Item[]): Generator<readonly Item[]> {
  let part: Item[] = [];
  let bytes = AROUND_BYTES;
  for (const item of items) {
    const isFull = part.length === LIMITS.batchMaxMessages || bytes + item.bytes > LIMITS.batchMaxBytes;
    if (isFull && part.length > 0) {
      yield part;
      part = [];
      bytes = AROUND_BYTES;
    }
    part.push(item);
    bytes += item.bytes;
  }
  if (part.length > 0) yield part;
}

/** Sends it until each has its outcome; what may be tried again goes together, in its order. */
const sendPart = async (
  port: Port,
  effort: Effort,
  part: readonly Item[],
  { signal, timeoutMs = effort.timeoutMs, traceparent }: CallOptions & Traced,
  outcomes: Map<number, Receipt | SendError>,
  stopped: Map<string, Failure>,
): Promise<void> => {
  const moreMs = part.length * PER_MESSAGE_MS;
  const patience = new Patience({ timeoutMs, maxAttempts: effort.maxAttempts, signal });
  const traced = traceparent === undefined ? {} : { traceparent };
  let due = part;
  while (due.length > 0) {
    patience.begin();
    const forMs = Math.min(effort.attemptTimeoutMs, patience.leftMs) + moreMs;
    const outcome = await attempt(port, "sendBatch", [due.map(({ fields }) => fields), traced], { forMs, signal });
    const failures = new Map<Item, Failure>();
    for (const [index, item] of due.entries()) {
      const result = outcome.ok ? outcome.reply.results[index] : undefined;
      if (result === undefined) failures.set(item, outcome.ok ? NO_RESULT : outcome.failure);
      else if ("code" in result) failures.set(item, failureOf(result));
      else outcomes.set(item.at, receiptOf(result));
    }
    // One user's full outbox, which takes long, keeps nobody else's from being tried again soon.
    const again = due.filter((item) => {
      const failure = failures.get(item);
      const isInTime = (failure?.retryAfterMs ?? 0) < patience.leftMs;
      return isInTime && mayRepeat(failure, item.fields.id === undefined ? "once" : "repeatable");
    });
    const longest = again
      .map((item) => failures.get(item) as Failure)
      .reduce((a, b) => ((b.retryAfterMs ?? 0) > (a.retryAfterMs ?? 0) ? b : a), NO_RESULT);
    due = again.length > 0 && (await patience.again(longest, "repeatable")) ? again : [];
    for (const item of due) failures.delete(item);
    for (const [item, failure] of failures) {
      outcomes.set(item.at, new SendError(failure, { attempts: patience.attempts, ...named(item.fields) }));
      if (failure.retry !== "no") stopped.set(item.fields.to, failure);
    }
  }
};

const NO_RESULT: Failure = {
  code: "foreign_reply",
  detail: "The reply has fewer results than there were messages.",
  retry: "same_id",
};
