/** An alert (M3), as `GET /v1/alerts` lists it and a webhook tells of it. */

/** The five things that are watched. */
export const ALERT_RULES = [
  "connection_failures",
  "delivery_failures",
  "start_up_check",
  "mailbox_failures",
  "recovery_queue",
] as const;
export type AlertRule = (typeof ALERT_RULES)[number];

export interface Alert {
  readonly rule: AlertRule;
  readonly status: "firing" | "resolved";
  /** Names this one firing: the same as it fires and as it resolves. */
  readonly id: string;
  /** When it fired, RFC 3339. */
  readonly since: string;
  readonly resolved_at?: string;
  /** How bad it is, and from where on it is bad; a share is from 0 to 1. */
  readonly value: number;
  readonly threshold: number;
  /** What happens, in a sentence. */
  readonly summary: string;
  /** Whom it happens to, at most 20: names of Mailboxes, as `GET /v1/users/{user}` tells them. No user ids (A6). */
  readonly mailboxes: readonly string[];
  /** What to look at and what to do. */
  readonly runbook: string;
}
