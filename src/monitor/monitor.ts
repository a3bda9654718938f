/**
 * The Monitor: Durable Objects that know how the deployment as a whole is doing. One runs the start-up check (M4); the others each
 * take the reports of their share of Mailboxes (M1).
 */
import { DurableObject } from "cloudflare:workers";
import { DurableSql } from "../durable-sql.ts";
import { log, thrown } from "../log.ts";
import type { Alert } from "../protocol/alert.ts";
import { type MonitorApi, RANGES, type Range, type Reading, type Report } from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import { alertTelling } from "../settings/alerts.ts";
import { versionOf } from "../settings/environment.ts";
import { startUpLimits } from "../settings/start-up.ts";
import type { Bindings } from "../worker/exchange.ts";
import { readDeployment } from "../worker/monitoring.ts";
import { Alerts } from "./alerts.ts";
import { Analytics, datasetOf } from "./analytics.ts";
import { beat } from "./heartbeat.ts";
import { Shard } from "./shard.ts";
import { checkStartUp } from "./start-up-check.ts";

/** Reports that come within this are written together: rows are what is paid for. */
const WRITE_AFTER_MS = 5_000;

/** Where the last outcome is kept: one row, however many checks there were. */
const LAST_KEY = "start_up_check";

export class Monitor extends DurableObject<Bindings> implements MonitorApi {
  #running: Promise<Readiness> | undefined;

  #alerts: Alerts | undefined;

  get #book(): Alerts {
    this.#alerts ??= new Alerts(this.ctx.storage, this.env);
    return this.#alerts;
  }

  async alerts(): Promise<readonly Alert[]> {
    return this.#book.list();
  }

  async watch(): Promise<void> {
    const deployment = await readDeployment(this.env, "15m");
    this.#book.watch(deployment, this.ctx.storage.kv.get<Readiness>(LAST_KEY), Date.now());
  }

  /** For what is to be told again (`alerts.ts`). */
  override async alarm(): Promise<void> {
    this.#book.tell();
  }

  #shard: Shard | undefined;
  #isWriting = false;
  readonly #analytics = analyticsOf(this.env, this.ctx.id.name);

  /** Made when it is first asked for: the one that runs the start-up check has none. */
  get #share(): Shard {
    this.#shard ??= new Shard(new DurableSql(this.ctx.storage));
    return this.#shard;
  }

  async report(report: Report): Promise<void> {
    this.#share.take(report, Date.now());
    this.#analytics?.add(report.pairs);
    if (this.#isWriting) return;
    this.#isWriting = true;
    // A timer keeps it awake until all is written; an alarm would be a row more.
    setTimeout(() => this.#write(), WRITE_AFTER_MS);
  }

  #write(): void {
    this.#isWriting = false;
    const now = Date.now();
    try {
      this.ctx.storage.transactionSync(() => this.#share.write(now));
      this.#analytics?.write(this.#share.levels(), now);
    } catch (error) {
      log("error", "monitor_write_failed", thrown(error));
    }
  }

  async measured(range: Range): Promise<Reading> {
    return this.#share.read(Object.hasOwn(RANGES, range) ? range : "15m", Date.now());
  }

  checkStartUp(): Promise<Readiness> {
    this.#running ??= this.#check().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** What another version found says nothing of this one. So each version is checked once for whoever asks first, and no stranger can make more of it. */
  async lastStartUp(): Promise<Readiness> {
    const last = this.ctx.storage.kv.get<Readiness>(LAST_KEY);
    return last?.version === versionOf(this.env) ? last : this.checkStartUp();
  }

  async #check(): Promise<Readiness> {
    const outcome = await checkStartUp(this.env, startUpLimits(this.env).settings);
    this.ctx.storage.kv.put(LAST_KEY, outcome);
    const { version, duration_ms } = outcome;
    const failed = outcome.steps.find((step) => !step.ok);
    if (failed === undefined) {
      log("info", "start_up_check", { version, duration_ms });
      this.ctx.waitUntil(beat(alertTelling(this.env).settings.heartbeat));
    } else {
      const code = failed.code === undefined ? {} : { code: failed.code };
      log("error", "start_up_check", { version, duration_ms, reason: failed.name, ...code });
    }
    return outcome;
  }
}

const analyticsOf = (env: Bindings, monitor = ""): Analytics | undefined => {
  const dataset = datasetOf(env);
  return dataset === undefined ? undefined : new Analytics(dataset, monitor);
};
