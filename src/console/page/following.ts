/** A stream of events that is opened again whenever it ends, later and later, for as long as somebody looks. */
import type { SentEvent } from "../../protocol/sent-events.ts";
import { type Failure, stream } from "./api.ts";

const PAUSE_MS = { first: 1_000, most: 30_000 };

interface Follower {
  readonly onEvent: (event: SentEvent) => void;
  /** It has ended: by itself, or for a failure. Where it says false, the stream is not opened again. */
  readonly onEnd: (failure: Failure | undefined) => boolean;
  /** One that has said nothing for so long is given up. */
  readonly silenceMs: number;
}

/** Ends as `signal` does, at the latest. */
export const follow = async (
  path: string,
  signal: AbortSignal,
  { onEvent, onEnd, silenceMs }: Follower,
): Promise<void> => {
  for (let pauseMs = PAUSE_MS.first; !signal.aborted; pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2)) {
    const take = (event: SentEvent): void => {
      pauseMs = PAUSE_MS.first;
      onEvent(event);
    };
    try {
      if (!onEnd(await stream(path, take, { signal, silenceMs }))) return;
    } catch {
      // Left: it was not the stream that ended.
      return;
    }
    // All pages of a deployment that restarts come back, but not all at once.
    await pause(pauseMs * (0.75 + Math.random() / 2), signal);
  }
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((over) => {
    const end = (): void => {
      clearTimeout(id);
      signal.removeEventListener("abort", end);
      over();
    };
    const id = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
