/** What the demo's agent does, and when: the same each time, so that what differs is only who was there. */
import type { DemoEvent, DemoEvents } from "./events.ts";

type Unsigned<Event> = Event extends { type: infer Type; data: infer Data }
  ? { readonly type: Type; readonly data: Omit<Data, "run"> }
  : never;

export interface Step {
  /** After the step before it, in milliseconds. */
  readonly afterMs: number;
  /** Without its run, which is not known yet. */
  readonly event: Unsigned<DemoEvent>;
}

export const QUESTION: DemoEvents["agent_started"]["question"] = "Why do users miss the start of an answer?";

const ANSWER = [
  "An agent answers within milliseconds.",
  "A page needs longer: it loads, fetches a token, opens a socket.",
  "What is sent in between finds nobody there, and an ordinary stack drops it.",
  "A mailbox stores each event first, and hands it over when the page arrives.",
  "It lets go of nothing that the page has not confirmed.",
  "So a slow start, a tunnel or a reload in the middle of a sentence costs the reader nothing:",
  "every event comes, in order, once.",
].join(" ");

/** Pieces of two words, as a model would stream them. */
const PIECES: readonly string[] = ANSWER.match(/ ?\S+(?: \S+)?/g) ?? [];

const PIECE_MS = 260;

const OPENING: readonly Step[] = [
  { afterMs: 0, event: { type: "agent_started", data: { question: QUESTION } } },
  { afterMs: 300, event: { type: "agent_thinking", data: { about: "the first seconds" } } },
  { afterMs: 400, event: { type: "tool_executing", data: { tool: "search_logs", input: "will not receive" } } },
  {
    afterMs: 600,
    event: {
      type: "tool_completed",
      data: { tool: "search_logs", output: "No WebSocket connections found" },
    },
  },
];

export const SCRIPT: readonly Step[] = [
  ...OPENING,
  ...PIECES.map(
    (text, index): Step => ({
      afterMs: index === 0 ? 400 : PIECE_MS,
      event: { type: "text_streamed", data: { text } },
    }),
  ),
  {
    afterMs: PIECE_MS,
    event: { type: "agent_completed", data: { events: OPENING.length + PIECES.length + 1 } },
  },
];

/** How long a run takes, in milliseconds, not counting the sends themselves. */
export const SCRIPT_MS: number = SCRIPT.reduce((sum, step) => sum + step.afterMs, 0);
