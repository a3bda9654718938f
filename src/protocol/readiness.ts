/** What the start-up check found (M4): the body of `GET /ready`, and what the Monitor keeps. */
import type { HttpErrorCode } from "./errors.ts";

/** In order; the check ends at the first that fails, and clears away in any case. */
export const READINESS_STEPS = ["configuration", "send", "connect", "receive", "ack", "clear"] as const;
export type ReadinessStepName = (typeof READINESS_STEPS)[number];

export interface ReadinessStep {
  readonly name: ReadinessStepName;
  readonly ok: boolean;
  readonly duration_ms: number;
  /** Why it failed: the error's code and words (E1). */
  readonly code?: HttpErrorCode;
  readonly detail?: string;
}

export interface Readiness {
  readonly status: "ready" | "not_ready";
  /** Of the code that was checked. */
  readonly version: string;
  /** When the check began, RFC 3339. */
  readonly checked_at: string;
  readonly duration_ms: number;
  /** Those that were taken. */
  readonly steps: readonly ReadinessStep[];
}
