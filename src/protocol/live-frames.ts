/**
 * What an operator who looks on is told of a user, as it happens (N6). Never a message's `data`.
 *
 * From the Mailbox to the Worker the frames of one turn go together, a line each, below the number of all that this operator was
 * told so far. What the Worker says back is the last such number whose frames were read.
 */
import { rfc3339 } from "./instant.ts";
import type { UserState } from "./mailbox-api.ts";
import type { MessageEnd } from "./message.ts";
import type { UserReply } from "./replies.ts";
import { userReply } from "./user-reply.ts";

/** One thing that a turn did: its frame, but for the time. */
export type Happening =
  | {
      readonly type: "accepted";
      readonly seq: number;
      readonly id: string;
      readonly message_type: string;
      readonly topic?: string;
    }
  /** `count`: of messages; a gap counts none. */
  | (OfConnection & {
      readonly type: "sent";
      readonly prev: number;
      readonly seq: number;
      readonly count: number;
    })
  | (OfConnection & { readonly type: "acked"; readonly seq: number; readonly checkpoint: number })
  | { readonly type: "ended"; readonly seq: number; readonly id: string; readonly status: MessageEnd }
  | (OfConnection & { readonly type: "connected" })
  | (OfConnection & { readonly type: "disconnected"; readonly code: number });

interface OfConnection {
  readonly connection_id: string;
  readonly device: string;
}

/** As it reads on the wire. */
export type LiveFrame =
  | (Happening & { readonly timestamp: string })
  | (UserReply & { readonly type: "state" })
  | { readonly type: "skipped"; readonly count: number };

/** `at`: Unix milliseconds. */
export const liveFrame = ({ type, ...about }: Happening, at: number): string =>
  JSON.stringify({ type, timestamp: rfc3339(at), ...about });

/** So many were left out here. */
export const skippedFrame = (count: number): string => `{"type":"skipped","count":${count}}`;

/** U1's body, as it is now. */
export const stateFrame = (mailbox: string, state: UserState): string =>
  JSON.stringify({ type: "state", ...userReply(mailbox, state) });

export const toldText = (told: number, frames: readonly string[]): string => `${told}\n${frames.join("\n")}`;

export const parseTold = (text: string): { readonly told: number; readonly frames: readonly string[] } => {
  const [told, ...frames] = text.split("\n");
  return { told: Number(told), frames };
};
