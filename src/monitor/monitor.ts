/**
 * The Monitor: Durable Objects that know how the deployment as a whole is doing. One runs the start-up check (M4) and keeps the
 * alerts (M3); others each take the reports of their share of Mailboxes (M1), or know who needs a person (N4, N5).
 */
import { DurableObject } from "cloudflare:workers";
import { DurableSql } from "../durable-sql.ts";
import { log, thrown } from "../log.ts";
import type { Alert } from "../protocol/alert.ts";
import type { AttentionReport } from "../protocol/attention.ts";
import {
  type AttentionQuery,
  type Job,
  type JobOrder,
  type MonitorApi,
  RANGES,
  type Range,
  type Reading,
  type Report,
} from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import { alertTelling } from "../settings/alerts.ts";
import { versionOf } from "../settings/environment.ts";
import { startUpLimits } from "../settings/start-up.ts";
import type { Bindings } from "../worker/exchange.ts";
import { readDeployment } from "../worker/monitoring.ts";
import { Alerts } from "./alerts.ts";
import { Analytics, datasetOf } from "./analytics.ts";
import { AttentionIndex } from "./attention-index.ts";
import { BulkJobs } from "./bulk-jobs.ts";
import { beat } from "./heartbeat.ts";
import { Shard } from "./shard.ts";
import { checkStartUp } from "./start-up-check.ts";

/** Reports that come within this are written together: rows are what is paid for. */
const WRITE_AFTER_MS = 5_000;

/** Where the last outcome is kept: one row, however many checks there were. */
const LAST_KEY = "start_up_check";

export class Monitor extends DurableObject<Bindings> implements MonitorApi {
  // Of each Monitor's name one thing is asked, and only then has it a table for it.
  #index: AttentionIndex | undefined;
  #jobs: BulkJobs | undefined;
  #alerts: Alerts | undefined;
  #shard: Shard | undefined;
  readonly #analytics = analyticsOf(this.env, this.ctx.id.name);
  #isWriting = false;
  #running: Promise<Readiness> | undefined;

  /** For alerts that are to be told again (`alerts.ts`), and for a job's next step (`bulk-jobs.ts`): each only where there is its table. */
  override async alarm(): Promise<void> {
    if (this.#has("webhooks")) this.#book.tell();
    if (this.#has("jobs")) await this.#bulk.step();
  }

  #has(table: string): boolean {
    return this.ctx.storage.sql.exec(`SELECT 1 FROM sqlite_master WHERE name = ?`, table).toArray().length > 0;
  }

  // ── Who needs a person (N4, N5) ──

  get #attention(): AttentionIndex {
    this.#index ??= new AttentionIndex(new DurableSql(this.ctx.storage));
    return this.#index;
  }

  get #bulk(): BulkJobs {
    this.#jobs ??= new BulkJobs(new DurableSql(this.ctx.storage), this.ctx.storage, this.env);
    return this.#jobs;
  }

  async attend(report: AttentionReport): Promise<void> {
    this.#attention.attend(report);
  }

  async attention(query: AttentionQuery) {
    return this.#attention.list(query);
  }

  async attentionNames(query: { readonly reasons: number; readonly after: string; readonly limit: number }) {
    return this.#attention.names(query.reasons, query.after, query.limit);
  }

  beginJob(order: JobOrder): Promise<Job> {
    return this.#bulk.begin(order);
  }

  async jobs(): Promise<readonly Job[]> {
    return this.#bulk.list();
  }

  async job(id: string): Promise<Job | null> {
    return this.#bulk.find(id);
  }

  async stopJob(id: string): Promise<Job | null> {
    return this.#bulk.stop(id);
  }

  // ── What is wrong (M3) ──

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

  // ── What is measured (M1) ──

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

  // ── Whether the deployment is ready (M4) ──

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
