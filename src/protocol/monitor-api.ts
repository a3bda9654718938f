/** What a Worker or a Mailbox may ask of a Monitor by RPC, as of a Mailbox (`mailbox-api.ts`): plain data, fields only ever added (O2). */
import type { Alert } from "./alert.ts";
import type { Attention, AttentionReport } from "./attention.ts";
import type { BulkStep } from "./mailbox-api.ts";
import type { Readiness } from "./readiness.ts";

/** The one Monitor that runs the start-up check. */
export const START_UP_MONITOR = "start-up";

/** The Monitor that takes the reports of a Mailbox: always the same one, so that what begins and what ends meet (M1). */
export const shardOf = (mailboxName: string, shards: number): string =>
  shardName(Number.parseInt(mailboxName.slice(0, 8), 16) % shards);

/** Monitors that gather, from 0 on. */
export const shardName = (shard: number): string => `sys:monitor:${shard}`;

/** How much there is of something; `oldestAt` in Unix milliseconds, absent where there is nothing. */
export interface Level {
  readonly count: number;
  readonly oldestAt?: number;
}

/** At most so many are named of those that something failed for. */
export const NAMED_MAX = 20;

/** Whom something failed for, by the name of what failed (`CounterName`): names of Mailboxes, which are hashes (A6). */
export type Named = Readonly<Record<string, readonly string[]>>;

/** What was measured since the last report. */
export interface Report {
  /** A number of the catalogue (`measures/catalogue.ts`), how much is added to it, and so on. */
  readonly pairs: readonly number[];
  /** Of the code that measured it. */
  readonly version: string;
  readonly failed?: Named;
}

/** Time in slots: how long one is, and how many are kept. What is older is over. */
export const RANGES = {
  "15m": { slotMs: 10_000, slots: 90 },
  "6h": { slotMs: 60_000, slots: 360 },
  "7d": { slotMs: 3_600_000, slots: 168 },
} as const;
export type Range = keyof typeof RANGES;

/** What a Monitor gathered in one slot; `held` and `open` as they were at its end. */
export interface Slot extends Levels {
  /** Its beginning, in Unix milliseconds. */
  readonly at: number;
  readonly pairs: readonly number[];
  readonly failed?: Named;
}

/** How many are held and open. */
export interface Levels {
  readonly held: Level;
  readonly open: Level;
}

/** What a Monitor knows. */
export interface Reading extends Levels {
  /** All that was ever reported to it. */
  readonly pairs: readonly number[];
  /** As they were when the range began; absent where an older release answers. */
  readonly before?: Levels;
  /** Senders who wait for the end of their message (S3). */
  readonly waiting: number;
  /** Those of the range in which anything came, in order. */
  readonly slots: readonly Slot[];
}

export interface MonitorApi {
  /** Runs the start-up check; who asks while one runs shares its outcome (M4). */
  checkStartUp(): Promise<Readiness>;
  /** The last outcome of this version of the code; where there is none yet, its first check's. */
  lastStartUp(): Promise<Readiness>;

  /** Takes what was measured. Nobody waits for it to be stored: a crash may lose the last seconds, and counts nothing twice. */
  report(report: Report): Promise<void>;
  measured(range: Range): Promise<Reading>;
  /** The last alert of each rule (M3); those that fire first. */
  alerts(): Promise<readonly Alert[]>;
  /** Looks at everything once, and tells of what has changed; the schedule does it each minute. */
  watch(): Promise<void>;

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
