/**
 * What another Worker of the account asks by RPC of who looks after the deployment (S11, N): what the backend plane does over all
 * users, without HTTP. As `SenderApi`: plain data, fields only ever added (O2).
 */
import type { Alert } from "./alert.ts";
import type { AttentionReason } from "./attention.ts";
import type { DeadLetterReason } from "./message.ts";
import type { Range } from "./monitor-api.ts";
import type { AttentionPage, JobReply, MonitorReply, Outcome, WebhookPage } from "./replies.ts";
import type { PageOptions, Placed } from "./sender-api.ts";

/** N4. */
export interface AttentionOptions {
  /** Those who have this one. */
  readonly reason?: AttentionReason;
  /** The `next` of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

/** N5: which dead letters of all users. Times are RFC 3339, both included; `until` is the moment of the call where it is absent. */
export type BulkChoice =
  | { readonly reason?: DeadLetterReason; readonly since?: string; readonly until?: string }
  | { readonly all: true };

export interface OperatorApi {
  attention(options?: AttentionOptions): Promise<Outcome<AttentionPage>>;
  /** `ttl` in seconds; where it is absent each has its original time to live. */
  requeueAll(which: BulkChoice, options?: { readonly ttl?: number }): Promise<Outcome<JobReply>>;
  discardAll(which: BulkChoice): Promise<Outcome<JobReply>>;
  jobs(): Promise<Outcome<{ readonly jobs: readonly JobReply[] }>>;
  job(id: string): Promise<Outcome<JobReply>>;
  stopJob(id: string): Promise<Outcome<JobReply>>;
  webhooks(user: string, options?: PageOptions): Promise<Outcome<WebhookPage>>;
  retryWebhooks(user: string, options?: Placed): Promise<Outcome<{ readonly retried: number }>>;
  discardWebhooks(user: string, options?: Placed): Promise<Outcome<{ readonly discarded: number }>>;
  alerts(): Promise<Outcome<{ readonly alerts: readonly Alert[] }>>;
  /** M1. */
  monitor(options?: { readonly range?: Range }): Promise<Outcome<MonitorReply>>;
}
