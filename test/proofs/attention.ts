/**
 * SIGKILL of the runtime, with storage on disk, in the moments in which users enter the list of those who need a person (N4), and in which they
 * leave it. Nobody calls their Mailboxes afterwards: alarms have to make the list right. Only then are dead letters looked at.
 */
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
  /** Kills by which reports were lost: of users whose Mailbox had answered, and who were not yet in the list, or still in it. */
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
/** After an answer: by then the report that goes out with it has reached the list, or not, or is noted as told. */
const AFTER_MS = 8;
const TTL_MS = 100;
/** A report that was lost is made again after 10 s; with as much again for the machine. */
const SETTLE_MS = 30_000;
const AT_ONCE = 20;

export const attentionProof = async (options: AttentionOptions): Promise<AttentionReport> => {
  const runtime = await startRuntime();
  try {
    return await new Stage(runtime, options).run();
  } finally {
    await runtime.stop();
  }
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
  #users = 0;

  constructor(runtime: Runtime, options: AttentionOptions) {
    this.#runtime = runtime;
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
    const { answered, listed } = await this.#strikeAmid(users, (user) => this.#backend.deadLetters(user, { limit: 1 }));
    if (answered.some((user) => !listed.has(user))) this.#hits.entering += 1;
  }

  /** Some who are in the list lose their dead letters, each by a call of their own; the kill falls among them. */
  async #killLeaving(): Promise<void> {
    const candidates = [...(await this.#listed())].filter((user) => this.#entered.has(user));
    const users = candidates.slice(0, USERS / 2);
    for (const user of users) {
      this.#entered.delete(user);
      this.#left.add(user);
    }
    const { answered, listed } = await this.#strikeAmid(users, (user) => this.#backend.discard(user, { all: true }));
    if (answered.some((user) => listed.has(user))) this.#hits.leaving += 1;
  }

  /** The kill comes once some of these calls are answered, and others are not. Whose were, and who is in the list right afterwards. */
  async #strikeAmid(
    users: readonly string[],
    call: (user: string) => Promise<{ readonly status: number }>,
  ): Promise<{ readonly answered: readonly string[]; readonly listed: ReadonlySet<string> }> {
    const enough = this.#random.int(1, Math.max(1, users.length - 1));
    const answered: string[] = [];
    const { promise: isEnough, resolve } = Promise.withResolvers<void>();
    const calls = users.map(async (user) => {
      const reply = await call(user).catch(() => undefined);
      if (reply?.status === 200 && answered.push(user) >= enough) resolve();
    });
    if (calls.length > 0) await isEnough;
    await instant(performance.now() + this.#random.int(0, AFTER_MS));
    await this.#runtime.kill();
    await Promise.all(calls);
    await this.#runtime.restart();
    return { answered, listed: await this.#listed() };
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
