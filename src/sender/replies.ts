/**
 * What a sender gets back: the replies of PROTOCOL.md in camelCase. Times stay RFC 3339 texts in UTC: they sort as they are,
 * and pass through JSON and RPC unchanged, such as a token's end on its way to a page.
 */
import type { DeadLetterReason, MessageStatus } from "../protocol/message.ts";
import type { SentReply } from "../protocol/replies.ts";
import type { TrailEvent } from "../protocol/trail.ts";

/** The state of one message (S7). */
export interface MessageState {
  readonly id: string;
  readonly seq: number;
  /** `queued`, or how it has ended. */
  readonly status: MessageStatus;
  /** How many devices the user has; 0 = has never connected. */
  readonly devices: number;
  /** Open connections that it was sent to. */
  readonly sentTo: number;
  readonly acceptedAt: string;
  readonly expiresAt: string;
  readonly deliveredAt?: string;
  /** When it went to the webhook as a fallback (N1); known while it is held. */
  readonly escalatedAt?: string;
  /** The seq of the dead letter that it was made from (D7). */
  readonly requeuedFrom?: number;
}

/** What became of a send. */
export interface Receipt extends MessageState {
  /** The id was known already: an earlier send, or an earlier attempt of this one, has made the message (S4). */
  readonly replayed: boolean;
}

/** A message that is held, or the state alone of one that is no more (S10). */
export interface HeldMessage extends MessageState {
  readonly type?: string;
  readonly topic?: string;
  readonly trail?: readonly TrailStep[];
  readonly data?: unknown;
}

/**
 * One step of a message's trail, oldest first (N3): what became of it, on which connection and when. Other events may come: ignore
 * those that you do not know.
 */
export interface TrailStep {
  readonly at: string;
  readonly event: TrailEvent;
  /** Where it happened on a connection. */
  readonly connectionId?: string;
  readonly device?: string;
  /** Of `closed`: what its connection was closed with. */
  readonly code?: number;
  /** Of the rejection that counts: the client's own words. */
  readonly reason?: string;
  /** Of `requeued`: the seq of the dead letter that it was made from. */
  readonly from?: number;
}

/** A message that ended undelivered (D6, D7). */
export interface DeadLetter {
  /** The seq that it had: it is named by it. */
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly topic?: string;
  readonly reason: DeadLetterReason;
  /** The client's own words, where it was rejected. */
  readonly rejectReason?: string;
  readonly acceptedAt: string;
  readonly endedAt: string;
  readonly requeuedFrom?: number;
  readonly trail?: readonly TrailStep[];
  readonly data?: unknown;
}

/** `left` found no room, and are dead letters still. */
export interface Requeued {
  readonly requeued: readonly MessageState[];
  readonly left: number;
}

/** A user's connections, devices and what is held (U1). */
export interface UserState {
  readonly connected: boolean;
  readonly connections: readonly {
    readonly connectionId: string;
    readonly device: string;
    readonly openedAt: string;
    readonly sentSeq: number;
    readonly ackedSeq: number;
    readonly inFlight: number;
    readonly window: number;
    readonly caughtUp: boolean;
    readonly tokenExpiresAt: string;
    readonly pingedAt?: string;
  }[];
  readonly devices: readonly {
    readonly device: string;
    readonly cursor: number;
    readonly connected: boolean;
    readonly firstSeenAt: string;
    readonly lastSeenAt: string;
  }[];
  readonly held: { readonly count: number; readonly bytes: number; readonly oldestAt?: string };
  readonly deadLetters: number;
  /** The name of the user's Mailbox in the service's logs. */
  readonly mailbox: string;
}

/** A user token (U2). */
export interface UserToken {
  readonly token: string;
  readonly expiresAt: string;
}

/** What the start-up check has found (M4). */
export interface Readiness {
  readonly version: string;
  readonly checkedAt: string;
  readonly durationMs: number;
  readonly steps: readonly { readonly name: string; readonly ok: boolean; readonly durationMs: number }[];
}

type CamelCase<Name> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : Name;
/** What `camelCased` makes of a reply. */
export type CamelCased<Reply> = Reply extends readonly (infer Item)[]
  ? readonly CamelCased<Item>[]
  : Reply extends object
    ? { readonly [Name in keyof Reply as CamelCase<Name>]: CamelCased<Reply[Name]> }
    : Reply;

/** A reply of the wire as a sender's, whatever is in it; the app's own `data` stays as it is. */
export const camelCased = <Reply>(value: unknown): Reply => renamed(value) as Reply;

export const receiptOf = (reply: SentReply): Receipt => ({
  ...camelCased<MessageState>(reply),
  replayed: reply.replayed === true,
});

const renamed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== "http_status")
      .map(([name, inner]) => [camelCase(name), name === "data" ? inner : renamed(inner)]),
  );
};

const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
