/**
 * The numbers as they come: the event stream of `GET /v1/monitor`, opened again whenever it ends.
 *
 * Nothing is asked for while nobody looks at the tab. What was heard last stays, with the instant from which on it is old.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Range } from "../../../protocol/monitor-api.ts";
import { follow } from "../following.ts";
import type { Heard } from "./verdict.ts";

/** An event comes every 5 s: two of them may be late, or lost with a stream that has just ended. */
const OVERDUE_MS = 12_500;
/** A tab that is looked at again shows what it had while it asks. */
const RESUMED_MS = 3_000;

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

  const open = (stopped: AbortSignal): Promise<void> =>
    follow(`/v1/monitor?range=${range}`, stopped, {
      silenceMs: OVERDUE_MS,
      onEvent: ({ event, data }) => {
        if (event !== "monitor") return;
        silence.start(OVERDUE_MS);
        say({ reply: JSON.parse(data) });
      },
      onEnd: (failure) => {
        if (failure !== undefined) say({ ...heard, fault: failure.detail });
        return true;
      },
    });

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
