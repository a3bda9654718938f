/** Waiting for a user to connect (U1), for longer than one request may. */
import type { Location } from "../protocol/location.ts";
import { type CallOptions, type Effort, run } from "./calls.ts";
import { backoffMs, pause } from "./patience.ts";
import type { Port } from "./port.ts";
import { camelCased, type UserState } from "./replies.ts";
import { SendError } from "./send-error.ts";

/** As long as the server holds a reply. */
const WAIT_MAX_SECONDS = 30;
/** A reply that is earlier by so much was not held. */
const EARLY_MS = 500;
/** What the last answer may take beyond the time that was given. */
const ANSWER_MS = 2_000;

export const waitForConnection = async (
  port: Port,
  effort: Effort,
  user: string,
  options: CallOptions & { readonly location?: Location | undefined },
): Promise<UserState> => {
  const { signal, location, timeoutMs = effort.timeoutMs } = options;
  const placed = location === undefined ? {} : { location };
  const patient = { ...effort, maxAttempts: Number.POSITIVE_INFINITY };
  const endsAt = performance.now() + timeoutMs;
  for (let asked = 1; ; asked += 1) {
    const leftMs = Math.max(0, endsAt - performance.now());
    const waitMs = Math.min(WAIT_MAX_SECONDS * 1_000, leftMs);
    const reply = await run(
      port,
      patient,
      {
        method: "state",
        args: (wait) => [user, { wait, ...placed }],
        repeating: "repeatable",
        waitSeconds: waitMs / 1_000,
      },
      { signal, timeoutMs: leftMs - waitMs + ANSWER_MS },
    );
    if (reply.connected) return camelCased<UserState>(reply);
    const nowLeftMs = endsAt - performance.now();
    // No timer is finer than a millisecond: waiting for a part of one would be asking without a pause.
    if (nowLeftMs < 1) {
      const detail = `The user did not connect within ${timeoutMs} ms. A message that is sent now waits all the same.`;
      throw new SendError({ code: "timeout", detail, retry: "later" }, { attempts: asked });
    }
    // Where too many wait already, the reply comes at once; near the end of the time, too, that is no reason to ask without a pause.
    if (leftMs - nowLeftMs < Math.max(EARLY_MS, waitMs - EARLY_MS))
      await pause(Math.min(EARLY_MS + backoffMs(asked), nowLeftMs), signal);
  }
};
