/** What an app receives. */

/** Event types of an app and their data: `{ agent_started: { run: string }; agent_completed: { answer: string } }`. Shared with the sender. */
export type EventMap = Readonly<Record<string, unknown>>;

/** One message, as a union by `type`: looking at `type` tells the type of `data`. */
export type Message<Events extends object = EventMap> = {
  readonly [Type in keyof Events & string]: {
    /** Its place in the user's order; rising, with gaps. */
    readonly seq: number;
    /** The sender's, or the server's own. */
    readonly id: string;
    readonly type: Type;
    readonly data: Events[Type];
    /** When the server accepted it, RFC 3339 in UTC. */
    readonly timestamp: string;
    /** W3C Trace Context of the send, where the sender gave one. */
    readonly traceparent?: string;
    /** Of a stream's deltas (`append`): which stream. */
    readonly topic?: string;
    /** `data` goes on where the topic's last message ended: one delta, or the text of several. */
    readonly append?: true;
    /** Where it is the text of several: the first one's seq. */
    readonly first_seq?: number;
  };
}[keyof Events & string];

/** Messages that were meant for this device ended without it (C4), or without this page: another one of the device had them. */
export interface Gap {
  readonly seq: number;
  /** Absent where nobody counted: this page was away, and another tab went on (C1, `cursor`). */
  readonly count?: number;
  /** How many by reason: `expired`, `overtaken`, `undeliverable`, and what later servers may add. */
  readonly reasons: Readonly<Record<string, number>>;
}
