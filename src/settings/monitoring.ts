/** Whether and where what was measured is gathered (M1). */
import { type Environment, type Read, readWholeNumbers, textOf } from "./environment.ts";

interface MonitoringSettings {
  /** Off: nothing is gathered; the start-up check runs all the same. */
  readonly isOn: boolean;
  /** How many Monitors share the reports. */
  readonly shards: number;
}

/** A Monitor takes some hundred reports a second: so many are enough for some ten thousand users who are busy at a time. */
const SHARDS = 8;
/** Whoever reads asks all of them. */
const SHARDS_MAX = 256;

export const monitoringSettings = (env: Environment): Read<MonitoringSettings> => {
  const monitoring = textOf(env, "MONITORING") ?? "on";
  const isKnown = monitoring === "on" || monitoring === "off";
  const { settings: shards, faults } = readWholeNumbers(env, (whole) => whole("MONITOR_SHARDS", SHARDS, 1, SHARDS_MAX));
  return {
    settings: { isOn: monitoring !== "off", shards },
    faults: [...faults, ...(isKnown ? [] : [`MONITORING is on or off; it is ${JSON.stringify(monitoring)}.`])],
  };
};
