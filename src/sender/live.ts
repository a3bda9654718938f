/** What happens to one user, as it happens (N6): one stream after another, for as long as somebody reads (`Operator.watch`). */
import type { CallOptions, Effort } from "./calls.ts";
import type { OpenLive } from "./live-carrier.ts";
import { Patience } from "./patience.ts";
import { aborted, unreached } from "./port.ts";
import { camelCased, type UserState } from "./replies.ts";
import { type Failure, SendError } from "./send-error.ts";
import { toldFailure } from "./socket-carrier.ts";

/** One connection of the user, and its device. */
interface Of {
  readonly connectionId: string;
  readonly device: string;
}
interface At {
  /** RFC 3339. */
  readonly timestamp: string;
}

/** A frame of the live stream. A later service may send others: ignore a `type` that you do not know. */
export type LiveFrame =
  /** How it stands: first, after each loss of the stream, and after changes. */
  | (UserState & { readonly type: "state" })
  | (At & {
      readonly type: "accepted";
      readonly seq?: number;
      readonly id: string;
      readonly messageType: string;
      readonly topic?: string;
    })
  /** `count` messages after `prev`, up to `seq`. */
  | (At & Of & { readonly type: "sent"; readonly prev: number; readonly seq: number; readonly count: number })
  | (At & Of & { readonly type: "acked"; readonly seq: number; readonly checkpoint: number })
  /** A message's end, whatever it is. */
  | (At & { readonly type: "ended"; readonly seq?: number; readonly id: string; readonly status: string })
  | (At & Of & { readonly type: "connected" })
  | (At & Of & { readonly type: "disconnected"; readonly code: number })
  /** So many frames were left out: the reader was too slow, or too much happened. */
  | { readonly type: "skipped"; readonly count: number };

/** The service says at least twice as often that it lives: what is silent for longer is lost, however open it looks. */
const SILENT_MS = 45_000;

/** A stream that lived for less is one more attempt of the same outage. */
const STEADY_MS = 5_000;

export async function* live(
  open: OpenLive,
  effort: Effort,
  user: string,
  { signal, timeoutMs = effort.timeoutMs }: CallOptions,
): AsyncGenerator<LiveFrame, void, undefined> {
  const patient = () => new Patience({ ...effort, timeoutMs, signal });
  /** One outage's: over with a stream that has lived for a while. */
  let patience = patient();
  for (;;) {
    patience.begin();
    const startedAt = performance.now();
    const ending = new AbortController();
    const abort = () => ending.abort();
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    let failure: Failure = LOST;
    let timer = setTimeout(abort, Math.min(effort.attemptTimeoutMs, patience.leftMs));
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(abort, SILENT_MS);
    };
    try {
      for await (const { event, data } of await open(user, ending.signal, alive)) {
        const frame: unknown = JSON.parse(data);
        if (event === "close") failure = closed(frame as Close);
        else {
          // Silence is the service's: how long the caller takes for a frame says nothing of it.
          clearTimeout(timer);
          yield camelCased<LiveFrame>(frame);
          alive();
        }
      }
    } catch (cause) {
      if (cause instanceof SendError) throw cause;
      failure = isFailure(cause) ? cause : ending.signal.aborted ? LOST : unreached(cause);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      // Who stops reading leaves: the server is not to go on for nobody.
      ending.abort();
    }
    if (signal?.aborted) failure = aborted(signal);
    if (performance.now() - startedAt > STEADY_MS) patience = patient();
    if (!(await patience.again(failure, "repeatable"))) throw new SendError(failure, { attempts: patience.attempts });
  }
}

const LOST: Failure = {
  code: "network",
  detail: "The live stream was lost, and could not be opened again.",
  retry: "same_id",
};

interface Close {
  readonly code: number;
  readonly reason: string;
}

/** The last event of a stream (C10): mostly, that it is to be opened again. */
const closed = ({ code, reason }: Close): Failure =>
  toldFailure(reason, `The service has ended the live stream (${code} ${reason}).`);

const isFailure = (cause: unknown): cause is Failure =>
  typeof cause === "object" && cause !== null && "code" in cause && "retry" in cause && "detail" in cause;
