/** The Monitor: a Durable Object that knows how the deployment as a whole is doing. So far: whether it is ready (M4). */
import { DurableObject } from "cloudflare:workers";
import { log } from "../log.ts";
import type { MonitorApi } from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import { versionOf } from "../settings/environment.ts";
import { startUpLimits } from "../settings/start-up.ts";
import type { Bindings } from "../worker/exchange.ts";
import { checkStartUp } from "./start-up-check.ts";

/** Where the last outcome is kept: one row, however many checks there were. */
const LAST_KEY = "start_up_check";

export class Monitor extends DurableObject<Bindings> implements MonitorApi {
  #running: Promise<Readiness> | undefined;

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
