/**
 * SIGKILL of the runtime, with storage on disk, at random instants under load: 4 senders to 8 users, readers that come and go,
 * messages that expire and are requeued. Afterwards every answered message is looked for.
 */
import { Backend } from "../support/backend.ts";
import { Random } from "../support/random.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { eventually, instant } from "./clock.ts";
import { audit } from "./kill-audit.ts";
import { Ledger, Senders } from "./kill-senders.ts";
import { placesOf } from "./places.ts";
import { Reader } from "./reader.ts";
import { Requeuer } from "./requeuer.ts";

/** What a kill is aimed at. */
const AIMS = ["any instant", "expiry", "requeue"] as const;
type Aim = (typeof AIMS)[number];

export interface KillOptions {
  readonly seed: number;
  readonly kills: number;
  readonly senders?: number;
  readonly onProgress?: (kills: number, accepted: number) => void;
}

export interface KillReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly kills: Readonly<Record<Aim, number>>;
  /** Kills with requests in flight; with a message that expired in the 50 ms around it; with a requeue in flight. */
  readonly hits: { readonly sending: number; readonly expiring: number; readonly requeuing: number };
  /** Answered with 200 or 202, and looked for afterwards. */
  readonly accepted: number;
  /** Of those, how many took more than one attempt; and the messages without an id that were never answered. */
  readonly retried: number;
  readonly unanswered: number;
  readonly received: number;
  readonly repeated: number;
  readonly requeued: number;
  readonly lostRequeues: number;
  /** What lay unread when the load had ended, and was read after it was judged for the first time. */
  readonly held: number;
  /** Dead letters at the end. */
  readonly dead: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

const EXPIRY_BLUR_MS = 50;
/** No message that is meant to expire lives longer. */
const SHORT_TTL_MS = 1_200;
const DRAIN_DEADLINE_MS = 12_000;

export const killProof = async (options: KillOptions): Promise<KillReport> => {
  const runtime = await startRuntime();
  const stage = new Stage(runtime, options);
  try {
    return await stage.run();
  } finally {
    await stage.clear();
    await runtime.stop();
  }
};

class Stage {
  readonly #runtime: Runtime;
  readonly #backend: Backend;
  readonly #options: KillOptions;
  readonly #random: Random;
  readonly #ledgers: readonly Ledger[];
  readonly #readers: Reader[] = [];
  readonly #senders: Senders;
  readonly #requeuer: Requeuer;
  readonly #hits = { sending: 0, expiring: 0, requeuing: 0 };
  readonly #killedAt: number[] = [];
  #over = false;
  #held = 0;

  constructor(runtime: Runtime, options: KillOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#backend = new Backend(runtime.url);
    this.#ledgers = [...Array(8).keys()].map((at) => new Ledger(`user-${at}`));
    this.#senders = new Senders(this.#backend);
    this.#requeuer = new Requeuer(this.#backend, this.#random.fork());
  }

  async run(): Promise<KillReport> {
    const startedAt = Date.now();
    const { kills, seed, onProgress } = this.#options;
    await this.#cast();
    const aims: Aim[] = [];
    const background = [this.#comeAndGo(), this.#requeueOn()];
    for (let kill = 1; kill <= kills; kill += 1) {
      const aim = AIMS[(kill - 1) % AIMS.length] as Aim;
      await this.#kill(aim);
      aims.push(aim);
      onProgress?.(kill, this.#accepted().length);
    }
    this.#over = true;
    await Promise.all([...background, this.#senders.stop()]);
    // Until the last of those that live for a second or less is over.
    await instant(performance.now() + SHORT_TTL_MS);
    const violations = [...(await this.#judge(false)), ...(await this.#judge(true))];
    const places = await Promise.all(this.#ledgers.map((l) => placesOf(this.#backend, l.user)));
    const accepted = this.#accepted();
    const count = (aim: Aim) => aims.filter((a) => a === aim).length;
    const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
    return {
      seed,
      durationMs: Date.now() - startedAt,
      kills: { "any instant": count("any instant"), expiry: count("expiry"), requeue: count("requeue") },
      hits: { ...this.#hits, expiring: this.#expiring() },
      accepted: accepted.length,
      retried: accepted.filter((m) => m.attempts > 1).length,
      unanswered: sum(this.#ledgers.map((l) => l.unknown.length)),
      received: sum(this.#readers.map((r) => r.received.length)),
      repeated: sum(this.#readers.map((r) => r.repeated)),
      requeued: sum([...this.#requeuer.requeued.values()].map((r) => r.length)),
      lostRequeues: this.#requeuer.lost,
      held: this.#held,
      dead: sum(places.map((p) => p.dead.length)),
      answers: Object.fromEntries(this.#senders.answers),
      violations: [...new Set([...violations, ...this.#senders.violations, ...this.#requeuer.violations])],
    };
  }

  async clear(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#readers.map((reader) => reader.stop()));
  }

  /** Who reads what: always there, with and without memory, several devices, two tabs, now and then, once, and never. */
  async #cast(): Promise<void> {
    const read = (user: number, device: string, remembers: boolean, ackLagMs = 0) => {
      const url = this.#runtime.url;
      const reader = new Reader({
        url,
        user: `user-${user}`,
        device,
        remembers,
        ackLagMs,
        random: this.#random.fork(),
      });
      this.#readers.push(reader.start());
      return reader;
    };
    read(0, "phone", true);
    read(1, "phone", false, 200);
    read(2, "phone", true);
    read(2, "laptop", false, 100);
    read(3, "phone", false);
    read(3, "phone", false, 100);
    read(4, "phone", true);
    read(5, "phone", false);
    const once = read(6, "phone", false);
    await Promise.all(this.#readers.map((reader) => reader.connected()));
    await once.stop();
    const crowd = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7].map((at) => this.#ledgers[at] as Ledger);
    for (let sender = 0; sender < (this.#options.senders ?? 4); sender += 1) {
      const random = this.#random.fork();
      this.#senders.add(() => random.pick(crowd), random);
    }
  }

  async #kill(aim: Aim): Promise<void> {
    const random = this.#random;
    await instant(performance.now() + random.int(100, 500));
    if (aim === "expiry") {
      const ttl = random.int(3, 5) / 10;
      const overAt = performance.now() + ttl * 1_000;
      for (const at of [random.int(0, 3), random.int(4, 5), random.int(6, 7)]) {
        // Answered or not: their senders go on by themselves.
        void this.#senders.burst(this.#ledgers[at] as Ledger, 30, ttl);
      }
      await instant(overAt + random.int(0, 120));
    } else if (aim === "requeue") {
      const requeues = [4, 5, 6, 7].map((at) => this.#requeuer.once(`user-${at}`));
      const nothingToDo = Promise.all(requeues).then(() => true);
      const begun = async () => {
        while (this.#requeuer.inFlight === 0) await new Promise((done) => setImmediate(done));
      };
      await Promise.race([begun(), nothingToDo]);
      await instant(performance.now() + random.int(0, 6));
    }
    if (this.#ledgers.some((ledger) => ledger.inFlight > 0)) this.#hits.sending += 1;
    if (this.#requeuer.inFlight > 0) this.#hits.requeuing += 1;
    this.#killedAt.push(Date.now());
    await this.#runtime.kill();
    await this.#runtime.restart();
  }

  /** Readers of users 4 and 5 leave for a while, again and again. */
  async #comeAndGo(): Promise<void> {
    const random = this.#random.fork();
    while (!this.#over) {
      for (const reader of this.#readers.filter((r) => r.user === "user-4" || r.user === "user-5")) {
        if (random.chance(0.5)) reader.away(random.int(200, 1_200), random.chance(0.5));
      }
      await instant(performance.now() + random.int(300, 900));
    }
  }

  async #requeueOn(): Promise<void> {
    const random = this.#random.fork();
    while (!this.#over) {
      await this.#requeuer.once(`user-${random.int(0, 7)}`);
      await instant(performance.now() + random.int(20, 120));
    }
  }

  /** First with what lies unread for those who are away; then, at last, with everybody there. */
  async #judge(everybody: boolean): Promise<readonly string[]> {
    if (everybody) {
      const url = this.#runtime.url;
      const late = { url, user: "user-7", device: "late", remembers: false, random: this.#random.fork() };
      this.#readers.push(new Reader(late).start());
      this.#readers.find((r) => r.user === "user-6")?.start();
    }
    const present = this.#ledgers.slice(0, everybody ? 8 : 6).map((ledger) => ledger.user);
    const drained = async (user: string) => (await this.#backend.user(user)).body.held.count === 0;
    const found: string[] = [];
    const drain = (user: string) =>
      eventually(`[D1] ${user} is drained`, () => drained(user), DRAIN_DEADLINE_MS).catch((error: Error) =>
        found.push(error.message),
      );
    await Promise.all(present.map(drain));
    for (const ledger of this.#ledgers) {
      const places = await placesOf(this.#backend, ledger.user);
      if (!everybody) this.#held += places.held.length;
      if (places.dead.length > 950)
        found.push(`${ledger.user}: too many dead letters for this proof: some were dropped`);
      const readers = this.#readers.filter((r) => r.user === ledger.user);
      const requeued = this.#requeuer.requeued.get(ledger.user) ?? [];
      found.push(...(await audit(this.#backend, { ledger, readers, requeued, places })));
    }
    return found;
  }

  #accepted() {
    return this.#ledgers.flatMap((ledger) => ledger.accepted);
  }

  #expiring(): number {
    const expiries = this.#accepted().map((m) => m.expiresAt);
    return this.#killedAt.filter((at) => expiries.some((expiry) => Math.abs(expiry - at) <= EXPIRY_BLUR_MS)).length;
  }
}
