/** The way from the Worker to a Monitor, by its name. */
import { log, thrown } from "../log.ts";
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import type { MonitorApi } from "../protocol/monitor-api.ts";
import { inJurisdiction } from "../settings/jurisdiction.ts";
import type { Bindings } from "./exchange.ts";

/** What is asked must be repeatable: it is asked once more where the object was lost on the way, as by a deploy. */
export const askMonitor = async <T>(
  env: Bindings,
  name: string,
  run: (monitor: MonitorApi) => Promise<T>,
): Promise<Checked<T>> => {
  for (let attempt = 0; ; attempt += 1) {
    const stub = inJurisdiction(env, env.MONITOR).getByName(name);
    try {
      return granted(await run(stub as unknown as MonitorApi));
    } catch (error) {
      if (attempt === 0) continue;
      log("error", "monitor_call_failed", thrown(error));
      return refuse("unavailable", "The Monitor that this is asked of cannot be reached: try again.");
    }
  }
};
