/** What is to be done once a turn is committed: the core says it, the shell does it, in this order. Commit, then send. */
import type { MessageState } from "../protocol/message.ts";

export type Effect =
  | { readonly kind: "frame"; readonly connection: string; readonly text: string }
  | { readonly kind: "close"; readonly connection: string; readonly code: number; readonly reason: string }
  /** A message that a caller waits for has ended. */
  | { readonly kind: "ended"; readonly wait: Wait; readonly message: MessageState }
  /** A connection was established: some callers wait for one (U1). */
  | { readonly kind: "arrived" }
  /** A message has begun to wait for a user who is not connected (M2). */
  | { readonly kind: "waiting" };

/** A message of a call whose reply is held back until the message ends. */
export interface Wait {
  /** Names the call; the shell's own. */
  readonly call: number;
  /** Which of its messages. */
  readonly index: number;
}
