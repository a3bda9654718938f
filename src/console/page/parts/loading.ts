/** Something that is read from the service, and read again. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call, type Failure } from "../api.ts";

export interface Loaded<T> {
  /** The last that was read; it stays while it is read again. */
  readonly value: T | undefined;
  readonly failure: Failure | undefined;
  readonly reload: () => void;
}

/** `pace`: how often it is read again while somebody looks, in milliseconds; it may depend on what was read. */
export const useLoaded = <T>(path: string, pace?: number | ((value: T | undefined) => number)): Loaded<T> => {
  const [state, setState] = useState<{ path: string; value?: T; failure?: Failure }>({ path });
  const [round, setRound] = useState(0);
  const isReading = useRef(false);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a round reads the same path again
  useEffect(() => {
    const leaving = new AbortController();
    isReading.current = true;
    call<T>(path, { signal: leaving.signal })
      .then((reply) => {
        isReading.current = false;
        setState((before) => {
          if (reply.ok) return { path, value: reply.value };
          const kept = before.path === path && before.value !== undefined ? { value: before.value } : {};
          return { path, ...kept, failure: reply };
        });
      })
      .catch(() => {
        // Left meanwhile: the next effect, or nobody, goes on.
      });
    return () => leaving.abort();
  }, [path, round]);
  const everyMs = typeof pace === "function" ? pace(state.path === path ? state.value : undefined) : pace;
  useEffect(() => {
    if (everyMs === undefined) return;
    const timer = setInterval(() => {
      if (!document.hidden && !isReading.current) reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);
  const isOfPath = state.path === path;
  return { value: isOfPath ? state.value : undefined, failure: isOfPath ? state.failure : undefined, reload };
};
