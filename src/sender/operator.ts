/** Looks after a deployment: who needs a person, what could not be delivered to thousands at once, what happens to one user now. */
import type { Alert as WireAlert } from "../protocol/alert.ts";
import type { AttentionReason } from "../protocol/attention.ts";
import type { DeadLetterReason } from "../protocol/message.ts";
import type { Range } from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import type * as wire from "../protocol/replies.ts";
import { type CallOptions, effortOf } from "./calls.ts";
import type { LiveFrame } from "./live.ts";
import { operating } from "./operating.ts";
import { portsOf } from "./ports.ts";
import type { CamelCased } from "./replies.ts";
import type { PlacedOptions, SenderOptions } from "./sender.ts";

/** Since when there is any reason, and when the reasons last changed (N4). */
export type AttentionUser = CamelCased<wire.AttentionUser>;
/** How many users need a person, and how many for each reason. */
export type AttentionCounts = CamelCased<Pick<wire.AttentionPage, "total" | "reasons">>;
/** What is done to the dead letters of all users, and how far it is (N5). */
export type Job = CamelCased<wire.JobReply>;
/** What the webhook is still to be told, and what it could not be (N2). */
export type Webhook = CamelCased<wire.WebhookReply>;
export type Alert = CamelCased<WireAlert>;
/** What was measured (M1). */
export type Measured = CamelCased<wire.MonitorReply>;
/** What the start-up check has found (M4). */
export type StartUpCheck = CamelCased<Readiness>;

/** Dead letters of all users: by why and when they ended, both instants included; or all of them. */
export type BulkChoice =
  | {
      readonly reason?: DeadLetterReason | undefined;
      readonly since?: Date | string | undefined;
      /** The moment of the call where it is left out, so that what is rejected once more is not sent for ever. */
      readonly until?: Date | string | undefined;
    }
  | { readonly all: true };

export interface AttentionOptions extends CallOptions {
  /** Those who have this reason. */
  readonly reason?: AttentionReason | undefined;
}

export interface FollowOptions extends CallOptions {
  /** Milliseconds from one look to the next: 1,000 where it is left out. */
  readonly everyMs?: number | undefined;
}

/** As a `Sender`'s, every method rejects with a `SendError`, and tries again what may be. Scope `monitor`, and `manage` for what changes anything. */
export interface Operator {
  /** The users who need a person, those who wait longest first; fetched page by page (N4). */
  attention(options?: AttentionOptions): AsyncIterable<AttentionUser>;
  attentionCounts(options?: CallOptions): Promise<AttentionCounts>;

  /**
   * Sends dead letters of all users again: a job that goes on by itself, whatever becomes of the caller (N5). Where the answer is
   * lost it is not tried again blindly: look with `jobs`.
   *
   * ```ts
   * const job = await operator.requeueAll({ reason: "rejected", since: "2026-11-27T02:10:00Z" });
   * for await (const { users } of operator.follow(job.id)) console.log(`${users.done} of ${users.total}`);
   * ```
   */
  requeueAll(which: BulkChoice, options?: CallOptions & { readonly ttl?: number | undefined }): Promise<Job>;
  /** Throws dead letters of all users away, as `requeueAll` requeues. */
  discardAll(which: BulkChoice, options?: CallOptions): Promise<Job>;
  /** Jobs of the last 7 days, the newest first. */
  jobs(options?: CallOptions): Promise<readonly Job[]>;
  job(id: string, options?: CallOptions): Promise<Job>;
  /** What is done stays done. */
  stopJob(id: string, options?: CallOptions): Promise<Job>;
  /** The job as it is, and then each time that it has come further; over with the job. Who stops reading stops nothing. */
  follow(id: string, options?: FollowOptions): AsyncIterable<Job>;

  /** What the webhook is still to be told of a user, and what it could not be; fetched page by page (N2). */
  webhooks(user: string, options?: PlacedOptions): AsyncIterable<Webhook>;
  /** Begins anew with what was given up; how many. */
  retryWebhooks(user: string, options?: PlacedOptions): Promise<{ readonly retried: number }>;
  /** Throws away what was given up. */
  discardWebhooks(user: string, options?: PlacedOptions): Promise<{ readonly discarded: number }>;

  /**
   * What happens to one user, as it happens, for as long as it is read; nothing is acked, and no `data` is shown. A stream that is
   * lost is opened again, and begins with a `state`; an outage that lasts for `timeoutMs` ends it. Over HTTP alone.
   *
   * ```ts
   * for await (const frame of operator.watch("ada")) if (frame.type === "ended") console.log(frame.id, frame.status);
   * ```
   */
  watch(user: string, options?: CallOptions): AsyncIterable<LiveFrame>;

  /** The last alert of each rule, those that fire first (M3). */
  alerts(options?: CallOptions): Promise<readonly Alert[]>;
  /** What was measured in the last 15 minutes, 6 hours or 7 days (M1). */
  measured(range?: Range, options?: CallOptions): Promise<Measured>;
  /** Runs the start-up check, and says what it found, good or bad (M4); with a key that may not, what the last one has found. */
  startUpCheck(options?: CallOptions): Promise<StartUpCheck>;
}

/**
 * An operator, by HTTP or over a service binding, as `createSender` makes a sender. An app that never calls it does not ship it.
 *
 * ```ts
 * import { createOperator } from "restante/sender";
 *
 * const operator = createOperator({ url: "https://restante.example.com", key: process.env.RESTANTE_API_KEY });
 * for await (const { user, reasons } of operator.attention()) console.log(user, reasons);
 * ```
 * @throws TypeError where an option is missing or not well formed.
 */
export const createOperator = (options: SenderOptions): Operator => operating(portsOf(options), effortOf(options));
