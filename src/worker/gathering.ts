/**
 * What this isolate of the Worker has measured (M1): it rests in memory and is handed over at the first event 10 s or more after the last
 * report, or else when these are over, as nothing here costs anything that waits.
 */
import { log, thrown } from "../log.ts";
import type { CounterName } from "../measures/catalogue.ts";
import { Measured } from "../measures/measured.ts";
import { Tally } from "../measures/tally.ts";
import { type MonitorApi, NAMED_MAX, shardName } from "../protocol/monitor-api.ts";
import { versionOf } from "../settings/environment.ts";
import { inJurisdiction } from "../settings/jurisdiction.ts";
import { monitoringSettings } from "../settings/monitoring.ts";
import type { Bindings, Caller } from "./exchange.ts";

const REPORT_EVERY_MS = 10_000;

class Gathering {
  readonly #env: Bindings;
  readonly #isOn: boolean;
  readonly #shard: string;
  readonly #measured = new Measured();
  readonly #tally = new Tally();
  #failed = new Map<CounterName, Set<string>>();
  #reportedAt = 0;
  #isWaiting = false;

  constructor(env: Bindings) {
    this.#env = env;
    const { isOn, shards } = monitoringSettings(env).settings;
    this.#isOn = isOn;
    // Of isolates there are many: each has its one.
    this.#shard = shardName(Math.floor(Math.random() * shards));
  }

  note(what: (measured: Measured) => void, background: Caller["background"]): void {
    if (!this.#isOn) return;
    what(this.#measured);
    this.#tally.add(this.#measured.take());
    const leftMs = this.#reportedAt + REPORT_EVERY_MS - Date.now();
    // A clock that was set back must not silence it.
    if (leftMs <= 0 || leftMs > REPORT_EVERY_MS) background(this.#report());
    else if (!this.#isWaiting) {
      this.#isWaiting = true;
      background(new Promise((over) => setTimeout(over, leftMs)).then(() => this.#report()));
    }
  }

  name(what: CounterName, mailbox: string): void {
    const known = this.#failed.get(what) ?? new Set();
    if (known.size < NAMED_MAX) known.add(mailbox);
    this.#failed.set(what, known);
  }

  async #report(): Promise<void> {
    this.#isWaiting = false;
    if (this.#tally.size === 0) return;
    this.#reportedAt = Date.now();
    const failed = Object.fromEntries([...this.#failed].map(([what, names]) => [what, [...names]]));
    this.#failed = new Map();
    const report = { pairs: this.#tally.take(), version: versionOf(this.#env), failed };
    const monitor = inJurisdiction(this.#env, this.#env.MONITOR).getByName(this.#shard) as unknown as MonitorApi;
    try {
      await monitor.report(report);
    } catch (error) {
      // Whether it was counted is not known: it is not made again.
      log("warn", "report_failed", thrown(error));
    }
  }
}

/** An isolate's environment never changes. */
const gatherings = new WeakMap<Bindings, Gathering>();

type From = Pick<Caller, "env" | "background">;

/** Never throws, and waits for nothing. */
export const measure = ({ env, background }: From, what: (measured: Measured) => void): void => {
  gatheringOf(env).note(what, background);
};

/** One more of a failure, and whom it happened to. */
export const measureFailure = (from: From, what: CounterName, mailbox: string): void => {
  gatheringOf(from.env).name(what, mailbox);
  measure(from, (measured) => measured.count(what));
};

const gatheringOf = (env: Bindings): Gathering => {
  const gathering = gatherings.get(env) ?? new Gathering(env);
  gatherings.set(env, gathering);
  return gathering;
};
