/**
 * `restante/sender`: sends to users from a backend, in Node, in Workers, in whatever has `fetch`.
 *
 * ```ts
 * import { createSender } from "restante/sender";
 *
 * type Events = { agent_started: { run: string }; agent_completed: { answer: string } };
 *
 * const sender = createSender<Events>({ url: "https://restante.example.com", key: process.env.RESTANTE_API_KEY });
 *
 * const receipt = await sender.send("ada", { type: "agent_started", data: { run: "7" } }, { wait: 10 });
 * if (receipt.status !== "delivered") console.log("It waits for ada.");
 * ```
 * `createOperator` is for who looks after the deployment.
 */
import type { Location } from "../protocol/location.ts";
import type { DeadLetterReason } from "../protocol/message.ts";
import type { DeadLetterChoice } from "../protocol/sender-api.ts";
import { type CallOptions, type Effort, effortOf } from "./calls.ts";
import type { Fetch } from "./http-port.ts";
import type { BatchMessage, EventMap, Message } from "./message.ts";
import { operations } from "./operations.ts";
import type { Api } from "./port.ts";
import { portsOf } from "./ports.ts";
import type { ReadyOptions } from "./ready.ts";
import type { DeadLetter, HeldMessage, Readiness, Receipt, Requeued, UserState, UserToken } from "./replies.ts";
import { SendError } from "./send-error.ts";
import type { WebSocketClass } from "./socket-carrier.ts";
import type { StreamOptions, TextStream } from "./stream.ts";

export type { AttentionReason } from "../protocol/attention.ts";
export type { DeadLetterReason, MessageStatus } from "../protocol/message.ts";
export type { DeadLetterChoice } from "../protocol/sender-api.ts";
export type { CallOptions, Effort } from "./calls.ts";
export type { Fetch } from "./http-port.ts";
export type { LiveFrame } from "./live.ts";
export type { BatchMessage, EventMap, Message, Terms } from "./message.ts";
export type {
  Alert,
  AttentionCounts,
  AttentionOptions,
  AttentionUser,
  BulkChoice,
  FollowOptions,
  Job,
  Measured,
  Operator,
  StartUpCheck,
  Webhook,
} from "./operator.ts";
export { createOperator } from "./operator.ts";
export type { ReadyOptions, Scope } from "./ready.ts";
export type {
  DeadLetter,
  HeldMessage,
  MessageState,
  Readiness,
  Receipt,
  Requeued,
  TrailStep,
  UserState,
  UserToken,
} from "./replies.ts";
export type { ReadyStep, SendErrorCode } from "./send-error.ts";
export type { WebSocketClass } from "./socket-carrier.ts";
export type { StreamOptions, TextStream } from "./stream.ts";
export { SendError };

/** What a service binding to the entry point `Sender` has (S11): the type of `env.RESTANTE`. */
export type SenderBinding = Api;

/** By HTTP with an API key, or over a service binding without one. */
export type SenderOptions = Partial<Effort> &
  (
    | {
        /** The deployment's URL; a path in it stays in front of the API's. */
        readonly url: string | URL;
        /** An API key; scope `send`, and `manage` for what names it. */
        readonly key: string | undefined;
        /** In place of the global one. */
        readonly fetch?: Fetch | undefined;
        /** For `stream`, in place of the global one, which Node has from 22 on: such as that of the package `ws`. */
        readonly webSocket?: WebSocketClass | undefined;
      }
    | { readonly binding: SenderBinding }
  );

/** Where the user's Mailbox is born, if this call is the first to it (S12). */
export interface PlacedOptions extends CallOptions {
  readonly location?: Location | undefined;
}

export interface SendOptions extends CallOptions {
  /** Seconds that the reply may be held until the message has ended, up to 30 (S3). What is left of it goes with each retry. */
  readonly wait?: number | undefined;
  /**
   * W3C Trace Context, to travel with the message to the client. Where it is left out and the app uses OpenTelemetry,
   * that of the active span is sent.
   */
  readonly traceparent?: string | undefined;
}

export interface TokenOptions extends PlacedOptions {
  /** Seconds: 1 hour where it is left out, 24 at most. */
  readonly ttl?: number | undefined;
  /** Binds the token to one device. */
  readonly device?: string | undefined;
}

export interface DeadLetterOptions extends PlacedOptions {
  readonly reason?: DeadLetterReason | undefined;
}

export interface RequeueOptions extends PlacedOptions {
  /** Seconds, above 0; where it is left out each has its original time to live. */
  readonly ttl?: number | undefined;
}

/**
 * Every method rejects with a `SendError` and nothing else. What may be tried again is, with backoff and jitter, until
 * `timeoutMs` is over: where no answer came, or a proxy's, and where the server's problem says so.
 */
export interface Sender<Events extends object = EventMap> {
  /**
   * Sends a message: when this resolves it is stored, and survives what may come (D1), or its end is known (S1). Retries
   * make no second message, since the SDK gives an `id` where you give none.
   */
  send(user: string, message: Message<Events>, options?: SendOptions): Promise<Receipt>;

  /**
   * Sends many, to one user or thousands; each user's in their order. It never rejects: the results stand in the order of the
   * messages, each a receipt or the error of that message. More than 1,000 go in several requests, each with a `timeoutMs`.
   *
   * ```ts
   * const results = await sender.sendBatch([{ to: "ada", type: "agent_started", data: { run: "7" } }]);
   * const failed = results.filter((result) => result instanceof SendError);
   * ```
   */
  sendBatch(
    messages: readonly BatchMessage<Events>[],
    options?: Omit<SendOptions, "wait">,
  ): Promise<readonly (Receipt | SendError)[]>;

  /**
   * Streams a text as it is made, such as an agent's tokens: a reader who is there gets each piece at once, one who comes back
   * gets the text so far as one message (C3).
   *
   * ```ts
   * const stream = sender.stream("ada", { topic: "run-7" });
   * for await (const token of tokens) await stream.write(token);
   * await stream.end();
   * ```
   * It opens a socket at the first write, and again after a loss; `end` closes it. What was written is there once, and in order.
   */
  stream(user: string, options: StreamOptions): TextStream;

  /** Whether the user is connected, with what devices, and how much is held (U1). */
  state(user: string, options?: PlacedOptions): Promise<UserState>;

  /** Resolves as soon as the user has a connection; after `timeoutMs` (30 s) rejects with `timeout`. */
  waitForConnection(user: string, options?: PlacedOptions): Promise<UserState>;

  /** A token with which the user's page attaches (U2). Give it only to who has logged in as that user. */
  mintToken(user: string, options?: TokenOptions): Promise<UserToken>;

  /** The state of one message, for 24 hours after its end; then `unknown_message` (S10). */
  message(user: string, id: string, options?: PlacedOptions): Promise<HeldMessage>;

  /** What is held for the user, oldest first; fetched page by page (S10). */
  held(user: string, options?: PlacedOptions): AsyncIterable<HeldMessage>;

  /**
   * Takes a message back; `sent` says that a connection may have got it. `already_acked` where it is too late (S10). Scope
   * `manage`. Where the answer is lost it is not tried again: look with `message`.
   */
  recall(user: string, id: string, options?: PlacedOptions): Promise<{ readonly sent: boolean }>;

  /** What ended undelivered, oldest first; fetched page by page (D7). Scope `manage` or `monitor`. */
  deadLetters(user: string, options?: DeadLetterOptions): AsyncIterable<DeadLetter>;

  /** Sends dead letters again: `{ seq }`, `{ reason }`, or `{ all: true }` (D7). Scope `manage`. As `recall`, not tried again blindly. */
  requeue(user: string, which: DeadLetterChoice, options?: RequeueOptions): Promise<Requeued>;

  /** Throws dead letters away (D7). Scope `manage`. As `recall`, not tried again blindly. */
  discard(user: string, which: DeadLetterChoice, options?: PlacedOptions): Promise<{ readonly discarded: number }>;

  /** Ends all tokens of the user that were issued until now, and closes the connections that stand on them (U3). Scope `manage`. */
  revokeTokens(user: string, options?: PlacedOptions): Promise<void>;

  /** Erases everything about the user (U4). Scope `manage`. */
  erase(user: string, options?: PlacedOptions): Promise<void>;

  /**
   * For a service's own start-up: resolves when the deployment answers, takes the key, and a message that it sends itself
   * arrives (M4). Tries until `timeoutMs` (60 s) is over; then, or at once where that cannot help, the error's `step` and
   * `detail` say what to mend.
   */
  ready(options?: ReadyOptions): Promise<Readiness>;
}

/**
 * A sender, by HTTP or over a service binding: the same methods and the same errors. It keeps no connection, but for a stream's, and needs no closing.
 *
 * ```ts
 * const sender = createSender<Events>({ binding: env.RESTANTE }); // in a Worker of the same account (S11)
 * ```
 * @throws TypeError where an option is missing or not well formed.
 */
export const createSender = <Events extends object = EventMap>(options: SenderOptions): Sender<Events> =>
  // Which events an app has is a matter of its types.
  operations(portsOf(options), effortOf(options)) as unknown as Sender<Events>;
