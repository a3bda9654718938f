/**
 * What a Worker may ask of a Mailbox by RPC: plain data in, plain data out, no class and no exception for what is expected.
 *
 * During a rolling deploy a Worker and a Mailbox may be one release apart (O2): fields are only ever added, and optional.
 */
import type { ClientFrame } from "./client-frames.ts";
import type { Refusal } from "./errors.ts";
import type { DeadLetterReason, MessageState, NewMessage } from "./message.ts";

/** Names a wait, so that the Worker can let it go when its caller hangs up. Unique within a Mailbox; made by the Worker. */
export type WaitId = string;

export interface SendCall {
  /** In order; all of them are of this Mailbox's user. */
  readonly messages: readonly NewMessage[];
  /** The user that it is: a Mailbox's name does not say it, and what it tells others must. */
  readonly user?: string;
  /** How long the reply may wait for the end of the (only) message (S3). For `ttl: 0`: how long to wait for its ack (S5). */
  readonly waitMs?: number;
  readonly waitId?: WaitId;
}

export interface Sent {
  readonly ok: true;
  readonly message: MessageState;
  /** True where the id was known already and nothing new was made (S4). */
  readonly replayed: boolean;
}

/** A message as `GET …/messages` lists it. */
export interface HeldMessage extends MessageState {
  readonly type: string;
  readonly data?: string;
  readonly topic?: string;
  /** N3, as JSON text; absent as an older release answers. */
  readonly trail?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** `after` of the next page; absent on the last. */
  readonly next?: number;
}

export interface DeadLetter {
  /** The seq that it had as a message: its key. */
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly data?: string;
  readonly topic?: string;
  readonly reason: DeadLetterReason;
  /** The client's own words, where it was rejected. */
  readonly rejectReason?: string;
  readonly acceptedAt: number;
  readonly endedAt: number;
  readonly requeuedFrom?: number;
  /** N3, as JSON text; absent as an older release answers. */
  readonly trail?: string;
}

/** One dead letter, all of one reason, or all. */
export type DeadLetterSelector =
  | { readonly seq: number }
  | { readonly reason: DeadLetterReason }
  | { readonly range: DeadLetterRange }
  | { readonly all: true };

/** Those that ended from `since` to `until`, in Unix milliseconds, both included; of one reason, or of any. */
export interface DeadLetterRange {
  readonly reason?: DeadLetterReason;
  readonly since?: number;
  readonly until: number;
}

/** A step of what is done to the dead letters of many users (N5). */
export interface BulkStep {
  readonly action: "requeue" | "discard";
  readonly range: DeadLetterRange;
  /** Of a requeue: the new time to live. */
  readonly ttlMs?: number;
  /** At most so many in this step. */
  readonly limit: number;
}

/** `more`: the next step has something to do. `left`: no room was found for so many. */
export interface BulkStepDone {
  readonly done: number;
  readonly left: number;
  readonly more: boolean;
}

export interface Requeued {
  readonly ok: true;
  readonly messages: readonly MessageState[];
  /** Selected dead letters that found no room (S8) and stay dead letters. */
  readonly left: number;
}

export interface ConnectionState {
  readonly connectionId: string;
  readonly device: string;
  readonly openedAt: number;
  readonly sentSeq: number;
  readonly ackedSeq: number;
  readonly inFlight: number;
  readonly window: number;
  readonly caughtUp: boolean;
  readonly tokenExpiresAt: number;
  /** The last ping; absent where it has never pinged. */
  readonly pingedAt?: number;
}

export interface DeviceState {
  readonly device: string;
  readonly cursor: number;
  readonly connected: boolean;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
}

/** `GET /v1/users/{user}` (U1). */
export interface UserState {
  readonly connections: readonly ConnectionState[];
  readonly devices: readonly DeviceState[];
  readonly held: { readonly count: number; readonly bytes: number; readonly oldestAt?: number };
  readonly deadLetters: number;
}

/** What the Worker has verified of a user token, for the Mailbox to hold a connection to. */
export interface TokenFacts {
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The device that the token is bound to, if it is. */
  readonly device?: string;
}

/** What travels to `Mailbox.fetch` in the header `ATTACH_HEADER`, as JSON: the Worker has checked all of it. */
export interface AttachCall {
  readonly user: string;
  readonly device: string;
  readonly window: number;
  readonly after?: number;
  readonly token: TokenFacts;
  /** Beginning of the connection ids that this Mailbox gives out (see `connectionTag`). */
  readonly tag: string;
  /** What the SDK measured: which attempt this is, and how long the last one took. */
  readonly attempt?: number;
  readonly connectMs?: number;
}
export const ATTACH_HEADER = "restante-attach";
/** What travels to `Mailbox.fetch` in the header `PUBLISH_HEADER`, as JSON: a publisher's socket (P). */
export interface PublishCall {
  readonly user: string;
  /** As an attach's. */
  readonly tag: string;
}
export const PUBLISH_HEADER = "restante-publish";
/** A request with this header is for an operator's socket (N6), which is told what happens and says how far that was read. */
export const OBSERVE_HEADER = "restante-observe";
/** A Mailbox that refuses an attach answers with this header, a `Refusal` as JSON; the Worker words it for the client. */
export const REFUSAL_HEADER = "restante-refusal";

/** A connection id is `{tag}.{random}`; the tag says whose Mailbox it is of, without saying who (C9, A6). */
export const connectionTag = (mailboxName: string): string => mailboxName.slice(0, 16);

/** What a client says of what it was sent, in a request of its own (C10): the words are its frame's. */
export type Acknowledgement = Extract<ClientFrame, { readonly type: "ack" | "reject" }>;

/** How far a connection has come: acked, and where its device's cursor may go (C5). */
export interface Acknowledged {
  readonly ok: true;
  readonly acked: number;
  readonly checkpoint: number;
}

/** What the webhook is still to be told, or could not be (N2); times in Unix milliseconds. */
export interface WebhookEntry {
  readonly id: string;
  readonly event: string;
  readonly seq: number;
  readonly createdAt: number;
  readonly attempts: number;
  /** Absent where it was given up. */
  readonly nextAt?: number;
  readonly attemptedAt?: number;
  /** Why the last attempt failed. */
  readonly fault?: string;
}

export interface MailboxApi {
  send(call: SendCall): Promise<readonly (Sent | Refusal)[]>;
  /**
   * A call with many messages, as JSON in UTF-8; their outcomes as they read on the wire (S9), a line each. As text, and written where they
   * come to be: many small objects on their way through the runtime and two more hands cost more than storing them.
   */
  sendMany(call: Uint8Array): Promise<string>;
  /**
   * Several calls at once, each as if it had come alone, and none with a wait: a JSON list of `SendCall`, and of their replies. As
   * text, since the runtime takes several times as long over many small objects.
   */
  sendTogether(calls: string): Promise<string>;
  held(query: { readonly after: number; readonly limit: number }): Promise<Page<HeldMessage>>;
  state(id: string): Promise<{ readonly ok: true; readonly message: HeldMessage | MessageState } | Refusal>;
  recall(id: string): Promise<{ readonly ok: true; readonly sent: boolean } | Refusal>;
  /** With `waitMs`: replies as soon as one connection is established (U1). */
  user(query: { readonly waitMs?: number; readonly waitId?: WaitId }): Promise<UserState>;
  /** Lets a wait go whose caller has hung up; it cancels nothing else (S13). */
  stopWaiting(waitId: WaitId): Promise<void>;
  prolong(
    connectionId: string,
    token: TokenFacts,
  ): Promise<{ readonly ok: true; readonly expiresAt: number } | Refusal>;
  acknowledge(connectionId: string, token: TokenFacts, said: Acknowledgement): Promise<Acknowledged | Refusal>;
  revoke(): Promise<void>;
  erase(): Promise<void>;
  deadLetters(query: {
    readonly after: number;
    readonly limit: number;
    readonly reason?: DeadLetterReason;
  }): Promise<Page<DeadLetter>>;
  requeue(selector: DeadLetterSelector, ttlMs?: number): Promise<Requeued | Refusal>;
  webhooks(query: { readonly after: number; readonly limit: number }): Promise<Page<WebhookEntry>>;
  /** Begins anew with those that were given up, or throws them away; how many. */
  failedWebhooks(action: "retry" | "discard"): Promise<number>;
  /** Repeatable: what is done is no dead letter any more. */
  bulkStep(step: BulkStep): Promise<BulkStepDone>;
  discard(selector: DeadLetterSelector): Promise<{ readonly ok: true; readonly discarded: number } | Refusal>;
}
