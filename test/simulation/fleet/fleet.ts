/**
 * Many Mailboxes, the index of users who need a person, and the jobs that work through it (N4, N5): the real code of each, with calls between
 * them that come late, in another order, or not, and crashes at any instant. At the end all is delivered, and the index and every
 * Mailbox have to be right.
 */
import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import { AttentionIndex } from "../../../src/monitor/attention-index.ts";
import { BulkJobs } from "../../../src/monitor/bulk-jobs.ts";
import { NodeSql } from "../../../src/outbox/node-sql.ts";
import { Outbox } from "../../../src/outbox/outbox.ts";
import type { AttentionReport } from "../../../src/protocol/attention.ts";
import { attentionShards, bitOf } from "../../../src/protocol/attention.ts";
import type { BulkStep, DeadLetterRange } from "../../../src/protocol/mailbox-api.ts";
import { DEAD_LETTER_REASONS } from "../../../src/protocol/message.ts";
import type { AttentionQuery, MonitorApi } from "../../../src/protocol/monitor-api.ts";
import { DELIVERY_DEFAULTS, type DeliverySettings } from "../../../src/settings/delivery.ts";
import type { Bindings } from "../../../src/worker/exchange.ts";
import { Random } from "../../support/random.ts";
import { fail, Mismatch } from "../mismatch.ts";
import { Calls, type Fate, type Life } from "./calls.ts";
import { checkIndex, checkJobs, checkMessages, type Due } from "./check-fleet.ts";
import { FleetMailbox } from "./mailbox.ts";

const STARTED_AT = Date.UTC(2026, 0, 1);
const SETTINGS: DeliverySettings = { ...DELIVERY_DEFAULTS, hasReceiver: true };
const SECOND_MS = 1_000;
const DAY_MS = 86_400 * SECOND_MS;
const STEPS = 60;
const ANY_LETTERS = DEAD_LETTER_REASONS.reduce<number>((bits, reason) => bits | bitOf(reason), 0);
/** What is to be done by then is done: teller, jobs and retries wait for seconds. */
const REST_MS = 120 * SECOND_MS;

type NamesQuery = Parameters<MonitorApi["attentionNames"]>[0];

/** Databases are emptied and used again: to make one takes longer than a schedule. */
const mailboxDatabases: NodeSql[] = [];
const emptied = (at: number): NodeSql => {
  const known = mailboxDatabases[at];
  if (known !== undefined) {
    for (const table of tablesOf(known)) known.exec(`DELETE FROM ${table}`);
    return known;
  }
  const sql = new NodeSql();
  new Outbox(sql, SETTINGS);
  mailboxDatabases[at] = sql;
  return sql;
};
const tablesOf = (sql: NodeSql): readonly string[] =>
  sql
    .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'migrations'")
    .map(({ name }) => name);

class Fleet {
  readonly #random: Random;
  readonly #calls = new Calls();
  readonly #mailboxes: readonly FleetMailbox[];
  readonly #indexes = new Map(attentionShards.map((name) => [name, new AttentionIndex(new NodeSql())]));
  readonly #jobsSql = new NodeSql();
  readonly #due = new Map<string, Due>();
  readonly #stopped = new Set<string>();
  #jobsLife: Life = { isOver: false };
  #jobs: BulkJobs | undefined;
  #jobsAlarmAt: number | null = null;
  #isStepping = false;
  #jobCount = 0;
  #now = STARTED_AT;

  constructor(random: Random) {
    this.#random = random;
    // Of pages of 20: less than one, one, and more; all in one share of the index, or spread over all.
    const count = random.pick([1, 2, 5, 20, 21, 21]);
    const shares = random.pick([1, 1, 2, 8]);
    this.#mailboxes = Array.from({ length: count }, (_, at) => {
      const name = `${(random.below(1_000_000) * 8 + (at % shares)).toString(16).padStart(8, "0")}-${at}`;
      return new FleetMailbox(name, emptied(at), SETTINGS, (life) => this.#environment(life));
    });
  }

  #environment(life: Life): Bindings {
    const monitor = (name: string) => {
      const index = this.#indexes.get(name) as AttentionIndex;
      return {
        attend: (report: AttentionReport) => this.#calls.begin(life, () => index.attend(report)),
        attention: (query: AttentionQuery) => this.#calls.begin(life, () => index.list(query)),
        attentionNames: ({ reasons, after, limit }: NamesQuery) =>
          this.#calls.begin(life, () => index.names(reasons, after, limit)),
      };
    };
    const mailbox = (name: string) => ({
      bulkStep: (step: BulkStep) =>
        this.#calls.begin(life, (dies) => {
          const called = this.#mailboxes.find((one) => one.name === name) as FleetMailbox;
          const done = called.bulkStep(step);
          if (dies) called.crash();
          return done;
        }),
    });
    const namespace = (getByName: (name: string) => unknown) => ({ getByName }) as unknown as DurableObjectNamespace;
    return { MONITOR: namespace(monitor), MAILBOX: namespace(mailbox) };
  }

  // ── The schedule ──

  async run(): Promise<void> {
    const random = this.#random;
    const faults = random.pick([0, 0.1, 0.3]);
    const length = random.below(50);
    for (let at = 0; at < length; at += 1) {
      // Some things happen in one millisecond.
      this.#advance(random.pick([0, 0, 3]));
      this.#operate(faults);
      await this.#settle();
    }
    if (random.chance(0.6)) await this.#release();
    // Jobs take many steps: most of them go through what goes wrong.
    for (let at = 0; at < STEPS; at += 1) {
      this.#advance(random.pick([3, SECOND_MS]));
      this.#alarms(this.#now);
      this.#deliver(60, faults);
      if (random.chance(0.1)) this.#crash(random.pick(this.#mailboxes));
      if (random.chance(0.05)) this.#calls.arriveLate();
      await this.#settle();
    }
    await this.#rest();
    this.#calls.arriveLate();
    await this.#rest();
    checkIndex(this.#mailboxes, this.#listed());
    checkMessages(this.#mailboxes);
    checkJobs(this.#open(), { due: this.#due, stopped: this.#stopped }, this.#now);
  }

  #operate(faults: number): void {
    const random = this.#random;
    const mailbox = random.pick(this.#mailboxes);
    const act = random.below(100);
    if (act < 22) this.#sendToSome(mailbox);
    else if (act < 32) mailbox.connect(random.pick(["ack", "reject", "reject", "nothing"]), (ms) => this.#advance(ms));
    else if (act < 36) for (let time = 0; time < 3; time += 1) mailbox.connect("nothing", (ms) => this.#advance(ms));
    else if (act < 46) this.#advance(random.pick([SECOND_MS, 3 * SECOND_MS, 11 * SECOND_MS, 2 * DAY_MS]));
    else if (act < 52) for (const one of this.#mailboxes) one.doDue();
    else if (act < 56) mailbox.refuseWebhooks();
    else if (act < 58) mailbox.forgetWebhooks();
    else if (act < 64) this.#begin();
    else if (act < 66) this.#stop();
    else if (act < 72) this.#crash(mailbox);
    else if (act < 80) this.#alarms(this.#now);
    else this.#deliver(1 + random.below(act < 90 ? 3 : 60), faults);
  }

  #sendToSome(mailbox: FleetMailbox): void {
    const random = this.#random;
    const ttlMs = random.pick([SECOND_MS, SECOND_MS, 20 * DAY_MS]);
    const fallbackMs = random.chance(0.2) ? SECOND_MS : undefined;
    // To all of them, as a release does that rejects; or more than a step takes of one.
    if (random.chance(0.3)) for (const one of this.#mailboxes) one.send(1, ttlMs, fallbackMs);
    else mailbox.send(random.chance(0.1) ? 130 : 1 + random.below(3), ttlMs, fallbackMs);
  }

  /** A release that lets messages of all users expire: all are listed, and one job begins that is to see to them. */
  async #release(): Promise<void> {
    const many = this.#random.pick([1, 1, 130]);
    for (const [at, one] of this.#mailboxes.entries()) one.send(at === 0 ? many : 1, SECOND_MS);
    this.#advance(SECOND_MS);
    for (const one of this.#mailboxes) one.doDue();
    await this.#deliverAll();
    this.#begin({ until: this.#now });
    await this.#deliverAll();
  }

  async #deliverAll(): Promise<void> {
    for (await this.#settle(); this.#calls.count > 0; await this.#settle()) this.#deliver(this.#calls.count, 0);
  }

  #deliver(count: number, faults: number): void {
    for (let left = count; left > 0 && this.#calls.count > 0; left -= 1) {
      const fate: Fate = this.#random.chance(faults)
        ? this.#random.pick(["lost", "unheard", "late", "late", "refused"])
        : "answered";
      this.#calls.deliver(this.#random.below(1_000), fate);
    }
  }

  #crash(mailbox: FleetMailbox): void {
    if (this.#random.chance(0.5)) return mailbox.crash();
    this.#jobsLife.isOver = true;
    this.#jobsLife = { isOver: false };
    this.#jobs = undefined;
    // The platform runs an alarm again that did not come to its end.
    if (this.#isStepping) this.#jobsAlarmAt = this.#now;
    this.#isStepping = false;
  }

  // ── Jobs ──

  #open(): BulkJobs {
    const setAlarm = async (at: number) => {
      this.#jobsAlarmAt = at;
    };
    const storage = { setAlarm } as unknown as DurableObjectStorage;
    this.#jobs ??= new BulkJobs(this.#jobsSql, storage, this.#environment(this.#jobsLife));
    return this.#jobs;
  }

  /** Its caller may never hear of it. What it must not leave is fixed in the instant in which it is there. */
  #begin(range: DeadLetterRange = this.#range()): void {
    this.#jobCount += 1;
    const id = `job-${this.#jobCount}`;
    const action = this.#random.chance(0.7) ? "requeue" : "discard";
    const ttlMs = this.#random.pick([SECOND_MS, 20 * DAY_MS]);
    const order = { id, action, range, ttlMs } as const;
    void this.#open()
      .begin(order)
      .then(
        () => this.#due.set(id, { at: this.#now, letters: this.#dueFor(order.range) }),
        () => undefined,
      );
  }

  #range(): DeadLetterRange {
    const reason = this.#random.pick([undefined, undefined, "expired", "rejected"] as const);
    const since = this.#random.chance(0.3) ? { since: this.#now - 10 * SECOND_MS } : {};
    return { ...(reason === undefined ? {} : { reason }), ...since, until: this.#now };
  }

  #dueFor({ reason, since = 0, until }: DeadLetterRange): Due["letters"] {
    const bits = reason === undefined ? ANY_LETTERS : bitOf(reason);
    return this.#mailboxes.flatMap((mailbox) => {
      const isListed = (this.#listed().get(mailbox.name)?.reasons ?? 0) & bits;
      if (!mailbox.isTold || isListed === 0) return [];
      return mailbox
        .letters()
        .filter((one) => (reason ?? one.reason) === one.reason && one.ended_at >= since && one.ended_at <= until)
        .map(({ seq }) => [mailbox, seq] as const);
    });
  }

  #stop(): void {
    const running = this.#open()
      .list()
      .filter(({ status }) => status === "running");
    const [job] = running;
    if (job === undefined) return;
    this.#open().stop(job.id);
    this.#stopped.add(job.id);
  }

  // ── Time ──

  #advance(ms: number): void {
    this.#now += ms;
    mock.timers.tick(ms);
  }

  #settle(): Promise<void> {
    return setImmediate();
  }

  #alarms(through: number): void {
    for (const mailbox of this.#mailboxes) if ((mailbox.alarmAt ?? through + 1) <= through) mailbox.alarm();
    if (this.#isStepping || (this.#jobsAlarmAt ?? through + 1) > through) return;
    this.#jobsAlarmAt = null;
    this.#isStepping = true;
    const life = this.#jobsLife;
    void this.#open()
      .step()
      .then(() => {
        if (!life.isOver) this.#isStepping = false;
      });
  }

  /** No more faults, and nobody calls: all comes to its end by calls that arrive, and by alarms. */
  async #rest(): Promise<void> {
    const until = this.#now + REST_MS;
    for (let rounds = 0; rounds < 10_000; rounds += 1) {
      await this.#deliverAll();
      const alarms = [...this.#mailboxes.map(({ alarmAt }) => alarmAt), this.#isStepping ? null : this.#jobsAlarmAt];
      const next = Math.min(...alarms.map((at) => at ?? Number.POSITIVE_INFINITY));
      if (next > until && !this.#isStepping) return;
      // Also where an attempt of a call waits for a moment.
      this.#advance(Math.max(SECOND_MS, Math.min(next, until) - this.#now));
      this.#alarms(this.#now);
      await this.#settle();
    }
    fail("N5", "it never comes to rest");
  }

  // ── What must be so ──

  #listed() {
    const all = { reasons: 63, limit: 1_000 };
    return new Map(
      [...this.#indexes.values()].flatMap((index) => index.list(all).users.map((one) => [one.mailbox, one])),
    );
  }
}

/** Undefined where all is as it must be, else what is not. */
export const runFleet = async (seed: number): Promise<string | undefined> => {
  mock.timers.enable({ apis: ["Date", "setTimeout"], now: STARTED_AT });
  mock.method(Math, "random", () => 0.5);
  mock.method(console, "log", () => undefined);
  try {
    await new Fleet(new Random(seed)).run();
    return undefined;
  } catch (error) {
    return error instanceof Mismatch ? error.message : `it threw: ${(error as Error).stack}`;
  } finally {
    mock.restoreAll();
    mock.timers.reset();
  }
};
