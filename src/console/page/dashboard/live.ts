/**
 * The numbers as they come: the event stream of `GET /v1/monitor`, opened again whenever it ends.
 *
 * Nothing is asked for while nobody looks at the tab. What was heard last stays, with the instant from which on it is old.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Range } from "../../../protocol/monitor-api.ts";
import { stream } from "../api.ts";
import type { Heard } from "./verdict.ts";

/** An event comes every 5 s: two of them may be late, or lost with a stream that has just ended. */
const OVERDUE_MS = 12_500;
/** A tab that is looked at again shows what it had while it asks. */
const RESUMED_MS = 3_000;
const PAUSE_MS = { first: 1_000, most: 30_000 };

/** Tells whenever what there is changes, until it is told to stop. `last`: what was heard before, of another range it may be. */
const listen = (range: Range, last: Heard, tell: (heard: Heard) => void): (() => void) => {
  let heard = last;
  const say = (next: Heard): void => {
    heard = next;
    tell(heard);
  };
  const silence = timer(() => {
    if (heard.reply !== undefined) say({ ...heard, staleSince: Date.parse(heard.reply.at) });
  });

  const open = async (stopped: AbortSignal): Promise<void> => {
    for (let pauseMs = PAUSE_MS.first; !stopped.aborted; ) {
      // A network that went away says nothing: a connection is given up as soon as it is silent.
      const attempt = new AbortController();
      const patience = timer(() => attempt.abort());
      patience.start(OVERDUE_MS);
      const failure = await stream(
        `/v1/monitor?range=${range}`,
        ({ type, data }) => {
          if (type !== "monitor") return;
          pauseMs = PAUSE_MS.first;
          patience.start(OVERDUE_MS);
          silence.start(OVERDUE_MS);
          say({ reply: JSON.parse(data) });
        },
        AbortSignal.any([stopped, attempt.signal]),
      ).catch(() => undefined);
      patience.stop();
      if (stopped.aborted) return;
      if (failure !== undefined) say({ ...heard, fault: failure.detail });
      // All pages of a deployment that restarts come back, but not all at once.
      await pause(pauseMs * (0.75 + Math.random() / 2), stopped);
      pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2);
    }
  };

  let listening: AbortController | undefined;
  const look = (): void => {
    listening?.abort();
    silence.stop();
    listening = undefined;
    if (document.hidden) return;
    listening = new AbortController();
    silence.start(RESUMED_MS);
    void open(listening.signal);
  };
  // Whoever sees their network come back does not wait for the pause to end.
  addEventListener("online", look);
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    removeEventListener("online", look);
    document.removeEventListener("visibilitychange", look);
    listening?.abort();
    silence.stop();
  };
};

const timer = (over: () => void) => {
  let id: ReturnType<typeof setTimeout> | undefined;
  const stop = () => clearTimeout(id);
  return {
    stop,
    start: (ms: number) => {
      stop();
      id = setTimeout(over, ms);
    },
  };
};

const pause = (ms: number, stopped: AbortSignal): Promise<void> =>
  new Promise((over) => {
    const id = setTimeout(over, ms);
    stopped.addEventListener("abort", () => {
      clearTimeout(id);
      over();
    });
  });

/** What is heard of a range. Of another one the last reply stays until the first of the new one has come. */
export const useMonitor = (range: Range): Heard => {
  const [heard, setHeard] = useState<Heard>({ reply: undefined });
  const last = useRef(heard);
  useEffect(() => {
    const tell = (next: Heard): void => {
      last.current = next;
      setHeard(next);
    };
    return listen(range, last.current, tell);
  }, [range]);
  return heard;
};
