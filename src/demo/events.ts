/** What the demo's agent sends, and what it notes of each send: typed once, for the agent and for the page. */

/** Each names its run: the instant it began, in Unix milliseconds, so that a later run has a higher one. */
export type DemoEvents = {
  agent_started: { readonly run: number; readonly question: string };
  agent_thinking: { readonly run: number; readonly about: string };
  tool_executing: { readonly run: number; readonly tool: string; readonly input: string };
  tool_completed: { readonly run: number; readonly tool: string; readonly output: string };
  /** A piece of the answer, with the space before it. */
  text_streamed: { readonly run: number; readonly text: string };
  /** `events`: how many the run has sent, this one included. */
  agent_completed: { readonly run: number; readonly events: number };
};

/** An event as a union by `type`. */
export type DemoEvent = {
  readonly [Type in keyof DemoEvents]: { readonly type: Type; readonly data: DemoEvents[Type] };
}[keyof DemoEvents];

/** One send, as the agent saw it. */
export interface Sent {
  readonly seq: number;
  readonly event: DemoEvent;
  /** When the mailbox accepted it, RFC 3339 in UTC. */
  readonly acceptedAt: string;
  /**
   * The connections that the user had when the agent looked, just before it sent (U1). An ordinary stack looks in the same way: it
   * sends to these, and to nobody where there are none.
   */
  readonly connections: readonly string[];
}

/** What the agent noted of a run, for the page to fetch. */
export interface RunRecord {
  readonly run: number;
  readonly sent: readonly Sent[];
  readonly isOver: boolean;
  /** Why it ended before its time. */
  readonly failure?: string;
}

/** A demo user's id: of a form that nothing else has, since the demo gives out tokens to whoever asks. */
export const DEMO_USER = /^demo_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
