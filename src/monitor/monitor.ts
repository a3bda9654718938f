/** The Monitor: a Durable Object that knows how the deployment as a whole is doing. Whether it is ready (M4), and who needs a person (N4, N5). */
import { DurableObject } from "cloudflare:workers";
import { DurableSql } from "../durable-sql.ts";
import { log } from "../log.ts";
import type { AttentionReport } from "../protocol/attention.ts";
import type { AttentionQuery, Job, JobOrder, MonitorApi } from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import { versionOf } from "../settings/environment.ts";
import { startUpLimits } from "../settings/start-up.ts";
import type { Bindings } from "../worker/exchange.ts";
import { AttentionIndex } from "./attention-index.ts";
import { BulkJobs } from "./bulk-jobs.ts";
import { checkStartUp } from "./start-up-check.ts";

/** Where the last outcome is kept: one row, however many checks there were. */
const LAST_KEY = "start_up_check";

export class Monitor extends DurableObject<Bindings> implements MonitorApi {
  #running: Promise<Readiness> | undefined;
  #index: AttentionIndex | undefined;
  #jobs: BulkJobs | undefined;

  // ── Who needs a person (N4, N5): of each Monitor's name one thing is asked, and only then has it a table for it ──

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

  override async alarm(): Promise<void> {
    await this.#bulk.step();
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
    if (failed === undefined) log("info", "start_up_check", { version, duration_ms });
    else {
      const code = failed.code === undefined ? {} : { code: failed.code };
      log("error", "start_up_check", { version, duration_ms, reason: failed.name, ...code });
    }
    return outcome;
  }
}
