/** The bodies of replies, as the contract words them. */

import type { TrailStep } from "../../../src/protocol/trail.ts";

/** S7. */
export interface MessageBody {
  readonly id: string;
  readonly seq: number;
  readonly status: string | number;
  readonly devices: number;
  readonly sent_to: number;
  readonly accepted_at: string;
  readonly expires_at: string;
  readonly delivered_at?: string;
  readonly requeued_from?: number;
}

/** S10. */
export interface HeldBody extends MessageBody {
  readonly type: string;
  readonly data?: unknown;
  readonly topic?: string;
  readonly trail?: readonly TrailStep[];
}

/** E1; its `status` shares the name of a message's. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly code: string;
  readonly detail: string;
}

/** U1. */
export interface UserBody {
  readonly connected: boolean;
  readonly connections: readonly { readonly connection_id: string; readonly device: string }[];
  readonly devices: readonly {
    readonly device: string;
    readonly cursor: number;
    readonly connected: boolean;
    readonly last_seen_at: string;
  }[];
  readonly held: { readonly count: number; readonly bytes: number; readonly oldest_at?: string | null };
  readonly dead_letters: number;
  readonly mailbox: string;
}

/** D7. */
interface DeadLetterBody {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly data?: unknown;
  readonly reason: string;
  readonly reject_reason?: string;
  readonly accepted_at: string;
  readonly ended_at: string;
  readonly requeued_from?: number;
  readonly trail: readonly TrailStep[];
}

export interface DeadLettersBody {
  readonly dead_letters: readonly DeadLetterBody[];
}

export interface RequeuedBody {
  readonly requeued: readonly MessageBody[];
  readonly left: number;
}
