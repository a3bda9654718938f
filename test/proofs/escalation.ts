/**
 * SIGKILL of the runtime, with storage on disk, at random instants while fallbacks fall due, webhooks go to a real receiver and dead
 * letters of all users are requeued by jobs. Afterwards each message is looked for, and each webhook that should have come.
 */
import { Backend } from "../support/backend.ts";
import { Random } from "../support/random.ts";
import { type Answer, Receiver, SECRET } from "../support/receiver.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { eventually, instant } from "./clock.ts";
import { audit } from "./kill-audit.ts";
import { Ledger, Senders } from "./kill-senders.ts";
import { type Places, placesOf } from "./places.ts";
import { Reader } from "./reader.ts";
import { type Job, RequeueJobs } from "./requeue-jobs.ts";
import type { Sending } from "./sends.ts";
import { Tellings, untold } from "./tellings.ts";

/** What a kill is aimed at. `webhook`: one that its receiver has, and has not answered. */
const AIMS = ["any instant", "fallback", "webhook", "requeue"] as const;
type Aim = (typeof AIMS)[number];

interface EscalationOptions {
  readonly seed: number;
  readonly kills: number;
  /** After the last kill nobody calls, until all that is known of has come by alarms alone: they stand up to 20 s later. */
  readonly alone: boolean;
  readonly onProgress?: (kills: number, accepted: number) => void;
}

interface EscalationReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly kills: number;
  /** Kills with a fallback due in the 50 ms around it; with a webhook received and not answered; with a job that was running still afterwards. */
  readonly hits: { readonly falling: number; readonly telling: number; readonly requeuing: number };
  readonly accepted: number;
  /** Events that came; those of them that came more than once; messages that were acked first, and not told of. */
  readonly events: number;
  readonly repeated: number;
  readonly calledOff: number;
  readonly jobs: number;
  /** Dead letters that jobs say they have sent again; a step whose end was lost is not among them. */
  readonly requeued: number;
  readonly violations: readonly string[];
}

/** Nobody reads them, so that all that is sent to them goes to the webhook. */
const AWAY = ["away-0", "away-1", "away-2", "away-3"];
const READ = ["read-0", "read-1", "read-2"];
/** Of what says nothing else, and of all that is requeued. */
const DEFAULT_FALLBACK_MS = 1_000;
const SHORT_TTL_MS = 1_000;
const BLUR_MS = 50;
/** The first attempts of so many fail, and come again after 5 s. */
const FAILING = 0.03;
const DRAIN_MS = 30_000;

export const escalationProof = async (options: EscalationOptions): Promise<EscalationReport> => {
  const receiver = await Receiver.start();
  const runtime = await startRuntime({
    vars: {
      ENVIRONMENT: "development",
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_EVENTS: "message.expired",
      FALLBACK_AFTER_SECONDS: String(DEFAULT_FALLBACK_MS / 1_000),
    },
  });
  const stage = new Stage(runtime, receiver, options);
  try {
    return await stage.run();
  } finally {
    await stage.clear();
    await runtime.stop();
    await receiver.close();
  }
};

class Stage {
  readonly #runtime: Runtime;
  readonly #receiver: Receiver;
  readonly #options: EscalationOptions;
  readonly #random: Random;
  readonly #backend: Backend;
  readonly #senders: Senders;
  readonly #jobs: RequeueJobs;
  readonly #tellings = new Tellings();
  readonly #ledgers = [...AWAY, ...READ].map((user) => new Ledger(user));
  readonly #readers: Reader[] = [];
  readonly #fallbackMs = new Map<string, number>();
  readonly #killedAt: number[] = [];
  readonly #hits = { telling: 0, requeuing: 0 };
  readonly #violations: string[] = [];
  /** Webhooks that have no answer until the kill. */
  #unanswered = 0;
  #onWebhook: (() => void) | undefined;
  #count = 0;
  #over = false;

  constructor(runtime: Runtime, receiver: Receiver, options: EscalationOptions) {
    this.#runtime = runtime;
    this.#receiver = receiver;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#backend = new Backend(runtime.url);
    this.#senders = new Senders(this.#backend);
    const users = this.#ledgers.map(({ user }) => user);
    this.#jobs = new RequeueJobs(this.#backend, users, () => this.#places());
    const random = this.#random.fork();
    const seen = new Set<string>();
    receiver.answer = (received): Answer => {
      const isFirst = !seen.has(received.id);
      seen.add(received.id);
      const onWebhook = this.#onWebhook;
      const isFailing = isFirst && !this.#over && random.chance(FAILING);
      this.#tellings.note(received, onWebhook === undefined && !isFailing);
      if (onWebhook === undefined) return { status: isFailing ? 500 : 204 };
      this.#unanswered += 1;
      onWebhook();
      return "hang";
    };
  }

  async run(): Promise<EscalationReport> {
    const startedAt = Date.now();
    const { kills, seed, alone, onProgress } = this.#options;
    await this.#cast();
    const background = [this.#produce(), this.#produce()];
    for (let kill = 1; kill <= kills; kill += 1) {
      await this.#kill(AIMS[(kill - 1) % AIMS.length] as Aim);
      onProgress?.(kill, this.#accepted().length);
    }
    this.#over = true;
    await Promise.all([...background, this.#senders.stop()]);
    await this.#strikeAlone();
    if (alone) await this.#hold("[N1, N2] all comes without a call", async () => this.#missing().length === 0);
    const jobs = await this.#settle();
    const places = await this.#drain();
    for (const [at, ledger] of this.#ledgers.entries()) {
      const readers = this.#readers.filter((r) => r.user === ledger.user);
      const evidence = { ledger, readers, requeued: [], places: places[at] as Places };
      this.#violations.push(...(await audit(this.#backend, evidence)));
      this.#violations.push(...(await untold(this.#backend, ledger, evidence.places, this.#tellings)));
    }
    this.#violations.push(...this.#tellings.violations((token) => this.#fallbackMs.get(token)));
    this.#violations.push(...this.#receiver.forged.map((what) => `[N2] forged: ${what}`));
    return {
      ...{ seed, durationMs: Date.now() - startedAt, kills: this.#killedAt.length },
      hits: { falling: this.#falling(), ...this.#hits },
      accepted: this.#accepted().length,
      ...{ events: this.#tellings.events, repeated: this.#tellings.repeated, calledOff: this.#calledOff() },
      ...{ jobs: jobs.length, requeued: jobs.reduce((sum, job) => sum + job.dead_letters.done, 0) },
      violations: [...new Set([...this.#violations, ...this.#senders.violations, ...this.#jobs.violations])],
    };
  }

  async clear(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#readers.map((reader) => reader.stop()));
  }

  // ── The load ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One who acks at once, and two whose acks race with fallbacks. */
  async #cast(): Promise<void> {
    READ.forEach((user, at) => {
      const ackLagMs = [0, 400, 1_200][at] as number;
      const about = { user, device: "phone", remembers: at > 0, ackLagMs, random: this.#random.fork() };
      this.#readers.push(new Reader({ ...about, url: this.#runtime.url }).start());
    });
    await Promise.all(this.#readers.map((reader) => reader.connected()));
  }

  async #produce(): Promise<void> {
    const random = this.#random.fork();
    while (!this.#over) {
      const ttl = random.chance(0.3) ? random.int(3, (10 * SHORT_TTL_MS) / 1_000) / 10 : undefined;
      const fallback = random.chance(0.7) ? random.int(1, 12) / 10 : undefined;
      await this.#send(random.pick(this.#ledgers), {
        ...(ttl === undefined ? {} : { ttl }),
        ...(fallback === undefined ? {} : { fallback }),
      });
      await instant(performance.now() + random.int(5, 40));
    }
  }

  #send(ledger: Ledger, about: Omit<Sending, "token" | "id">): Promise<void> {
    this.#count += 1;
    const token = `${ledger.user}-${this.#count}`;
    this.#fallbackMs.set(token, about.fallback === undefined ? DEFAULT_FALLBACK_MS : about.fallback * 1_000);
    return this.#senders.send(ledger, { token, id: `id-${token}`, ...about });
  }

  /** Those who do not await it let its senders go on by themselves. */
  async #burst(count: number, about: Omit<Sending, "token" | "id">, ledgers = this.#ledgers): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#send(this.#random.pick(ledgers), about)));
  }

  // ── Kills ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #kill(aim: Aim): Promise<void> {
    const random = this.#random;
    await instant(performance.now() + random.int(50, 400));
    if (aim === "fallback") {
      const after = random.int(2, 4) / 10;
      const dueAt = performance.now() + after * 1_000;
      void this.#burst(30, { fallback: after });
      await instant(dueAt + random.int(0, 120));
    } else if (aim === "webhook") {
      const received = this.#anyWebhook();
      void this.#burst(5, { fallback: 0.1 });
      await received;
      await instant(performance.now() + random.int(0, 5));
    } else if (aim === "requeue") {
      // For long, or to expire again.
      const { answered } = await this.#jobs.begin({ reason: "expired" }, random.chance(0.5) ? 0.5 : 3_600);
      if (random.chance(0.7)) await answered;
      await instant(performance.now() + random.int(0, 120));
    }
    await this.#strike();
    if (aim !== "requeue") return;
    if (!(await this.#jobs.areOver())) this.#hits.requeuing += 1;
    await this.#judgeJobs();
  }

  /** All is accepted, webhooks are on their way, and more are to come: from now on there are only alarms to see to it. */
  async #strikeAlone(): Promise<void> {
    const received = this.#anyWebhook();
    await this.#burst(40, { fallback: 0.4 }, this.#ledgers.slice(0, AWAY.length));
    await received;
    // By now all of them are due: no other alarm than the webhooks' own comes to their help.
    await instant(performance.now() + 1_000);
    await this.#strike();
  }

  /** Until the receiver has one; from now on it answers none. */
  #anyWebhook(): Promise<unknown> {
    const received = new Promise<void>((done) => {
      this.#onWebhook = done;
    });
    return Promise.race([received, instant(performance.now() + 3_000)]);
  }

  async #strike(): Promise<void> {
    this.#killedAt.push(Date.now());
    await this.#runtime.kill();
    if (this.#unanswered > 0) this.#hits.telling += 1;
    this.#unanswered = 0;
    this.#onWebhook = undefined;
    await this.#runtime.restart();
  }

  // ── Afterwards ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What is known to be due without asking anybody, and has not come. */
  #missing(): readonly string[] {
    const now = Date.now();
    return this.#ledgers.slice(0, AWAY.length).flatMap(({ user, accepted }) =>
      accepted.flatMap(({ seq, expiresAt }) => {
        const isOver = expiresAt <= now;
        const isTold = this.#tellings.has(user, seq, "message.fallback");
        return isTold && (!isOver || this.#tellings.has(user, seq, "message.expired")) ? [] : `${user} ${seq}`;
      }),
    );
  }

  /** Jobs go on until they are done. Before the next one begins, which would make good what this one has left. */
  async #judgeJobs(): Promise<void> {
    await this.#hold("[N5] jobs go on after a crash", () => this.#jobs.areOver());
    await this.#jobs.judge();
  }

  /** Jobs go on until they are done; and the list of users with dead letters is right, whatever was lost on the way to it. */
  async #settle(): Promise<readonly Job[]> {
    await this.#judgeJobs();
    // Until the last of those that were sent again for half a second is over.
    await instant(performance.now() + SHORT_TTL_MS);
    await this.#hold("[N4] the list is of those with dead letters", () => this.#jobs.isListRight());
    const last = await (await this.#jobs.begin({ all: "true" }, 3_600)).answered;
    const isDone = async () => (await this.#jobs.list()).some((job) => job.id === last && job.status === "done");
    await this.#hold("[N5] the last job is done", isDone);
    return this.#jobs.list();
  }

  /** Until those who read have all, and the webhook has been told of the rest. */
  async #drain(): Promise<readonly Places[]> {
    const isRead = async (user: string) => (await this.#backend.user(user)).body.held.count === 0;
    await Promise.all(READ.map((user) => this.#hold(`[D1] ${user} is drained`, () => isRead(user))));
    const isTold = async (ledger: Ledger) => {
      const places = await placesOf(this.#backend, ledger.user);
      return places.held.every(({ seq }) => this.#tellings.has(ledger.user, seq, "message.fallback"));
    };
    await Promise.all(
      this.#ledgers.map((ledger) => this.#hold(`[N1] all of ${ledger.user} is told`, () => isTold(ledger))),
    );
    const places = await this.#places();
    for (const [at, { dead }] of places.entries()) {
      if (dead.length > 0)
        this.#violations.push(`[N5] ${this.#ledgers[at]?.user} has ${dead.length} dead letters left`);
    }
    // Attempts that failed come again after 5 s.
    await this.#hold("[N2] nothing is pending", async () => {
      const pages = await Promise.all(
        this.#ledgers.map(({ user }) => this.#backend.call("GET", `/v1/users/${user}/webhooks`)),
      );
      return pages.every(({ body }) => body.webhooks.length === 0);
    });
    return places;
  }

  #places(): Promise<readonly Places[]> {
    return Promise.all(this.#ledgers.map(({ user }) => placesOf(this.#backend, user)));
  }

  async #hold(what: string, holds: () => Promise<boolean>): Promise<void> {
    await eventually(what, holds, DRAIN_MS).catch((error: Error) => this.#violations.push(error.message));
  }

  #accepted() {
    return this.#ledgers.flatMap((ledger) => ledger.accepted);
  }

  #calledOff(): number {
    return this.#ledgers.reduce(
      (sum, { user, accepted }) =>
        sum + accepted.filter(({ seq }) => !this.#tellings.has(user, seq, "message.fallback")).length,
      0,
    );
  }

  #falling(): number {
    const due = this.#receiver.received
      .filter(({ body }) => body.type === "message.fallback")
      .map(({ body }) => Date.parse(body.timestamp));
    return this.#killedAt.filter((at) => due.some((instantDue) => Math.abs(instantDue - at) <= BLUR_MS)).length;
  }
}
