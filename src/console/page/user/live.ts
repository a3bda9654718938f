/**
 * A user's state as it changes, and what happens to them, over the operator's read-only stream: it never attaches as the user, and acks
 * nothing.
 */
import { useEffect, useRef, useState } from "preact/hooks";
import type { LiveFrame } from "../../../protocol/live-frames.ts";
import type { UserReply } from "../../../protocol/replies.ts";
import { call, type Failure, userPath } from "../api.ts";
import { follow } from "../following.ts";

/** What the stream tells of, beside the state; its place among all of this page is a name for its line. */
export type Line = Exclude<LiveFrame, { readonly type: "state" }> & { readonly line: number };

export interface Live {
  readonly state: UserReply | undefined;
  /** The newest first. */
  readonly happenings: readonly Line[];
  readonly isLive: boolean;
  readonly failure: Failure | undefined;
  /** Reads the state at once, after an action. */
  readonly reload: () => void;
}

/** Enough to look back; what is older is in the trails. */
const KEPT = 200;
/** The service says something at least every 15 s. */
const SILENCE_MS = 40_000;
/** A stream that ends so is not to be opened again: the newer operator's would end for it, and theirs again for ours. */
const REPLACED = {
  ok: false,
  status: 0,
  code: "replaced_by_newer",
  detail: "Others have begun to look on at this user, more than there are places for. Reload the page to do so again.",
} as const satisfies Failure;

export const useLive = (user: string): Live => {
  const [state, setState] = useState<UserReply>();
  const [happenings, setHappenings] = useState<readonly Line[]>([]);
  const [isLive, setIsLive] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const [round, setRound] = useState(0);
  /** How many states the stream has told. */
  const told = useRef(0);

  useEffect(() => {
    const leaving = new AbortController();
    void tell(user, leaving.signal, {
      state: (next) => {
        told.current += 1;
        setState(next);
        setFailure(undefined);
        setIsLive(true);
      },
      happened: (next) => setHappenings((before) => [...next.toReversed(), ...before].slice(0, KEPT)),
      lost: (why) => {
        setIsLive(false);
        setFailure(why);
      },
    });
    return () => leaving.abort();
  }, [user]);

  useEffect(() => {
    if (round === 0) return;
    const leaving = new AbortController();
    const before = told.current;
    call<UserReply>(userPath(user), { signal: leaving.signal })
      // What the stream has told meanwhile is newer, and tells it only once.
      .then((reply) => reply.ok && told.current === before && setState(reply.value))
      .catch(() => {});
    return () => leaving.abort();
  }, [user, round]);

  return { state, happenings, isLive, failure, reload: () => setRound((n) => n + 1) };
};

interface Follower {
  readonly state: (state: UserReply) => void;
  readonly happened: (lines: readonly Line[]) => void;
  readonly lost: (why: Failure | undefined) => void;
}

let lines = 0;

const tell = (user: string, signal: AbortSignal, follower: Follower): Promise<void> => {
  // What comes in one turn of the page is drawn at once.
  let waiting: Line[] = [];
  let isReplaced = false;
  const draw = (): void => {
    if (waiting.length > 0) follower.happened(waiting);
    waiting = [];
  };
  return follow(userPath(user, "/live"), signal, {
    silenceMs: SILENCE_MS,
    onEvent: ({ event, data }) => {
      const frame = JSON.parse(data);
      if (event === "state") return follower.state(frame);
      // The stream's own end, not the user's.
      if (event === "close") {
        isReplaced = frame.reason === REPLACED.code;
        return;
      }
      lines += 1;
      if (waiting.length === 0) setTimeout(draw, 100);
      waiting.push({ ...frame, type: event, line: lines });
    },
    onEnd: (failure) => {
      draw();
      follower.lost(isReplaced ? REPLACED : failure);
      return !isReplaced;
    },
  });
};
