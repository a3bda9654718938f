/**
 * Everything at once, for a given time: senders of every kind, devices that come and go on bad networks, slow and broken clients,
 * SIGKILLs, deploys, and users quiet for long enough to hibernate. Afterwards every message is looked for at every device.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Backend } from "../support/backend.ts";
import { Random } from "../support/random.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { eventually, instant } from "./clock.ts";
import { FaultyProxy } from "./faulty-proxy.ts";
import { FAULT_KINDS, FAULTS } from "./network-faults.ts";
import { databasesOf, openHandles, residentBytes } from "./process-facts.ts";
import { Book } from "./soak-book.ts";
import { type Device, InboxDevice, ReaderDevice } from "./soak-devices.ts";
import { judge } from "./soak-judge.ts";
import { SoakSenders } from "./soak-senders.ts";
import { Vandals } from "./soak-vandals.ts";

export interface SoakOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly onProgress?: (line: string) => void;
}

export interface SoakReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly sent: number;
  readonly accepted: number;
  /** Never answered, and without an id to ask with: there once, or not at all. */
  readonly unknown: number;
  readonly refused: number;
  readonly answers: Readonly<Record<string, number>>;
  /** Messages processed by a device, each once for each device. */
  readonly delivered: number;
  /** Messages that came again to a device, and were dropped. */
  readonly redelivered: number;
  readonly gaps: number;
  readonly deadLetters: number;
  readonly kills: number;
  readonly deploys: number;
  /** Objects that fell asleep. */
  readonly hibernations: number;
  readonly connections: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly vandals: Readonly<Record<string, number>>;
  /** From the send to the SDK's handler, of messages to who was connected; in milliseconds. */
  readonly latencyMs: { readonly count: number; readonly p50: number; readonly p99: number; readonly max: number };
  /** From the end of all sends and faults until everything was everywhere. */
  readonly catchUpMs: number;
  /** Of workerd: when it started, in the middle, at the end, and at its most. */
  readonly memoryMb: Readonly<Record<"start" | "middle" | "end" | "most", number>>;
  readonly handles: Readonly<Record<"start" | "middle" | "end" | "most", number>>;
  readonly violations: readonly string[];
  /** What happened when, by `performance.now()`: to find out why. */
  readonly timeline: readonly string[];
}

/** Short, so that what takes 30 and 20 s takes less here, and so that a user who is quiet for 13 s has slept. */
const VARS = { HEARTBEAT_MS: "2000", ACK_TIMEOUT_MS: "4000", ACK_FLUSH_MS: "2000" };
const QUIET_MS = [14_000, 20_000] as const;
const SAMPLE_MS = 500;
const PROGRESS_MS = 10_000;
/** The longest wait of the SDK's backoff, and then some. */
const CATCH_UP_MS = 60_000;

export const soak = async (options: SoakOptions): Promise<SoakReport> => {
  const dir = mkdtempSync(join(tmpdir(), "restante-soak-"));
  const runtime = await startRuntime({ vars: VARS, dir });
  const run = new Run(runtime, options);
  try {
    return await run.whole();
  } finally {
    await run.clear();
    await runtime.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};

type Measures = Record<"start" | "middle" | "end" | "most", number>;

class Run {
  readonly #runtime: Runtime;
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #backend: Backend;
  readonly #books = new Map<string, Book>();
  readonly #devices: Device[] = [];
  readonly #proxies: FaultyProxy[] = [];
  readonly #senders: SoakSenders;
  readonly #vandals: Vandals;
  readonly #background: Promise<void>[] = [];
  readonly #faults = new Map<string, number>();
  readonly #timeline: string[] = [];
  readonly #found: string[] = [];
  readonly #memory: Measures = { start: 0, middle: 0, end: 0, most: 0 };
  readonly #handles: Measures = { start: 0, middle: 0, end: 0, most: 0 };
  readonly #uncaught = (error: unknown) => this.#found.push(`not caught: ${error}`);
  #startedAt = 0;
  #isOver = false;
  #kills = 0;
  #deploys = 0;
  #hibernations = 0;
  #awake: ReadonlySet<string> = new Set();
  #isUp = true;

  constructor(runtime: Runtime, options: SoakOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#backend = new Backend(runtime.url);
    this.#senders = new SoakSenders(this.#backend);
    this.#vandals = new Vandals({
      url: runtime.url,
      port: runtime.port,
      ackTimeoutMs: Number(VARS.ACK_TIMEOUT_MS),
      random: this.#random.fork(),
      stops: () => this.#kills + this.#deploys,
    });
    process.on("unhandledRejection", this.#uncaught);
  }

  async whole(): Promise<SoakReport> {
    const { durationMs } = this.#options;
    const away = await this.#cast();
    this.#startedAt = performance.now();
    this.#measure("start");
    this.#hire();
    this.#background.push(this.#sampleOn(), this.#stopServers(), this.#vandalise());
    await instant(this.#startedAt + durationMs / 2);
    this.#measure("middle");
    await instant(this.#startedAt + durationMs);
    this.#isOver = true;
    await Promise.all([...this.#background, this.#senders.stop()]);
    for (const proxy of this.#proxies) settle(proxy);
    const endedAt = performance.now();
    away.resume();
    const late = { url: this.#runtime.url, user: "later-0", device: "late", remembers: true, random: this.#random };
    this.#devices.push(new ReaderDevice(late, "first there at the end"));
    await this.#catchUp();
    this.#measure("end");
    return this.#report(Math.round(performance.now() - endedAt));
  }

  async clear(): Promise<void> {
    this.#isOver = true;
    process.off("unhandledRejection", this.#uncaught);
    await Promise.all(this.#devices.map((device) => device.stop()));
    for (const proxy of this.#proxies) proxy.stop();
  }

  /** Everybody is there once before anything is sent; so all of it is theirs. Gives the device that then leaves until the end. */
  async #cast(): Promise<ReaderDevice> {
    const { url } = this.#runtime;
    const inbox = (user: string, name: string, carrying: ConstructorParameters<typeof InboxDevice>[3], at = url) =>
      this.#devices.push(new InboxDevice(at, this.#book(user), name, carrying));
    const reader = (
      user: string,
      device: string,
      remembers: boolean,
      more: { url?: string; ackLagMs?: number } = {},
    ) => {
      this.#book(user);
      const random = this.#random.fork();
      const options = { url, user, device, remembers, random, ...more };
      const made = new ReaderDevice(options, remembers ? "reader with memory" : "reader without memory");
      this.#devices.push(made);
      return made;
    };
    for (const user of ["busy-0", "busy-1"]) {
      inbox(user, "phone", "WebSocket of Node");
      reader(user, "laptop", true);
    }
    inbox("direct-0", "phone", "WebSocket of ws");
    for (const [user, carrying] of [
      ["commuter-0", "WebSocket of Node"],
      ["commuter-1", "event stream"],
    ] as const) {
      inbox(user, "phone", carrying, await this.#badNetwork(user));
      reader(user, "watch", true, { url: await this.#badNetwork(user) });
    }
    const tabs = [reader("tabs-0", "phone", false, { ackLagMs: 100 }), reader("tabs-0", "phone", false)];
    inbox("tabs-0", "laptop", "WebSocket of ws");
    for (const user of ["sleeper-0", "sleeper-1", "sleeper-2"]) inbox(user, "phone", "WebSocket of Node");
    inbox("sleeper-2", "tablet", "event stream");
    reader("slow-0", "phone", true, { url: await this.#slowNetwork() });
    inbox("slow-0", "laptop", "WebSocket of Node");
    const away = reader("away-0", "phone", true);
    this.#book("later-0");
    await eventually("everybody is there", () => this.#devices.every((device) => device.isConnected), CATCH_UP_MS);
    await away.stop();
    this.#background.push(this.#comeAndGo(tabs));
    return away;
  }

  #hire(): void {
    const crowd = [
      "busy-0",
      "busy-0",
      "busy-1",
      "direct-0",
      "direct-0",
      "commuter-0",
      "commuter-1",
      "tabs-0",
      "slow-0",
    ];
    const everybody = [...crowd, ...crowd, "away-0", "later-0"].map((user) => this.#book(user));
    for (let sender = 0; sender < 4; sender += 1) {
      const random = this.#random.fork();
      this.#senders.addBackend(() => random.pick(everybody), random, 30);
    }
    for (const user of ["sleeper-0", "sleeper-1", "sleeper-2"])
      this.#senders.addRare(this.#book(user), this.#random.fork(), QUIET_MS);
    for (const user of ["busy-1", "commuter-0", "commuter-1", "away-0"])
      this.#senders.addPublisher(this.#book(user), this.#random.fork(), user === "away-0" ? 2_000 : 300);
  }

  /** Kills and deploys, apart far enough for the quiet to fall asleep in between; some kills in a row. */
  async #stopServers(): Promise<void> {
    const random = this.#random.fork();
    const end = this.#startedAt + this.#options.durationMs - 1_000;
    let at = this.#startedAt + random.int(2_000, 4_000);
    while (at < end) {
      while (performance.now() < at && !this.#isOver) await instant(Math.min(at, performance.now() + 200));
      const isDeploy = random.chance(0.35);
      this.#say(isDeploy ? "deploy" : "kill");
      this.#isUp = false;
      if (isDeploy) {
        this.#deploys += 1;
        await this.#runtime.stop();
      } else {
        this.#kills += 1;
        await this.#runtime.kill();
        await instant(performance.now() + random.int(0, 800));
      }
      await this.#runtime.restart();
      this.#awake = new Set();
      this.#isUp = true;
      this.#say("there again");
      at = performance.now() + (random.chance(0.25) ? random.int(50, 1_500) : random.int(14_000, 26_000));
    }
  }

  async #vandalise(): Promise<void> {
    const random = this.#random.fork();
    const one = async () => {
      while (!this.#isOver) {
        await instant(performance.now() + random.int(200, 3_000));
        await this.#vandals.once(random.pick(["busy-0", "busy-1", "commuter-0"]), "phone");
      }
    };
    await Promise.all([one(), one()]);
  }

  async #comeAndGo(readers: readonly ReaderDevice[]): Promise<void> {
    const random = this.#random.fork();
    while (!this.#isOver) {
      random.pick(readers).away(random.int(200, 3_000), random.chance(0.5));
      await instant(performance.now() + random.int(500, 3_000));
    }
  }

  async #badNetwork(user: string): Promise<string> {
    const proxy = await this.#proxy();
    const random = this.#random.fork();
    const kinds = FAULT_KINDS.filter((kind) => kind !== "server killed");
    const strike = async () => {
      while (!this.#isOver) {
        await instant(performance.now() + random.int(500, 6_000));
        const kind = random.pick(kinds);
        const hit = await FAULTS[kind]({ proxy, random, restartServer: () => Promise.resolve() });
        if (hit) this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + 1);
        this.#say(`${user}: ${kind}`);
      }
    };
    this.#background.push(strike());
    return proxy.url;
  }

  /** A client that stops reading for longer than the ack timeout, and then reads slowly. */
  async #slowNetwork(): Promise<string> {
    const proxy = await this.#proxy();
    const random = this.#random.fork();
    const slow = async () => {
      while (!this.#isOver) {
        proxy.freeze();
        await instant(performance.now() + random.int(1_000, 3 * Number(VARS.ACK_TIMEOUT_MS)));
        proxy.thaw();
        proxy.bytesPerTick = random.int(500, 5_000);
        await instant(performance.now() + random.int(2_000, 8_000));
      }
    };
    this.#background.push(slow());
    return proxy.url;
  }

  async #proxy(): Promise<FaultyProxy> {
    const proxy = await FaultyProxy.start(this.#runtime.port);
    this.#proxies.push(proxy);
    return proxy;
  }

  async #sampleOn(): Promise<void> {
    let nextLine = this.#startedAt + PROGRESS_MS;
    while (!this.#isOver) {
      await instant(performance.now() + SAMPLE_MS);
      this.#sample();
      if (performance.now() < nextLine) continue;
      nextLine += PROGRESS_MS;
      const connected = this.#devices.filter((device) => device.isConnected).length;
      const bad = this.#violationsSoFar().length;
      this.#options.onProgress?.(
        `${Math.round((performance.now() - this.#startedAt) / 1_000)} s: ${this.#senders.sent} sent, ${this.#senders.accepted} accepted, ` +
          `${connected}/${this.#devices.length} connected, ${this.#kills} kills, ${this.#deploys} deploys, ` +
          `${this.#hibernations} hibernations, ${this.#memory.end} MB, ${bad} violations`,
      );
    }
  }

  #sample(): void {
    if (!this.#isUp) return;
    const before = this.#awake;
    try {
      this.#awake = databasesOf(this.#runtime.pid);
    } catch {
      // Just being stopped.
      return;
    }
    for (const path of before) if (!this.#awake.has(path)) this.#hibernations += 1;
    this.#measure("end");
  }

  #measure(when: keyof Measures): void {
    try {
      const { pid } = this.#runtime;
      this.#memory[when] = Math.round(residentBytes(pid) / 1_048_576);
      this.#handles[when] = openHandles(pid);
    } catch {
      // Just being stopped: what was measured last stands.
      this.#memory[when] = this.#memory.end;
      this.#handles[when] = this.#handles.end;
    }
    this.#memory.most = Math.max(this.#memory.most, this.#memory[when]);
    this.#handles.most = Math.max(this.#handles.most, this.#handles[when]);
  }

  async #catchUp(): Promise<void> {
    const behind = () =>
      this.#devices.filter((device) => device.processedSeq < this.#book(device.user).lastSeq || !device.isConnected);
    const isThere = () => {
      for (const device of this.#devices) device.hurry();
      return behind().length === 0;
    };
    await eventually("", isThere, CATCH_UP_MS).catch(() => {
      for (const device of behind())
        this.#found.push(
          `${device.user}: ${device.name} (${device.what}) is at ${device.processedSeq} of ${this.#book(device.user).lastSeq} after ${CATCH_UP_MS} ms`,
        );
    });
    const isDrained = async (user: string) => (await this.#backend.user(user)).body.held.count === 0;
    await Promise.all(
      [...this.#books.keys()].map((user) =>
        eventually(`[D1] ${user} is drained`, () => isDrained(user), CATCH_UP_MS).catch((error: Error) =>
          this.#found.push(error.message),
        ),
      ),
    );
  }

  async #report(catchUpMs: number): Promise<SoakReport> {
    const books = [...this.#books.values()];
    const verdicts = books.flatMap((book) =>
      judge(
        book,
        this.#devices.filter(({ user }) => user === book.user),
      ),
    );
    const letters = await Promise.all(
      books.map(async ({ user }) => (await this.#backend.user(user)).body.dead_letters),
    );
    const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
    const latencies = this.#devices
      .flatMap((device) => (device instanceof InboxDevice ? device.latenciesMs : []))
      .sort((a, b) => a - b);
    const quantile = (share: number) =>
      Number((latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0).toFixed(1));
    return {
      seed: this.#options.seed,
      durationMs: Math.round(performance.now() - this.#startedAt),
      sent: this.#senders.sent,
      accepted: this.#senders.accepted,
      unknown: sum(books.map(({ unknown }) => unknown.size)),
      refused: sum(books.map(({ refused }) => refused.size)),
      answers: Object.fromEntries(this.#senders.answers),
      delivered: sum(this.#devices.map(({ processed }) => processed.length)),
      redelivered: sum(this.#devices.map(({ repeated }) => repeated)),
      gaps: sum(this.#devices.map(({ gaps }) => gaps.length)),
      deadLetters: sum(letters),
      kills: this.#kills,
      deploys: this.#deploys,
      hibernations: this.#hibernations,
      connections: sum(this.#devices.map(({ connections }) => connections)),
      faults: Object.fromEntries(this.#faults),
      vandals: Object.fromEntries(this.#vandals.did),
      latencyMs: { count: latencies.length, p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
      catchUpMs,
      memoryMb: this.#memory,
      handles: this.#handles,
      violations: [...this.#found, ...this.#senders.violations, ...this.#vandals.violations, ...verdicts],
      timeline: this.#timeline,
    };
  }

  #violationsSoFar(): readonly string[] {
    const own = this.#devices.flatMap(({ violations }) => violations);
    return [...this.#found, ...this.#senders.violations, ...this.#vandals.violations, ...own];
  }

  #book(user: string): Book {
    const book = this.#books.get(user) ?? new Book(user, `s${this.#options.seed}`);
    this.#books.set(user, book);
    return book;
  }

  #say(what: string): void {
    this.#timeline.push(`${Math.round(performance.now())} ${what}`);
  }
}

/** The network is good again. */
const settle = (proxy: FaultyProxy): void => {
  proxy.thaw();
  proxy.delayMs = 0;
  proxy.bytesPerTick = undefined;
  proxy.judge = () => "pass";
  // What was forgotten stays so: those who are on it are to come back.
  proxy.cut("reset");
};
