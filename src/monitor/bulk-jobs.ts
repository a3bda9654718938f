/**
 * What is done to the dead letters of all users (N5), in steps: a share of the index after the other, in it some users at a time,
 * and of each some dead letters a turn. How far it is stands in a row, written after each step: a crash repeats a step, and a step
 * that is repeated finds nothing left to do, as a Mailbox moves or forgets a dead letter in one turn.
 */
import { log, thrown } from "../log.ts";
import type { Sql } from "../outbox/sql.ts";
import { attentionShards, bitOf } from "../protocol/attention.ts";
import type { BulkStepDone } from "../protocol/mailbox-api.ts";
import { DEAD_LETTER_REASONS } from "../protocol/message.ts";
import type { Job, JobOrder, MonitorApi } from "../protocol/monitor-api.ts";
import { inJurisdiction } from "../settings/jurisdiction.ts";
import type { Bindings } from "../worker/exchange.ts";
import { mailboxNamed } from "../worker/mailbox-stub.ts";

/** Users in a step, side by side: their Mailboxes are many, and this one awaits all of them. */
const USERS_AT_ONCE = 20;
/** Of one user in a turn of theirs: it takes some milliseconds, which is what a send to them may have to wait for. */
const LETTERS_AT_ONCE = 100;
/** Jobs that are over are kept so long, to be looked at. */
const KEPT_DAYS = 7;
const KEPT_MS = KEPT_DAYS * 86_400_000;
const RETRY_MS = 5_000;

interface Row {
  readonly id: string;
  readonly job: string;
  readonly shard: number;
  readonly after: string;
}

export class BulkJobs {
  readonly #sql: Sql;
  readonly #storage: DurableObjectStorage;
  readonly #env: Bindings;

  constructor(sql: Sql, storage: DurableObjectStorage, env: Bindings) {
    this.#sql = sql;
    this.#storage = storage;
    this.#env = env;
    sql.exec(`CREATE TABLE IF NOT EXISTS jobs (
      id TEXT PRIMARY KEY,
      status TEXT NOT NULL,
      started_at INTEGER NOT NULL,
      shard INTEGER NOT NULL,
      after TEXT NOT NULL,
      job TEXT NOT NULL
    ) WITHOUT ROWID`);
  }

  /** A caller who was not answered asks again with the same id. */
  async begin(order: JobOrder): Promise<Job> {
    const known = this.find(order.id);
    if (known !== null) return known;
    const reasons = maskOf(order);
    const shares = await Promise.all(attentionShards.map((name) => this.#share(name).attention({ reasons, limit: 0 })));
    const usersTotal = shares.reduce((sum, { total }) => sum + total, 0);
    const now = Date.now();
    const none = { usersDone: 0, usersFailed: 0, done: 0, left: 0 };
    const job: Job = { ...order, status: "running", usersTotal, ...none, startedAt: now, updatedAt: now };
    this.#sql.transaction(() => {
      this.#sql.exec(`DELETE FROM jobs WHERE status <> 'running' AND started_at < ?`, now - KEPT_MS);
      this.#sql.exec(
        `INSERT OR IGNORE INTO jobs (id, status, started_at, shard, after, job) VALUES (?, ?, ?, 0, '', ?)`,
        ...[job.id, job.status, now, JSON.stringify(job)],
      );
    });
    await this.#storage.setAlarm(now);
    return this.find(job.id) ?? job;
  }

  /** The newest first. */
  list(): readonly Job[] {
    return this.#sql.exec<Row>(`SELECT * FROM jobs ORDER BY started_at DESC, id`).map(jobOf);
  }

  find(id: string): Job | null {
    const [row] = this.#sql.exec<Row>(`SELECT * FROM jobs WHERE id = ?`, id);
    return row === undefined ? null : jobOf(row);
  }

  stop(id: string): Job | null {
    const job = this.find(id);
    if (job?.status === "running") this.#write({ ...job, status: "stopped", updatedAt: Date.now() });
    return this.find(id);
  }

  /** Takes one step of the oldest job that is running, and sees to the next. Never throws: an alarm that does is dropped in the end. */
  async step(): Promise<void> {
    const [row] = this.#sql.exec<Row>(`SELECT * FROM jobs WHERE status = 'running' ORDER BY started_at, id LIMIT 1`);
    if (row === undefined) return;
    let next = Date.now();
    try {
      await this.#step(row);
    } catch (error) {
      log("error", "job_step_failed", thrown(error));
      next += RETRY_MS;
    }
    await this.#storage.setAlarm(next);
  }

  async #step({ id, shard, after, ...row }: Row): Promise<void> {
    const job = jobOf({ id, shard, after, ...row });
    const name = attentionShards[shard];
    if (name === undefined) return this.#write({ ...job, status: "done", updatedAt: Date.now() });
    const query = { reasons: maskOf(job), after, limit: USERS_AT_ONCE };
    const mailboxes = await this.#share(name).attentionNames(query);
    const outcomes = await Promise.all(mailboxes.map((mailbox) => this.#user(mailbox, job)));
    // It may have been stopped meanwhile.
    const { status } = this.find(id) ?? job;
    const sum = (of: (outcome: BulkStepDone) => number) => outcomes.reduce((n, one) => n + (one ? of(one) : 0), 0);
    const usersFailed = outcomes.filter((outcome) => outcome === undefined).length;
    this.#write(
      {
        ...job,
        status,
        usersDone: job.usersDone + outcomes.length - usersFailed,
        usersFailed: job.usersFailed + usersFailed,
        done: job.done + sum(({ done }) => done),
        left: job.left + sum(({ left }) => left),
        updatedAt: Date.now(),
      },
      mailboxes.length < USERS_AT_ONCE ? { shard: shard + 1, after: "" } : { shard, after: mailboxes.at(-1) ?? "" },
    );
  }

  /** All of one user, some a turn; undefined where their Mailbox could not be reached. */
  async #user(name: string, { action, range, ttlMs }: Job): Promise<BulkStepDone | undefined> {
    const mailbox = mailboxNamed(this.#env, name);
    const step = { action, range, limit: LETTERS_AT_ONCE, ...(ttlMs === undefined ? {} : { ttlMs }) };
    let all: BulkStepDone = { done: 0, left: 0, more: true };
    while (all.more) {
      const outcome = await mailbox.call("repeatable", (stub) => stub.bulkStep(step));
      if (!outcome.ok) return undefined;
      const { done, left, more } = outcome.value;
      all = { done: all.done + done, left: all.left + left, more };
    }
    return all;
  }

  #write(job: Job, place?: { readonly shard: number; readonly after: string }): void {
    this.#sql.exec(
      `UPDATE jobs SET status = ?, job = ?, shard = COALESCE(?, shard), after = COALESCE(?, after) WHERE id = ?`,
      ...[job.status, JSON.stringify(job), place?.shard ?? null, place?.after ?? null, job.id],
    );
  }

  #share(name: string): MonitorApi {
    return inJurisdiction(this.#env, this.#env.MONITOR).getByName(name) as unknown as MonitorApi;
  }
}

const jobOf = ({ job }: Row): Job => JSON.parse(job) as Job;

/** Whom it is about, as bits: users with dead letters of the reason, or of any. */
const maskOf = ({ range }: JobOrder): number => {
  let bits = 0;
  for (const reason of range.reason === undefined ? DEAD_LETTER_REASONS : [range.reason]) bits |= bitOf(reason);
  return bits;
};
