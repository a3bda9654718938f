/**
 * What another Worker of the account asks by RPC over a service binding (S11): what the backend plane does, without HTTP.
 *
 * Plain data in, plain data out, and no exception for what is expected. Bound Worker and service may be one release apart (O2):
 * fields are only ever added, and optional.
 */
import type { Location } from "./location.ts";
import type { DeadLetterReason } from "./message.ts";
import type { Readiness } from "./readiness.ts";
import type {
  DeadLetterPage,
  HeldPage,
  HeldReply,
  Outcome,
  RequeuedReply,
  SentReply,
  TokenReply,
  UserReply,
} from "./replies.ts";

/** S: one message. */
export interface SendFields {
  readonly type: string;
  /** What JSON can hold; a `Date` becomes its text, and a member that is `undefined` is left out. */
  readonly data?: unknown;
  readonly id?: string;
  /** Seconds; 0 = never stored (S5). */
  readonly ttl?: number;
  readonly topic?: string;
  /** One of a stream's deltas: with a `topic` and a text as `data`; it replaces nothing, and is joined with its neighbours on its way out (C3). */
  readonly append?: true;
  /** Where nobody has acked it by then, it goes to the deployment's webhook; null: not even by the deployment's default. Seconds. */
  readonly fallback?: { readonly after: number } | null;
  readonly location?: Location;
}

/** S9: one message of a batch, and whom it is for. */
export interface BatchFields extends SendFields {
  readonly to: string;
}

/** S12: where the user's Mailbox is born, if this call is its first. */
export interface Placed {
  readonly location?: Location;
}

/** W3C Trace Context of the caller, in its header's form. */
export interface Traced {
  readonly traceparent?: string;
}

export interface SendOptions extends Traced {
  /** Seconds that the reply may be held, decimals allowed; above 30 it is granted 30 (S3). */
  readonly wait?: number;
}

export interface StateOptions extends Placed {
  /** Seconds that the reply may be held until the user connects (U1). */
  readonly wait?: number;
}

export interface PageOptions extends Placed {
  readonly after?: number;
  readonly limit?: number;
}

export interface DeadLetterOptions extends PageOptions {
  readonly reason?: DeadLetterReason;
}

/** Which dead letters: one, all of a reason, or all. */
export type DeadLetterChoice =
  | { readonly seq: number }
  | { readonly reason: DeadLetterReason }
  | { readonly all: true };

export interface TokenFields extends Placed {
  /** Seconds. */
  readonly ttl?: number;
  readonly device?: string;
}

export interface RequeueOptions extends Placed {
  /** Seconds, above 0; where it is absent each has its original time to live. */
  readonly ttl?: number;
}

export interface SenderApi {
  send(user: string, message: SendFields, options?: SendOptions): Promise<Outcome<SentReply>>;
  /** S9. Nothing of it waits. */
  sendBatch(
    messages: readonly BatchFields[],
    options?: Traced,
  ): Promise<Outcome<{ readonly results: readonly Outcome<SentReply>[] }>>;
  held(user: string, options?: PageOptions): Promise<Outcome<HeldPage>>;
  message(user: string, id: string, options?: Placed): Promise<Outcome<HeldReply>>;
  recall(
    user: string,
    id: string,
    options?: Placed,
  ): Promise<Outcome<{ readonly status: "recalled"; readonly sent: boolean }>>;
  state(user: string, options?: StateOptions): Promise<Outcome<UserReply>>;
  mintToken(user: string, fields?: TokenFields): Promise<Outcome<TokenReply>>;
  revokeTokens(user: string, options?: Placed): Promise<Outcome<{ readonly status: "revoked" }>>;
  erase(user: string, options?: Placed): Promise<Outcome<{ readonly status: "erased" }>>;
  deadLetters(user: string, options?: DeadLetterOptions): Promise<Outcome<DeadLetterPage>>;
  requeue(user: string, which: DeadLetterChoice, options?: RequeueOptions): Promise<Outcome<RequeuedReply>>;
  discard(user: string, which: DeadLetterChoice, options?: Placed): Promise<Outcome<{ readonly discarded: number }>>;
  /** M4. */
  health(): Promise<Outcome<{ readonly status: "ok"; readonly version: string }>>;
  ready(): Promise<Outcome<Readiness>>;
}
