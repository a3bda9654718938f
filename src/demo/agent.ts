/**
 * The agent: plays its script to a user who may or may not be there, and notes what it saw.
 *
 * It is the backend of the story, so it knows nothing of the page: it goes on when the page that asked for it is reloaded or gone.
 */
import type { Sender } from "../sender/sender.ts";
import type { DemoEvent, DemoEvents, RunRecord, Sent } from "./events.ts";
import { SCRIPT, type Step } from "./script.ts";

interface Run extends RunRecord {
  readonly sent: Sent[];
  isOver: boolean;
  failure?: string;
}

/** Each user's last run. In the memory of the development Worker: a note on the side, which may go with it. */
const runs = new Map<string, Run>();
const RUNS_MAX = 100;

export const recordOf = (user: string): RunRecord | undefined => runs.get(user);

/** Starts a run; one that the user already has ends there. `playing` is done when the run is over. */
export const startRun = (
  sender: Sender<DemoEvents>,
  user: string,
): { readonly run: number; readonly playing: Promise<void> } => {
  const before = runs.get(user);
  if (before !== undefined) before.isOver = true;
  const run: Run = { run: Math.max(Date.now(), (before?.run ?? 0) + 1), sent: [], isOver: false };
  runs.delete(user);
  runs.set(user, run);
  for (const oldest of runs.keys()) {
    if (runs.size <= RUNS_MAX) break;
    runs.delete(oldest);
  }
  return { run: run.run, playing: play(sender, user, run) };
};

const play = async (sender: Sender<DemoEvents>, user: string, run: Run): Promise<void> => {
  try {
    for (const step of SCRIPT) {
      await pause(step.afterMs);
      if (run.isOver) return;
      const event = eventOf(step, run.run);
      const { connections } = await sender.state(user);
      const { seq, acceptedAt } = await sender.send(user, event);
      run.sent.push({ seq, event, acceptedAt, connections: connections.map(({ connectionId }) => connectionId) });
    }
  } catch (error) {
    run.failure = error instanceof Error ? error.message : String(error);
  } finally {
    run.isOver = true;
  }
};

const eventOf = ({ event }: Step, run: number): DemoEvent =>
  ({ type: event.type, data: { run, ...event.data } }) as DemoEvent;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
