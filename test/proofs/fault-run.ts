/** Inboxes of the SDK on a network that misbehaves, with faults dealt from one shuffled deck. Whatever happens, each message is processed once and in order. */
import { Backend } from "../support/backend.ts";
import { Random } from "../support/random.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { eventually, instant } from "./clock.ts";
import { FAULT_KINDS, FAULTS, type FaultKind } from "./network-faults.ts";
import { CARRIERS, count, Reception } from "./reception.ts";

interface FaultOptions {
  readonly seed: number;
  /** Faults that met a connection; those that met none are not counted. */
  readonly faults: number;
  readonly clients: number;
  readonly onProgress?: (faults: number, violations: number) => void;
}

interface FaultFigures {
  faults: number;
  /** Those that met no connection. */
  missed: number;
  /** The longest from the fault's end until all was processed that had been accepted by then, in milliseconds. */
  longestCatchUpMs: number;
}

interface FaultReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly kinds: Readonly<Record<FaultKind, FaultFigures>>;
  readonly accepted: number;
  readonly attempts: number;
  /** Connections established, by carrier. */
  readonly established: Readonly<Record<string, number>>;
  /** Why the next attempt had to wait. */
  readonly causes: Readonly<Record<string, number>>;
  /** Messages that came again, and were dropped. */
  readonly repeated: number;
  /** From the end of all faults and sends until everything was processed. */
  readonly lastCatchUpMs: number;
  readonly violations: readonly string[];
}

/** Short, so that what takes 30 and 20 s takes less here. */
const VARS = { HEARTBEAT_MS: "1000", ACK_TIMEOUT_MS: "5000" };
const SEND_EVERY_MS = 150;
const DEALS_TO_A_KILL = 30;
/** The longest wait of the backoff, and what it takes to notice, to ask and to connect. */
const CATCH_UP_MS = 45_000;
/** Where the next fault may strike meanwhile, there is no such bound. */
const PATIENCE_MS = 240_000;
/** Keep-alive connections of `fetch` end by themselves. */
const RELEASE_MS = 20_000;

export const faultProof = async (options: FaultOptions): Promise<FaultReport> => {
  const runtime = await startRuntime({ vars: VARS });
  const run = new Run(runtime, options);
  try {
    return await run.whole();
  } finally {
    run.end();
    await runtime.stop();
  }
};

class Run {
  readonly #runtime: Runtime;
  readonly #backend: Backend;
  readonly #options: FaultOptions;
  readonly #random: Random;
  readonly #kinds = Object.fromEntries(
    FAULT_KINDS.map((kind) => [kind, { faults: 0, missed: 0, longestCatchUpMs: 0 }]),
  ) as Record<FaultKind, FaultFigures>;
  readonly #violations: string[] = [];
  readonly #receptions: Reception[] = [];
  readonly #uncaught = (error: unknown) => this.#violations.push(`not caught: ${error}`);
  #deck: FaultKind[] = [];
  #dealt = 0;
  #faults = 0;
  #restarting: Promise<void> | undefined;

  constructor(runtime: Runtime, options: FaultOptions) {
    this.#runtime = runtime;
    this.#backend = new Backend(runtime.url);
    this.#options = options;
    this.#random = new Random(options.seed);
    process.on("unhandledRejection", this.#uncaught);
    process.on("uncaughtException", this.#uncaught);
  }

  async whole(): Promise<FaultReport> {
    const startedAt = performance.now();
    const before = resources();
    for (let client = 0; client < this.#options.clients; client += 1) {
      this.#receptions.push(
        await Reception.start({
          backend: this.#backend,
          serverPort: this.#runtime.port,
          user: `client-${client}`,
          // Three of five with Node's own, one with each of the others.
          carrying: CARRIERS[Math.max(0, (client % 5) - 2)] ?? CARRIERS[0],
          isImpatient: client % 4 === 0,
          random: this.#random.fork(),
          sendEveryMs: SEND_EVERY_MS,
        }),
      );
    }
    await Promise.all(this.#receptions.map((reception) => this.#strikeOn(reception)));
    await this.#restarting;
    await Promise.all(this.#receptions.map((reception) => reception.stopSending()));
    const lastCatchUpMs = await this.#catchUp();
    for (const reception of this.#receptions) reception.close();
    await eventually("", () => excess(before).length === 0, RELEASE_MS).catch(() =>
      this.#violations.push(`left running after ${RELEASE_MS} ms: ${excess(before).join(", ")}`),
    );
    return this.#report(performance.now() - startedAt, lastCatchUpMs);
  }

  end(): void {
    for (const reception of this.#receptions) reception.close();
    process.off("unhandledRejection", this.#uncaught);
    process.off("uncaughtException", this.#uncaught);
  }

  /** One fault after another, until there were enough of them. */
  async #strikeOn(reception: Reception): Promise<void> {
    const random = this.#random.fork();
    const scene = { proxy: reception.proxy, random, restartServer: (downMs: number) => this.#restartServer(downMs) };
    while (this.#faults < this.#options.faults) {
      await instant(performance.now() + random.int(0, 800));
      if (this.#faults >= this.#options.faults) return;
      const kind = this.#deal();
      const figures = this.#kinds[kind];
      this.#faults += 1;
      const hit = await FAULTS[kind](scene);
      if (!hit) this.#faults -= 1;
      figures[hit ? "faults" : "missed"] += 1;
      this.#options.onProgress?.(this.#faults, this.#found().length);
      // Some strike while the client is still on its way back.
      if (random.chance(0.15)) continue;
      const from = performance.now();
      await reception.catchesUp(PATIENCE_MS);
      figures.longestCatchUpMs = Math.max(figures.longestCatchUpMs, Math.round(performance.now() - from));
    }
  }

  /** All kinds before any comes once more; now and then the one that strikes all clients at once. */
  #deal(): FaultKind {
    this.#dealt += 1;
    if (this.#dealt % DEALS_TO_A_KILL === 0) return "server killed";
    if (this.#deck.length === 0) {
      const cards = FAULT_KINDS.filter((kind) => kind !== "server killed");
      const shuffled = cards.map((kind) => ({ kind, at: this.#random.next() })).sort((a, b) => a.at - b.at);
      this.#deck = shuffled.map(({ kind }) => kind);
    }
    return this.#deck.pop() as FaultKind;
  }

  /** One restart at a time; it strikes all clients. */
  #restartServer(downMs: number): Promise<void> {
    this.#restarting ??= this.#runtime
      .kill()
      .then(() => instant(performance.now() + downMs))
      .then(() => this.#runtime.restart())
      .finally(() => {
        this.#restarting = undefined;
      });
    return this.#restarting;
  }

  async #catchUp(): Promise<number> {
    const from = performance.now();
    await Promise.all(
      this.#receptions.map((reception) =>
        this.#expect(async () => {
          await reception.catchesUp(CATCH_UP_MS);
          await reception.judge(CATCH_UP_MS);
        }),
      ),
    );
    return Math.round(performance.now() - from);
  }

  async #expect(holds: () => Promise<void>): Promise<void> {
    await holds().catch((error: Error) => this.#violations.push(error.message));
  }

  #found(): readonly string[] {
    return [...this.#violations, ...this.#receptions.flatMap((reception) => reception.violations)];
  }

  #report(durationMs: number, lastCatchUpMs: number): FaultReport {
    const sum = (of: (reception: Reception) => number) => this.#receptions.reduce((total, r) => total + of(r), 0);
    const merged = (of: (reception: Reception) => Map<string, number>) => {
      const all = new Map<string, number>();
      for (const reception of this.#receptions) for (const [name, by] of of(reception)) count(all, name, by);
      return Object.fromEntries([...all].sort(([, a], [, b]) => b - a));
    };
    const unequal = this.#receptions.filter((r) => r.completed !== r.accepted);
    return {
      seed: this.#options.seed,
      durationMs: Math.round(durationMs),
      kinds: this.#kinds,
      accepted: sum((r) => r.accepted),
      attempts: sum((r) => r.attempts),
      established: merged((r) => r.established),
      causes: merged((r) => r.causes),
      repeated: sum((r) => Math.max(0, r.passed - r.accepted)),
      lastCatchUpMs,
      violations: [...this.#found(), ...unequal.map((r) => `${r.completed} of ${r.accepted} were processed`)],
    };
  }
}

/** What keeps this process alive, by kind. */
const resources = (): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) count(counts, kind);
  return counts;
};

/** What there is now beyond that. */
const excess = (before: ReadonlyMap<string, number>): readonly string[] =>
  [...resources()].flatMap(([kind, now]) => {
    const more = now - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
