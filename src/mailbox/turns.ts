/** What somebody who works outside of turns, such as on a call to others, needs of the Mailbox. */
import type { Core } from "./rehydrate.ts";

export interface Turns {
  readonly core: () => Core;
  /** Runs `work` as a turn of the Mailbox. */
  readonly turn: (work: (now: number) => void) => void;
}
