/**
 * SIGKILL of the runtime, with storage on disk, in the moments in which users enter the list of those who need a person (N4), and in which they
 * leave it. Nobody calls their Mailboxes afterwards: alarms have to make the list right. Only then are dead letters looked at.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Backend } from "../support/backend.ts";
import { Random } from "../support/random.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { eventually, instant } from "./clock.ts";
import { eachOf } from "./places.ts";

export interface AttentionOptions {
  readonly seed: number;
  readonly kills: number;
  readonly onProgress?: (kills: number, accepted: number) => void;
}

export interface AttentionReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly kills: number;
  /** Kills between a Mailbox's turn, which has changed why it needs a person, and the note that the list knows. */
  readonly hits: { readonly entering: number; readonly leaving: number };
  readonly users: number;
  /** Who should be in the list in the end, and is. */
  readonly listed: number;
  /** From the last kill until the list was right. */
  readonly settledMs: number;
  readonly violations: readonly string[];
}

/** Who enter at once, each by a message whose time is over: reports go out one after another, a kill falls among them. */
const USERS = 40;
const TTL_MS = 100;
/** A report that was lost is made again after 10 s; with as much again for the machine. */
const SETTLE_MS = 30_000;
const AT_ONCE = 20;

export const attentionProof = async (options: AttentionOptions): Promise<AttentionReport> => {
  const dir = mkdtempSync(join(tmpdir(), "restante-attention-"));
  const runtime = await startRuntime({ dir });
  try {
    return await new Stage(runtime, dir, options).run();
  } finally {
    await runtime.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};

/** What was written in the last seconds is what a kill may have met: there are thousands of others. */
const FRESH_MS = 5_000;

const anyUntold = (dir: string): boolean => {
  const since = Date.now() - FRESH_MS;
  const files = readdirSync(join(dir, "objects"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".sqlite"))
    .map((name) => join(dir, "objects", name))
    .filter((path) =>
      [path, `${path}-wal`].some((one) => (statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? 0) > since),
    );
  return files.some((path) => {
    const database = new DatabaseSync(path);
    try {
      const has = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'facts'").get();
      if (has === undefined) return false;
      const read = database.prepare("SELECT value FROM facts WHERE name = ?");
      const now = read.get("attention")?.value;
      return now !== undefined && now !== read.get("attention_told")?.value;
    } finally {
      database.close();
    }
  });
};

class Stage {
  readonly #runtime: Runtime;
  readonly #backend: Backend;
  readonly #options: AttentionOptions;
  readonly #random: Random;
  /** Those whose messages have expired, and whose dead letters nobody has touched. */
  readonly #entered = new Set<string>();
  /** Those whose dead letters somebody has thrown away, or has asked to: the answer may have been lost. */
  readonly #left = new Set<string>();
  readonly #violations: string[] = [];
  readonly #hits = { entering: 0, leaving: 0 };
  /** How long the calls of a round take; the first ones are awaited whole, up to this. */
  readonly #entering = { takesMs: 3_000 };
  readonly #leaving = { takesMs: 3_000 };
  readonly #dir: string;
  #users = 0;

  constructor(runtime: Runtime, dir: string, options: AttentionOptions) {
    this.#runtime = runtime;
    this.#dir = dir;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#backend = new Backend(runtime.url);
  }

  async run(): Promise<AttentionReport> {
    const startedAt = Date.now();
    const { kills, seed, onProgress } = this.#options;
    for (let kill = 1; kill <= kills; kill += 1) {
      if (kill % 2 === 1) await this.#killEntering();
      else await this.#killLeaving();
      onProgress?.(kill, this.#users);
    }
    const killedAt = performance.now();
    const expected = await this.#settle();
    const settledMs = Math.round(performance.now() - killedAt);
    return {
      ...{ seed, durationMs: Date.now() - startedAt, kills, hits: this.#hits, users: this.#users, settledMs },
      ...{ listed: expected, violations: this.#violations },
    };
  }

  /**
   * New users, whose messages have expired, are looked at, which ends these (an alarm would do it within 10 s). The kill falls between a turn, its
   * report to the list, and the note that this was made.
   */
  async #killEntering(): Promise<void> {
    const users = Array.from({ length: USERS }, (_, at) => `u${this.#users + at}`);
    this.#users += USERS;
    const messages = users.map((to) => ({ to, type: "due", ttl: TTL_MS / 1_000 }));
    const { status, body } = await this.#backend.sendBatch(messages);
    const isTaken = status === 200 && body.results.every((one: { http_status: number }) => one.http_status === 202);
    if (!isTaken) throw new Error(`messages were not accepted: ${status} ${JSON.stringify(body).slice(0, 200)}`);
    for (const user of users) this.#entered.add(user);
    await instant(performance.now() + TTL_MS);
    const isHit = await this.#strikeAmid(this.#entering, users, (user) =>
      this.#backend.deadLetters(user, { limit: 1 }),
    );
    if (isHit) this.#hits.entering += 1;
  }

  /** Some who are in the list lose their dead letters, each by a call of their own; the kill falls among them. */
  async #killLeaving(): Promise<void> {
    const candidates = [...(await this.#listed())].filter((user) => this.#entered.has(user));
    const users = candidates.slice(0, USERS / 2);
    for (const user of users) {
      this.#entered.delete(user);
      this.#left.add(user);
    }
    const isHit = await this.#strikeAmid(this.#leaving, users, (user) => this.#backend.discard(user, { all: true }));
    if (isHit) this.#hits.leaving += 1;
  }

  /**
   * The kill comes at a random instant of the time that these calls take, as the last ones did. Whether the storage then holds a Mailbox that has
   * not heard that its report was taken: the report was on its way, or its answer.
   */
  async #strikeAmid(
    aim: { takesMs: number },
    users: readonly string[],
    call: (user: string) => Promise<unknown>,
  ): Promise<boolean> {
    const startedAt = performance.now();
    const calls = Promise.all(users.map((user) => call(user).catch(() => undefined)));
    const killAt = instant(startedAt + this.#random.next() * 1.2 * aim.takesMs);
    const isDone = await Promise.race([calls.then(() => true), killAt.then(() => false)]);
    // The machine is faster, or slower, than it was.
    aim.takesMs = isDone ? performance.now() - startedAt : aim.takesMs * 1.1;
    await this.#runtime.kill();
    await calls;
    const isHit = anyUntold(this.#dir);
    await this.#runtime.restart();
    return isHit;
  }

  /** The list alone is asked until it is right of those who are known; then the others are looked at, whose calls may have been lost. */
  async #settle(): Promise<number> {
    let listed: ReadonlySet<string> = new Set();
    const isComplete = async () => {
      listed = await this.#listed();
      return [...this.#entered].every((user) => listed.has(user));
    };
    await eventually("[N4] all who need a person are in the list", isComplete, SETTLE_MS).catch((error: Error) => {
      const missing = [...this.#entered].filter((user) => !listed.has(user));
      this.#violations.push(`${error.message}; ${missing.length} are not: ${missing.slice(0, 5).join(", ")}`);
    });
    // Nothing tells without a call that a Mailbox has left: it has had as long as a report takes that is made again.
    await instant(performance.now() + SETTLE_MS / 2);
    listed = await this.#listed();
    const expected = new Set(this.#entered);
    await eachOf([...this.#left], AT_ONCE, async (user) => {
      const { body } = await this.#backend.deadLetters(user, { limit: 1 });
      if (body.dead_letters.length > 0) expected.add(user);
    });
    for (const user of listed)
      if (!expected.has(user)) this.#violations.push(`[N4] ${user} has nothing, and is in the list`);
    for (const user of expected) if (!listed.has(user)) this.#violations.push(`[N4] ${user} is not in the list`);
    return expected.size;
  }

  async #listed(): Promise<ReadonlySet<string>> {
    const users = new Set<string>();
    for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
      const query = { limit: "1000", ...(after === undefined ? {} : { after }) };
      const { status, body } = await this.#backend.call("GET", "/v1/attention", undefined, { query });
      if (status !== 200) throw new Error(`GET /v1/attention: ${status} ${JSON.stringify(body)}`);
      for (const one of body.users) users.add(one.user);
      after = body.next;
    }
    return users;
  }
}
