/** What must be so of a fleet that has come to rest: its index, its messages, its jobs (N4, N5). */
import type { BulkJobs } from "../../../src/monitor/bulk-jobs.ts";
import { reasonsOf } from "../../../src/protocol/attention.ts";
import type { Job } from "../../../src/protocol/monitor-api.ts";
import { expect, same } from "../mismatch.ts";
import type { FleetMailbox } from "./mailbox.ts";

const JOBS_KEPT_MS = 7 * 86_400_000;

/** What a job was begun for: users who were listed, and all of whose reports had come, with the dead letters that it must not leave. */
export interface Due {
  readonly at: number;
  readonly letters: readonly (readonly [FleetMailbox, seq: number])[];
}

interface Expected {
  readonly due: ReadonlyMap<string, Due>;
  readonly stopped: ReadonlySet<string>;
}

/** What the index has, by Mailbox. */
type Listed = ReadonlyMap<string, { readonly user: string; readonly reasons: number }>;

/** N4: the index is of those, and for those reasons, of whom and which it is so. */
export const checkIndex = (mailboxes: readonly FleetMailbox[], listed: Listed): void => {
  for (const mailbox of mailboxes) {
    const { name, user } = mailbox;
    expect(mailbox.isTold, "N4", () => `${name} has still to tell of itself`);
    const entry = listed.get(name);
    const [shown, there] = [entry?.reasons ?? 0, mailbox.reasons()].map((bits) => reasonsOf(bits).join());
    same(shown, there, "N4", () => `what the index has of ${name}`);
    if (entry !== undefined) same(entry.user, user, "N4", () => `the user of ${name}`);
  }
  same(listed.size, mailboxes.filter((one) => one.reasons() !== 0).length, "N4", () => "users listed");
};

/** N5, D7: each message is in one place, and each dead letter has become one message at most. */
export const checkMessages = (mailboxes: readonly FleetMailbox[]): void => {
  for (const mailbox of mailboxes) {
    const [letters, held] = [mailbox.letters(), mailbox.held()];
    const here = letters.length + held.length;
    const left = mailbox.accepted - mailbox.acked - mailbox.discarded;
    same(here, left, "D1", () => `messages and dead letters of ${mailbox.name}`);
    const dead = new Set(letters.map(({ seq }) => seq));
    const sources = [...letters.map((one) => one.requeued_from), ...held.map((one) => one.requeuedFrom ?? null)];
    const made = new Set<number>();
    for (const from of sources) {
      if (from === null) continue;
      expect(!made.has(from), "D7", () => `${from} of ${mailbox.name} was requeued twice`);
      expect(!dead.has(from), "D7", () => `${from} of ${mailbox.name} was requeued, and is a dead letter, too`);
      made.add(from);
    }
  }
};

/** N5: a job that was begun is done, or was stopped; and what it has left is of users that it says it could not reach. */
export const checkJobs = (jobs: BulkJobs, { due, stopped }: Expected, now: number): void => {
  for (const job of jobs.list()) {
    const allowed = stopped.has(job.id) ? "stopped" : "done";
    same(job.status, allowed, "N5", () => `status of ${job.id}`);
    if (job.status === "done") checkDone(job, due.get(job.id)?.letters ?? []);
  }
  for (const [id, { at }] of due) {
    const isKnown = jobs.find(id) !== null || at < now - JOBS_KEPT_MS;
    expect(isKnown, "N5", () => `${id} was begun, and is unknown`);
  }
};

const checkDone = ({ id, usersFailed, left }: Job, letters: Due["letters"]): void => {
  const remaining = new Set<FleetMailbox>();
  for (const [mailbox, seq] of letters) {
    if (mailbox.letters().some((letter) => letter.seq === seq)) remaining.add(mailbox);
  }
  const words = () => `${id} has left ${remaining.size} users, and says that it could not reach ${usersFailed}`;
  expect(remaining.size <= usersFailed + left, "N5", words);
};
