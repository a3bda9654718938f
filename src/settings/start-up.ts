/** How long the start-up check may take (M4, M5). */
import { type Environment, type Read, readWholeNumbers } from "./environment.ts";

/** Times in milliseconds. */
export interface StartUpLimits {
  /** Any one step, such as: from the socket's request to its confirmation. */
  readonly stepMs: number;
  /** All of it. Only clearing away what a failed check has left may go on, for one step's time. */
  readonly checkMs: number;
}

/**
 * By `ENVIRONMENT`; one of another name is held to production's.
 *
 * A warm check takes some 10 ms on one machine, and a cold one, which starts two objects, some 100. Production has room for a
 * network between them, and for nothing that a user would take for a failure. In staging the code may be minutes old, so that
 * machines still have to load it; a developer's machine may be busy with anything.
 */
export const START_UP_LIMITS = {
  development: { stepMs: 10_000, checkMs: 30_000 },
  staging: { stepMs: 5_000, checkMs: 15_000 },
  production: { stepMs: 3_000, checkMs: 10_000 },
} as const satisfies Readonly<Record<string, StartUpLimits>>;

const isKnown = (name: unknown): name is keyof typeof START_UP_LIMITS =>
  typeof name === "string" && Object.hasOwn(START_UP_LIMITS, name);

export const startUpLimits = (env: Environment): Read<StartUpLimits> => {
  const limits = START_UP_LIMITS[isKnown(env.ENVIRONMENT) ? env.ENVIRONMENT : "production"];
  return readWholeNumbers(env, (whole) => ({
    stepMs: whole("READY_STEP_MS", limits.stepMs, 10, 30_000),
    checkMs: whole("READY_CHECK_MS", limits.checkMs, 10, 60_000),
  }));
};
