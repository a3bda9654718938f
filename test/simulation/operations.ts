/**
 * What a schedule is made of. Operations name connections, messages and devices by a number that is taken modulo what there
 * is when it is run, so that a schedule from which some were left out is still a schedule: that is what shrinking does.
 */
import type { DeadLetterReason } from "../../src/protocol/message.ts";
import type { EndEvent } from "../../src/settings/webhooks.ts";

/** Where the object dies in a turn: before its commit, between commit and effects, or by an error that its sockets survive. */
export type Death = "before_commit" | "after_commit" | "fault";

export interface MessagePlan {
  /** One of a few sender's ids; absent = the server makes one. */
  readonly id?: number;
  /** Which of two contents. */
  readonly content: 0 | 1;
  readonly bytes: number;
  /** Absent = the default; 0 = never stored. */
  readonly ttlMs?: number;
  readonly topic?: number;
  /** One of the topic's deltas. */
  readonly append?: true;
  readonly fallbackMs?: number;
}

export interface CallPlan {
  readonly messages: readonly MessagePlan[];
  readonly waitMs?: number;
}

export type LetterChoice = "all" | DeadLetterReason | number;

export type Op = (
  | { readonly do: "send"; readonly calls: readonly CallPlan[] }
  | {
      readonly do: "attach";
      readonly device: number;
      readonly window: number;
      readonly after: "none" | "acked" | "processed" | "low" | "beyond";
      readonly tokenMs: number;
      /** A token from before now by so much: a revocation may stand against it. */
      readonly tokenAgeMs: number;
    }
  | { readonly do: "detach"; readonly conn: number }
  | {
      readonly do: "ack";
      readonly conn: number;
      /** How many of the un-acked entries that the client has; more than there are = all. */
      readonly count: number;
      readonly checkpoint: "none" | "stay" | "half";
      /** By a request of its own (C10), not by a frame. */
      readonly posted: boolean;
    }
  | {
      readonly do: "odd_ack";
      readonly conn: number;
      readonly kind: "stale" | "beyond" | "checkpoint_beyond" | "again";
      readonly posted: boolean;
    }
  | { readonly do: "bad_frame"; readonly conn: number; readonly kind: "binary" | "no_json" | "unknown" | "huge" }
  | { readonly do: "reject"; readonly conn: number; readonly count: number; readonly posted: boolean }
  | { readonly do: "ping"; readonly conn: number; readonly exact: boolean }
  | { readonly do: "prolong"; readonly conn: number; readonly tokenMs: number }
  | { readonly do: "recall"; readonly message: number }
  | { readonly do: "state"; readonly message: number }
  | { readonly do: "held"; readonly skip: number; readonly limit: number }
  | { readonly do: "user" }
  | { readonly do: "dead_letters"; readonly of: LetterChoice }
  | { readonly do: "requeue"; readonly of: LetterChoice; readonly ttlMs?: number }
  | { readonly do: "discard"; readonly of: LetterChoice }
  /** A step of a job over many users (N5): what ended in the last so many milliseconds, or in all time. */
  | {
      readonly do: "bulk";
      readonly action: "requeue" | "discard";
      readonly reason?: DeadLetterReason;
      readonly lastMs?: number;
      readonly limit: number;
    }
  | { readonly do: "revoke" }
  | { readonly do: "erase"; readonly calls: readonly CallPlan[] }
  /** `late`: no timer has run yet. */
  | { readonly do: "advance"; readonly ms: number; readonly late?: true }
  | { readonly do: "clock_back"; readonly ms: number }
  | { readonly do: "alarm" }
  /** What the webhook is to be told is sent; the receiver may fail. */
  | { readonly do: "tell" }
  | { readonly do: "hibernate" }
  | { readonly do: "crash" }
  | { readonly do: "deploy" }
  | { readonly do: "lose_frame"; readonly conn: number }
  | { readonly do: "hang_up"; readonly call: number }
) & { readonly dies?: Death };

export interface Schedule {
  readonly settings: {
    readonly ackTimeoutMs: number;
    readonly outboxMaxMessages: number;
    readonly outboxMaxBytes: number;
    readonly deadLettersMax: number;
    readonly deadLetterTtlMs: number;
    readonly ackFlushMs: number;
    readonly directGraceMs: number;
    readonly fallbackMs: number | null;
    readonly hasReceiver: boolean;
    readonly webhookEvents: readonly EndEvent[];
  };
  /** How often the receiver of webhooks takes one: each of so many. */
  readonly takesEach: number;
  readonly ops: readonly Op[];
}
