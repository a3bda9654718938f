/** What a Worker may ask of the Monitor by RPC, as of a Mailbox (`mailbox-api.ts`): plain data, fields only ever added (O2). */
import type { Attention, AttentionReport } from "./attention.ts";
import type { BulkStep } from "./mailbox-api.ts";
import type { Readiness } from "./readiness.ts";

/** The one Monitor that runs the start-up check. */
export const START_UP_MONITOR = "start-up";

export interface MonitorApi {
  /** Runs the start-up check; who asks while one runs shares its outcome (M4). */
  checkStartUp(): Promise<Readiness>;
  /** The last outcome of this version of the code; where there is none yet, its first check's. */
  lastStartUp(): Promise<Readiness>;

  /** Takes what a Mailbox says of itself (N4); repeatable, and in any order. */
  attend(report: AttentionReport): Promise<void>;
  /** Those of this share, in the order of `since` and name. */
  attention(query: AttentionQuery): Promise<AttentionShare>;
  /** The names of those of this share above `after`, in their order. */
  attentionNames(query: {
    readonly reasons: number;
    readonly after: string;
    readonly limit: number;
  }): Promise<readonly string[]>;

  /** Begins a job (N5), or gives back the one with this id. */
  beginJob(order: JobOrder): Promise<Job>;
  jobs(): Promise<readonly Job[]>;
  job(id: string): Promise<Job | null>;
  /** Stops one after the step that is running; null where there is none of that id. */
  stopJob(id: string): Promise<Job | null>;
}

export interface AttentionQuery {
  /** Bits: those with any of them. */
  readonly reasons: number;
  readonly limit: number;
  /** Above this one. */
  readonly after?: { readonly since: number; readonly mailbox: string };
}

export interface AttentionShare {
  readonly users: readonly Attention[];
  /** All that there are of these reasons, whatever the page. */
  readonly total: number;
  /** How many have each reason, by its bit. */
  readonly byReason: readonly (readonly [bit: number, users: number])[];
}

/** The one Monitor that runs jobs over many users. */
export const JOBS_MONITOR = "sys:jobs";

/** What is to be done to the dead letters of all users. */
export interface JobOrder extends Omit<BulkStep, "limit"> {
  readonly id: string;
}

export interface Job extends JobOrder {
  readonly status: "running" | "done" | "stopped";
  /** Users of the index when it began; those that are done; those whose Mailbox could not be reached. */
  readonly usersTotal: number;
  readonly usersDone: number;
  readonly usersFailed: number;
  /** Dead letters that were requeued or discarded, and those that found no room. */
  readonly done: number;
  readonly left: number;
  readonly startedAt: number;
  readonly updatedAt: number;
}
