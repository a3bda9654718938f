/** What the backend plane answers with, as it reads on the wire: the same by HTTP, in a batch and by RPC. Times are RFC 3339. */
import type { Alert } from "./alert.ts";
import type { AttentionReason } from "./attention.ts";
import type { HttpErrorCode, Retry } from "./errors.ts";
import type { DeadLetterReason, MessageStatus } from "./message.ts";
import type { Range } from "./monitor-api.ts";
import type { Readiness } from "./readiness.ts";
import type { TrailStep } from "./trail.ts";

/** S7: the state of one message. */
export interface MessageReply {
  readonly id: string;
  readonly seq: number;
  readonly status: MessageStatus;
  /** 0 = this user has never connected. */
  readonly devices: number;
  /** Open connections that it was sent to. */
  readonly sent_to: number;
  readonly accepted_at: string;
  readonly expires_at: string;
  readonly delivered_at?: string;
  /** When it went to the webhook as a fallback (N1); known while it is held. */
  readonly escalated_at?: string;
  /** The seq of the dead letter that it was made from (D7). */
  readonly requeued_from?: number;
}

/** S10: its state, and the message itself, with its trail (N3), while it is held. */
export interface HeldReply extends MessageReply {
  readonly type?: string;
  readonly topic?: string;
  readonly trail?: readonly TrailStep[];
  readonly data?: unknown;
}

/** D7. */
export interface DeadLetterReply {
  /** The seq that it had as a message: its key. */
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly topic?: string;
  readonly reason: DeadLetterReason;
  /** The client's own words, where it was rejected. */
  readonly reject_reason?: string;
  readonly accepted_at: string;
  readonly ended_at: string;
  readonly requeued_from?: number;
  /** N3; absent only while a release without trails still runs. */
  readonly trail?: readonly TrailStep[];
  readonly data?: unknown;
}

export interface ConnectionReply {
  readonly connection_id: string;
  readonly device: string;
  readonly opened_at: string;
  readonly sent_seq: number;
  readonly acked_seq: number;
  readonly in_flight: number;
  readonly window: number;
  readonly caught_up: boolean;
  readonly token_expires_at: string;
  /** Absent where it has never pinged. */
  readonly pinged_at?: string;
}

export interface DeviceReply {
  readonly device: string;
  readonly cursor: number;
  readonly connected: boolean;
  readonly first_seen_at: string;
  readonly last_seen_at: string;
}

/** U1. */
export interface UserReply {
  readonly connected: boolean;
  readonly connections: readonly ConnectionReply[];
  readonly devices: readonly DeviceReply[];
  readonly held: { readonly count: number; readonly bytes: number; readonly oldest_at?: string };
  readonly dead_letters: number;
  /** The name of the user's Mailbox in the service's logs. */
  readonly mailbox: string;
}

/** U2. */
export interface TokenReply {
  readonly token: string;
  readonly expires_at: string;
}

/** A1: the API key that asks. */
export interface KeyReply {
  /** Of its setting, `API_KEY_<NAME>`. */
  readonly name: string;
  readonly scopes: readonly string[];
}

/** A page in order of seq; `next` is the `after` of the next one, and the last has none. */
export interface HeldPage {
  readonly messages: readonly HeldReply[];
  readonly next?: number;
}
export interface DeadLetterPage {
  readonly dead_letters: readonly DeadLetterReply[];
  readonly next?: number;
}

/** D7: `left` found no room and stay dead letters. */
export interface RequeuedReply {
  readonly requeued: readonly MessageReply[];
  readonly left: number;
}

/** N4: a user who needs a person. */
export interface AttentionUser {
  readonly user: string;
  readonly reasons: readonly AttentionReason[];
  /** Since when there is any reason, and when the reasons last changed. */
  readonly since: string;
  readonly updated_at: string;
  readonly mailbox: string;
}

/** Those who wait longest first. `next` is the `after` of the next page. */
export interface AttentionPage {
  readonly users: readonly AttentionUser[];
  /** All of them, whatever the page. */
  readonly total: number;
  /** How many have each reason. */
  readonly reasons: Readonly<Record<AttentionReason, number>>;
  readonly next?: string;
}

/** N5: what is done to the dead letters of all users, and how far it is. */
export interface JobReply {
  readonly id: string;
  readonly action: "requeue" | "discard";
  readonly status: "running" | "done" | "stopped";
  readonly reason?: DeadLetterReason;
  readonly since?: string;
  readonly until: string;
  readonly ttl?: number;
  /** `failed`: their mailbox could not be reached; the same again takes them. */
  readonly users: { readonly total: number; readonly done: number; readonly failed: number };
  /** `left` found no room, and stay dead letters. */
  readonly dead_letters: { readonly done: number; readonly left: number };
  readonly started_at: string;
  readonly updated_at: string;
}

/** N2: what the webhook is still to be told, and what it could not be. */
export interface WebhookReply {
  readonly id: string;
  readonly event: string;
  readonly seq: number;
  readonly status: "pending" | "failed";
  readonly attempts: number;
  readonly created_at: string;
  readonly next_at?: string;
  readonly attempted_at?: string;
  readonly fault?: string;
}
export interface WebhookPage {
  readonly webhooks: readonly WebhookReply[];
  readonly next?: number;
}

/** E1 (RFC 9457): a refusal. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: HttpErrorCode;
  /** What happened and what to do next, for a person. */
  readonly detail: string;
  readonly retry: Retry;
  /** Where each fault of the input is (400). */
  readonly errors?: readonly {
    readonly pointer?: string;
    readonly parameter?: string;
    readonly header?: string;
    readonly detail: string;
  }[];
  /** How the message has ended (409). */
  readonly message_status?: MessageStatus;
  /** Which scopes would do (403). */
  readonly scopes?: readonly string[];
  /** The message that the id was used for (422). */
  readonly id?: string;
  readonly seq?: number;
}

/** One answer among several, or one without HTTP around it: what a status line and headers would say stands in it. */
export type Outcome<Reply> = (Reply & { readonly http_status: number }) | Refused;

export interface Refused extends Problem {
  readonly http_status: number;
  /** Seconds, where trying again later may help. */
  readonly retry_after?: number;
}

/** `replayed`: the id was known already, and nothing new was made (S4); absent where it was not. */
export type SentReply = MessageReply & { readonly replayed?: true };

/** How many times were taken, and what they were: percentiles are true to 5 %. */
export interface TimesReply {
  readonly count: number;
  readonly mean_ms: number;
  readonly p50_ms: number;
  readonly p95_ms: number;
  readonly p99_ms: number;
}

export interface GaugeReply {
  readonly count: number;
  readonly oldest_at?: string;
  readonly oldest_age_ms?: number;
}

/** What was measured over some time (M1). Rates are from 0 to 1, and null where nothing was counted, as times are. */
export interface NumbersReply {
  readonly connections: {
    readonly attempts: number;
    readonly failures: number;
    readonly retries: number;
    readonly refusals: number;
    readonly failure_rate: number | null;
    readonly established: number;
    readonly ended: number;
    readonly time: TimesReply | null;
    readonly client_time: TimesReply | null;
  };
  readonly messages: {
    readonly accepted: number;
    readonly accepted_away: number;
    readonly delivered: number;
    readonly rescued: number;
    readonly waited_for: number;
    readonly expired: number;
    readonly rejected: number;
    readonly undeliverable: number;
    readonly replaced: number;
    readonly recalled: number;
    readonly erased: number;
    readonly failures: number;
    readonly never_connected: number;
    readonly success_rate: number | null;
    readonly ephemeral_delivered: number;
    readonly ephemeral_dropped: number;
    readonly time: TimesReply | null;
    readonly waiting_time: TimesReply | null;
    readonly wire_time: TimesReply | null;
  };
  readonly mailbox_failures: number;
}

/** `GET /v1/monitor`. */
export interface MonitorReply {
  readonly range: Range;
  readonly slot_ms: number;
  readonly at: string;
  /** `off`: nothing is gathered, and all numbers are of before. */
  readonly monitoring: "on" | "off";
  readonly now: { readonly held: GaugeReply; readonly open_connections: number; readonly open_waits: number };
  /** Over the whole range. */
  readonly total: NumbersReply;
  /** In order, one for each slot; `held` and `open_connections` as they were at its end. The last one is running. */
  readonly slots: readonly (NumbersReply & {
    readonly at: string;
    readonly held: number;
    readonly open_connections: number;
  })[];
  readonly alerts: readonly Alert[];
  /** The last one's outcome; absent where it is not known. */
  readonly start_up_check?: Readiness;
}
