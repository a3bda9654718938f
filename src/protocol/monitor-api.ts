/** What a Worker may ask of the Monitor by RPC, as of a Mailbox (`mailbox-api.ts`): plain data, fields only ever added (O2). */
import type { Readiness } from "./readiness.ts";

/** The one Monitor that runs the start-up check. */
export const START_UP_MONITOR = "start-up";

export interface MonitorApi {
  /** Runs the start-up check; who asks while one runs shares its outcome (M4). */
  checkStartUp(): Promise<Readiness>;
  /** The last outcome of this version of the code; where there is none yet, its first check's. */
  lastStartUp(): Promise<Readiness>;
}
