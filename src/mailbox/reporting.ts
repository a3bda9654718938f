/** Hands what was measured over to the Monitor that has this Mailbox's share (M1). */
import { log, thrown } from "../log.ts";
import type { CounterName } from "../measures/catalogue.ts";
import { type Pairs, Tally } from "../measures/tally.ts";
import { type MonitorApi, type Named, shardOf } from "../protocol/monitor-api.ts";
import { type Environment, versionOf } from "../settings/environment.ts";
import { inJurisdiction } from "../settings/jurisdiction.ts";
import { monitoringSettings } from "../settings/monitoring.ts";
import { Gathering, type OpenSockets } from "./gathering.ts";

/** What an operator wants to know of whom it happened to. */
const NAMED: readonly CounterName[] = ["failed_expired", "failed_rejected", "failed_undeliverable"];

/** Undefined where nothing is gathered: it is switched off, or the Mailbox is the service's own (M4). */
export const gatheringOf = (
  env: Environment,
  ctx: DurableObjectState,
  mailbox: string,
  sockets: OpenSockets,
): Gathering | undefined => {
  const { isOn, shards } = monitoringSettings(env).settings;
  const namespace = env.MONITOR as DurableObjectNamespace | undefined;
  if (!isOn || namespace === undefined || mailbox.startsWith("sys:")) return undefined;
  const version = versionOf(env);
  return new Gathering(sockets, (pairs) => {
    const monitor = inJurisdiction(env, namespace).getByName(shardOf(mailbox, shards)) as unknown as MonitorApi;
    const failed = failedFor(mailbox, pairs);
    const reporting = monitor.report({ pairs, version, ...(failed === undefined ? {} : { failed }) });
    // A call that nobody awaits never leaves here. Whether one that failed was counted is not known: it is not made again.
    ctx.waitUntil(reporting.catch((error) => log("warn", "report_failed", { mailbox, ...thrown(error) })));
  });
};

const failedFor = (mailbox: string, pairs: Pairs): Named | undefined => {
  const tally = new Tally(pairs);
  const failed = NAMED.filter((name) => tally.count(name) > 0);
  return failed.length === 0 ? undefined : Object.fromEntries(failed.map((name) => [name, [mailbox]]));
};
