/** How the deployment is: `ready`, `alerts`, `monitor`. */
import { RANGES, type Range } from "../protocol/monitor-api.ts";
import type { Measured } from "../sender/sender.ts";
import type { Command } from "./command.ts";
import { oneOf } from "./options.ts";
import { bad, count, counted, dim, good, type Part, type Screen } from "./screen.ts";
import { age } from "./times.ts";

export const ready: Command = {
  name: "ready",
  takes: "",
  summary: "whether a message sent now arrives: the start-up check, step by step",
  about: "A key with the scope monitor has it run anew. 0 where all steps are good, else 1.",
  options: [],
  run: async ({ operator, screen }) => {
    const check = await operator.startUpCheck();
    if (screen.isJson) screen.json(check);
    else {
      const isReady = check.status === "ready";
      const aside = dim(`  version ${check.version}, ${Math.round(check.durationMs)} ms, ${age(check.checkedAt)}`);
      screen.line(isReady ? good("ready") : bad("not ready"), aside);
      await screen.list(check.steps, {
        none: "",
        columns: [
          { title: "STEP", of: ({ name }) => name },
          { title: "", of: ({ ok }) => (ok ? good("ok") : bad("failed")) },
          { title: "MS", of: ({ durationMs }) => Math.round(durationMs) },
          { title: "WHY", of: ({ code, detail }) => (code === undefined ? "" : `${code}: ${detail ?? ""}`) },
        ],
      });
    }
    return check.status === "ready" ? 0 : 1;
  },
};

export const alerts: Command = {
  name: "alerts",
  takes: "",
  summary: "what is wrong, and what was",
  options: [],
  run: async ({ operator, screen }) => {
    await screen.list(await operator.alerts(), {
      none: "No alert has fired.",
      columns: [
        { title: "RULE", of: ({ rule }) => rule },
        { title: "STATUS", of: ({ status }) => (status === "firing" ? bad(status) : good(status)) },
        { title: "SINCE", of: ({ since }) => age(since) },
        { title: "RESOLVED", of: ({ resolvedAt }) => age(resolvedAt) },
        { title: "SUMMARY", of: ({ summary }) => summary },
      ],
      below: ({ status, runbook }) => (status === "firing" ? [dim(runbook)] : []),
    });
    return 0;
  },
};

export const monitor: Command = {
  name: "monitor",
  takes: "",
  summary: "what was measured: connections, deliveries, times",
  options: ["range"],
  run: async ({ options, operator, screen }) => {
    const range = oneOf("range", options.range, Object.keys(RANGES) as Range[]);
    screen.show(await operator.measured(range), (it) => tell(screen, it));
    return 0;
  },
};

const share = (rate: number | null): string => (rate === null ? "none" : `${(rate * 100).toFixed(2)} %`);
const times = (it: Measured["total"]["messages"]["time"]): string =>
  it === null ? "none" : `p50 ${it.p50Ms} ms, p95 ${it.p95Ms} ms, p99 ${it.p99Ms} ms, of ${count(it.count)}`;

/** What of the numbers one wants to see first; the rest is in the JSON. */
const tell = (screen: Screen, { range, now, total, alerts, startUpCheck }: Measured): void => {
  const { connections: c, messages: m } = total;
  const firing = alerts.filter(({ status }) => status === "firing").map(({ rule }) => rule);
  const check: Part = startUpCheck?.status === "not_ready" ? bad("not ready") : (startUpCheck?.status ?? "not known");
  screen.pairs([
    ["now", `${counted(now.openConnections, "connection")} open, ${counted(now.held.count, "message")} held`],
    ["oldest held", age(now.held.oldestAt)],
    ["start-up check", check],
    ["alerts", firing.length === 0 ? good("none") : bad(firing.join(", "))],
    [`last ${range}`, dim("")],
    ["accepted", `${counted(m.accepted, "message")}, ${count(m.acceptedAway)} of them with nobody there`],
    ["delivered", `${count(m.delivered)}, ${count(m.rescued)} of them to who came later`],
    ["failed", `${count(m.expired)} expired, ${count(m.rejected)} rejected, ${count(m.undeliverable)} undeliverable`],
    ["success", share(m.successRate)],
    ["accepted to acked", times(m.time)],
    [
      "connected",
      `${count(c.established)} of ${count(c.attempts)} attempts, ${count(c.failures)} failed (${share(c.failureRate)})`,
    ],
    ["connecting took", times(c.time)],
  ]);
};
