/**
 * Everything at once, for a given time: senders of every kind, devices that come and go on bad networks, newcomers, slow and
 * broken clients, SIGKILLs, deploys, and users quiet for long enough to hibernate. Afterwards every message is looked for at
 * every device.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, instant } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { percentile } from "../support/percentile.ts";
import { Random } from "../support/random.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import type { Book } from "./book.ts";
import { Cast, DEVICE, VANDALISED } from "./cast.ts";
import { InboxDevice } from "./inbox-device.ts";
import { judge } from "./judge.ts";
import { Loops } from "./loops.ts";
import { Networks } from "./networks.ts";
import { Newcomers } from "./newcomers.ts";
import { Objects } from "./objects.ts";
import { Outages } from "./outages.ts";
import { Posting } from "./posting.ts";
import { Producers } from "./producers.ts";
import type { SoakReport } from "./report.ts";
import { Senders } from "./senders.ts";
import { Vandals } from "./vandals.ts";

interface SoakOptions {
  readonly seed: number;
  readonly durationMs: number;
  /** How long everything may take to be everywhere after the end. Default: the longest wait of the SDK's backoff, and then some. */
  readonly catchUpMs?: number;
  /** The Worker's source, where it is not the shipped one; and settings over those of the soak. */
  readonly entry?: string;
  readonly vars?: Readonly<Record<string, string>>;
  readonly onProgress?: (line: string) => void;
}

/** Short, so that what takes 30, 20 and 10 s takes less here. */
const VARS = { HEARTBEAT_MS: "2000", ACK_TIMEOUT_MS: "4000", ACK_FLUSH_MS: "2000" };
const SAMPLE_MS = 500;
const PROGRESS_MS = 10_000;
const CATCH_UP_MS = 60_000;

export const soak = async (options: SoakOptions): Promise<SoakReport> => {
  const dir = mkdtempSync(join(tmpdir(), "restante-soak-"));
  const { entry, vars } = options;
  const runtime = await startRuntime({ vars: { ...VARS, ...vars }, dir, ...(entry === undefined ? {} : { entry }) });
  const run = new Run(runtime, options);
  try {
    return await run.whole();
  } finally {
    await run.clear();
    await runtime.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};

class Run {
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #backend: Backend;
  readonly #loops = new Loops();
  readonly #posting = new Posting();
  readonly #senders: Senders;
  readonly #producers: Producers;
  readonly #newcomers: Newcomers;
  readonly #networks: Networks;
  readonly #objects: Objects;
  readonly #outages: Outages;
  readonly #vandals: Vandals;
  readonly #cast: Cast;
  readonly #timeline: string[] = [];
  readonly #found: string[] = [];
  readonly #uncaught = (error: unknown) => this.#found.push(`not caught: ${error}`);
  #startedAt = 0;

  constructor(runtime: Runtime, options: SoakOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#backend = new Backend(runtime.url);
    const loops = this.#loops;
    const say = (what: string) => this.#timeline.push(`${Math.round(performance.now())} ${what}`);
    this.#senders = new Senders(this.#backend, this.#posting, loops);
    this.#producers = new Producers(this.#backend, this.#posting, loops);
    this.#newcomers = new Newcomers(this.#backend, this.#senders, loops, `s${options.seed}`);
    this.#networks = new Networks(runtime.port, loops, say);
    this.#objects = new Objects(runtime, (user) => this.#cast.isConnected(user));
    this.#outages = new Outages(runtime, this.#objects, () => this.#posting.inFlight, say);
    const { url, port } = runtime;
    const ackTimeoutMs = Number(VARS.ACK_TIMEOUT_MS);
    const random = this.#random.fork();
    this.#vandals = new Vandals({ url, port, ackTimeoutMs, random, stops: () => this.#outages.count });
    this.#cast = new Cast({
      url,
      run: `s${options.seed}`,
      random: this.#random.fork(),
      loops,
      networks: this.#networks,
      objects: this.#objects,
      ackTimeoutMs,
    });
    process.on("unhandledRejection", this.#uncaught);
  }

  async whole(): Promise<SoakReport> {
    await this.#cast.gather();
    this.#startedAt = performance.now();
    const endsAt = this.#startedAt + this.#options.durationMs;
    this.#objects.measure("start");
    this.#cast.hire(this.#senders, this.#producers);
    for (let lane = 0; lane < 2; lane += 1) {
      this.#newcomers.add(this.#random.fork(), 1_000);
      this.#vandalise(this.#random.fork());
    }
    this.#watch();
    const outages = this.#outages.strike(endsAt - 1_000, this.#random.fork());
    await instant(this.#startedAt + this.#options.durationMs / 2);
    this.#objects.measure("middle");
    await instant(endsAt);
    await Promise.all([outages, this.#loops.stop()]);
    this.#networks.settle();
    const settledAt = performance.now();
    await Promise.all([...this.#cast.books.values()].map((book) => this.#senders.last(book, this.#random)));
    this.#cast.complete();
    await this.#catchUp();
    this.#objects.measure("end");
    return this.#report(Math.round(performance.now() - settledAt));
  }

  async clear(): Promise<void> {
    await this.#loops.stop();
    process.off("unhandledRejection", this.#uncaught);
    this.#producers.close();
    await Promise.all(this.#cast.devices.map((device) => device.stop()));
    this.#networks.stop();
  }

  #vandalise(random: Random): void {
    this.#loops.add(async () => {
      await this.#loops.pause(random.int(200, 3_000));
      await this.#vandals.once(random.pick(VANDALISED), DEVICE);
    });
  }

  #watch(): void {
    let nextLine = this.#startedAt + PROGRESS_MS;
    this.#loops.add(async () => {
      await this.#loops.pause(SAMPLE_MS);
      this.#objects.sample();
      if (performance.now() < nextLine) return;
      nextLine += PROGRESS_MS;
      const { devices } = this.#cast;
      const connected = devices.filter((device) => device.isConnected).length;
      this.#options.onProgress?.(
        `${Math.round((performance.now() - this.#startedAt) / 1_000)} s: ${this.#posting.sent} sent, ${this.#posting.accepted} accepted, ` +
          `${connected}/${devices.length} connected, ${this.#newcomers.served} newcomers, ${this.#outages.kills} kills, ` +
          `${this.#outages.deploys} deploys, ${this.#objects.hibernations} hibernations, ${this.#objects.memoryMb.end} MB, ` +
          `${this.#violationsSoFar().length + devices.flatMap(({ violations }) => violations).length} violations`,
      );
    });
  }

  async #catchUp(): Promise<void> {
    const { catchUpMs = CATCH_UP_MS } = this.#options;
    const { devices, books } = this.#cast;
    const lastSeq = (user: string) => books.get(user)?.lastSeq ?? 0;
    const behind = () => devices.filter((d) => d.processedSeq < lastSeq(d.user) || !d.isConnected);
    const isThere = () => {
      for (const device of devices) device.hurry();
      return behind().length === 0;
    };
    await eventually("", isThere, catchUpMs).catch(() => {
      for (const { user, name, what, processedSeq } of behind())
        this.#found.push(
          `[C2] ${user}: ${name} (${what}) is at ${processedSeq} of ${lastSeq(user)} after ${catchUpMs} ms`,
        );
    });
    const isDrained = async (user: string) => (await this.#backend.user(user)).body.held.count === 0;
    await Promise.all(
      [...books.keys()].map((user) =>
        eventually(`[D1] ${user} is drained`, () => isDrained(user), catchUpMs).catch((error: Error) =>
          this.#found.push(error.message),
        ),
      ),
    );
  }

  async #report(catchUpMs: number): Promise<SoakReport> {
    const books: readonly Book[] = [...this.#cast.books.values(), ...this.#newcomers.books];
    const devices = [...this.#cast.devices, ...this.#newcomers.devices];
    const verdicts = books.flatMap((book) =>
      judge(
        book,
        devices.filter(({ user }) => user === book.user),
      ),
    );
    const letters = await Promise.all(
      [...this.#cast.books.keys()].map(async (user) => (await this.#backend.user(user)).body.dead_letters),
    );
    const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
    const processed = devices.map((device) => device.processed);
    const latencies = devices.flatMap((device) => (device instanceof InboxDevice ? device.latenciesMs : []));
    const latencyMs = (p: number) => Number((percentile(latencies, p) || 0).toFixed(1));
    this.#producers.close();
    return {
      seed: this.#options.seed,
      durationMs: Math.round(performance.now() - this.#startedAt),
      sent: this.#posting.sent,
      accepted: this.#posting.accepted,
      unknown: sum(books.map(({ unknown }) => unknown.size)),
      refused: sum(books.map(({ refused }) => refused.size)),
      hangUps: this.#senders.hangUps,
      replayed: this.#posting.replayed,
      ways: Object.fromEntries(this.#posting.ways),
      answers: Object.fromEntries(this.#posting.answers),
      direct: this.#senders.waits,
      producers: {
        sockets: this.#producers.sockets,
        frames: this.#producers.frames,
        streams: this.#producers.streams,
      },
      delivered: sum(processed.map(({ length }) => length)),
      folded: sum(processed.map((all) => all.filter(({ isJoined }) => isJoined).length)),
      redelivered: sum(devices.map(({ repeated }) => repeated)),
      gaps: sum(devices.map(({ gaps }) => gaps.length)),
      passed: sum(devices.map(({ passed }) => passed.length)),
      deadLetters: sum(letters),
      kills: this.#outages.kills,
      deploys: this.#outages.deploys,
      inFlight: this.#outages.inFlight,
      hibernations: this.#objects.hibernations,
      wakes: this.#objects.wakes,
      connections: sum(devices.map(({ connections }) => connections)),
      newcomers: this.#newcomers.served,
      faults: Object.fromEntries(this.#networks.faults),
      vandals: Object.fromEntries(this.#vandals.did),
      latencyMs: { count: latencies.length, p50: latencyMs(0.5), p99: latencyMs(0.99), max: latencyMs(1) },
      catchUpMs,
      memoryMb: this.#objects.memoryMb,
      handles: this.#objects.handles,
      violations: [...this.#violationsSoFar(), ...verdicts],
      timeline: this.#timeline,
    };
  }

  /** Of everything but the devices, which are judged apart. */
  #violationsSoFar(): readonly string[] {
    const parts = [this.#posting, this.#producers, this.#newcomers, this.#vandals];
    return [...this.#found, ...parts.flatMap(({ violations }) => violations)];
  }
}
