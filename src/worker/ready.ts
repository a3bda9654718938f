/** `GET /ready`, and the schedule: whether a first message reaches who connects after it (M4). */
import { log, thrown } from "../log.ts";
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { noQuery } from "../protocol/http.ts";
import { type MonitorApi, START_UP_MONITOR } from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import { inJurisdiction } from "../settings/jurisdiction.ts";
import { checkQuery } from "./checked-input.ts";
import type { Bindings, Caller } from "./exchange.ts";
import type { OpenHandler } from "./open-plane.ts";
import { json } from "./problem.ts";

/** For so long an isolate repeats what it was told: strangers who ask in a loop do not reach the one Monitor. */
const REPEATED_MS = 5_000;

/** What an isolate was told last, by its environment, which never changes. */
const told = new WeakMap<Bindings, { readonly outcome: Readiness; readonly at: number }>();

export const getReady: OpenHandler = async (call) => {
  const none = checkQuery(noQuery, call.query);
  if (!none.ok) return none;
  const outcome = await readiness(call, call.isKeyed ? "fresh" : "last");
  return outcome.ok ? json(outcome.value, outcome.value.status === "ready" ? 200 : 503) : outcome;
};

/** `fresh`: a check is run, or the one that runs is shared. `last`: what the last one has found. */
export const readiness = async ({ env, background }: Caller, which: "fresh" | "last"): Promise<Checked<Readiness>> => {
  const known = told.get(env);
  if (which === "last" && known !== undefined && Date.now() < known.at + REPEATED_MS) return granted(known.outcome);
  const asking = ask(env, (monitor) => (which === "fresh" ? monitor.checkStartUp() : monitor.lastStartUp()));
  // Others share the check: it goes on where this caller hangs up.
  background(asking);
  return asking;
};

/** What the last check has found. */
export const lastReadiness = (caller: Caller): Promise<Checked<Readiness>> => readiness(caller, "last");

/** The Monitor logs what comes of it, or this one that it could not be asked. */
export const checkOnSchedule = async (env: Bindings): Promise<void> => {
  await ask(env, (monitor) => monitor.checkStartUp());
  const stub = inJurisdiction(env, env.MONITOR).getByName(START_UP_MONITOR) as unknown as MonitorApi;
  // What is measured is looked at once the check has its outcome: it is looked at, too.
  await stub.watch().catch((error) => log("error", "monitor_call_failed", thrown(error)));
};

const ask = async (env: Bindings, run: (monitor: MonitorApi) => Promise<Readiness>): Promise<Checked<Readiness>> => {
  const stub = inJurisdiction(env, env.MONITOR).getByName(START_UP_MONITOR);
  try {
    const outcome = await run(stub as unknown as MonitorApi);
    told.set(env, { outcome, at: Date.now() });
    return granted(outcome);
  } catch (error) {
    log("error", "monitor_call_failed", thrown(error));
    return refuse("unavailable", "The Monitor, which checks whether messages arrive, cannot be reached: try again.");
  }
};
