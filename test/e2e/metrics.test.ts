/** `GET /metrics` as Prometheus takes it: the real one scrapes it, and its own tool finds nothing to complain of (M2). */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { promtool, startPrometheus } from "../support/prometheus.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { projectDir } from "../support/worker-config.ts";

const rules = join(projectDir, "src/monitor/alerts.rules.yml");

let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime({ vars: scopedVars, entry: join(projectDir, "test/proofs/watched-worker.mjs") });
});
afterAll(() => runtime.stop());

const metrics = async (accept?: string, key = API_KEY) => {
  const headers = { authorization: `Bearer ${key}`, ...(accept === undefined ? {} : { accept }) };
  const response = await fetch(`${runtime.url}/metrics`, { headers });
  return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
};

/** Some of everything: users who were away, one who is there, one who fails, one whom nobody lets in. */
const load = async (): Promise<void> => {
  const backend = new Backend(runtime.url);
  for (const user of ["ada", "grace", "alan"]) {
    await backend.send(user, { type: "hello" });
    const connection = await Connection.open(runtime.url, { token: await mintLocally(user) });
    await connection.receive(1);
    connection.ack();
    await connection.settle();
    expect((await backend.send(user, { type: "again" }, { wait: 0 })).status).toBe(202);
    await connection.receive(1);
    connection.ack();
    await connection.settle();
    await connection.close();
  }
  await backend.send("barbara", { type: "waits" });
  await fetch(`${runtime.url}/v1/socket`, { headers: { authorization: "Bearer none" } });
};

describe("[M2] GET /metrics", () => {
  test("[M2] passes promtool check metrics, before anything was measured and after", async () => {
    for (const before of [true, false]) {
      if (!before) await load();
      const { text } = await metrics();
      const checked = promtool(["check", "metrics"], text);
      expect(checked).toEqual({ code: 0, output: "" });
    }
  });

  test.each([
    [undefined, "text/plain; version=0.0.4; charset=utf-8"],
    ["*/*", "text/plain; version=0.0.4; charset=utf-8"],
    ["text/plain;version=0.0.4", "text/plain; version=0.0.4; charset=utf-8"],
    ["application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8"],
    [
      "text/plain;q=0.5, application/openmetrics-text;q=0.75",
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ],
    ["text/plain;q=0.9, application/openmetrics-text;q=0.1", "text/plain; version=0.0.4; charset=utf-8"],
    ["application/openmetrics-text;q=0", "text/plain; version=0.0.4; charset=utf-8"],
  ])("[M2] answers to Accept: %s in %s", async (accept, type) => {
    const answer = await metrics(accept);
    expect(answer.type).toBe(type);
    expect(answer.text.endsWith("# EOF\n")).toBe(type.startsWith("application/openmetrics"));
  });

  test("[M2, A1] needs a key with the scope monitor, and says nothing to another", async () => {
    for (const key of [KEYS.send, KEYS.manage, "none"]) {
      const { status, text } = await metrics(undefined, key);
      expect([401, 403]).toContain(status);
      expect(text).not.toContain("restante_messages");
    }
    expect((await metrics(undefined, KEYS.monitor)).status).toBe(200);
  });

  test("[M2, N4] tells all other numbers where a part of the index of who needs a person cannot be reached", async () => {
    const plant = (fault: string) => fetch(`${runtime.url}/test/fault/${fault}`, { method: "POST" });
    const samples = (text: string) => text.split("\n").filter((line) => /^restante_/.test(line));
    const before = samples((await metrics()).text);
    await plant("index");
    const broken = await metrics();
    const list = await new Backend(runtime.url).call("GET", "/v1/attention");
    await plant("none");
    expect([broken.status, list.status, list.body.code]).toEqual([200, 503, "unavailable"]);
    const isOfIndex = (line: string) => line.startsWith("restante_attention_");
    const names = (lines: readonly string[]) => lines.map((line) => line.split(" ")[0]);
    expect(before.some(isOfIndex)).toBe(true);
    expect(names(samples(broken.text))).toEqual(names(before.filter((line) => !isOfIndex(line))));
  });

  test("[M2, A6] has a HELP for each family, its unit among the words, no user's name, and as many series as on the first day", async () => {
    const { text } = await metrics();
    const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    for (const family of families) {
      expect(text).toMatch(new RegExp(`^# HELP ${family} [A-Z].+\\.$`, "m"));
      if (family?.endsWith("_seconds")) expect(text).toMatch(new RegExp(`^# HELP ${family} .*[Ss]econds`, "m"));
    }
    const seriesOf = (text: string) =>
      text
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => line.split(" ")[0]);
    const before = seriesOf(text);
    await load();
    const after = await metrics();
    expect(seriesOf(after.text)).toEqual(before);
    expect(before.length).toBeLessThan(1_000);
    expect(after.text).not.toMatch(/ada|grace|alan|barbara|[0-9a-f]{32}/);
  });
});

test("[M2] a real Prometheus scrapes it, finds the numbers, and takes the alert rules", {
  timeout: 60_000,
}, async () => {
  const prometheus = await startPrometheus(runtime.url, rules);
  try {
    await eventually(
      "a scrape",
      async () => (await prometheus.health().catch(() => undefined))?.health === "up",
      20_000,
    );
    const value = async (query: string) => [...(await prometheus.query(query)).values()][0];
    const before = (await value("restante_messages_ended_total{outcome='delivered'}")) ?? Number.NaN;
    await load();
    await eventually(
      "what was delivered",
      async () => (await value("restante_messages_ended_total{outcome='delivered'}")) === before + 6,
      20_000,
    );
    expect(await value("restante_messages_rescued_total")).toBe(await value("restante_delivery_seconds_count / 2"));
    expect(await value("restante_held_messages")).toBeGreaterThanOrEqual(1);
    // It prefers OpenMetrics, and reads it whole.
    expect((await prometheus.health()).lastError).toBe("");
    expect(await value("histogram_quantile(0.95, restante_delivery_seconds_bucket)")).toBeGreaterThan(0);
    expect(await value("restante_start_up_check_passed")).toBe(1);
    const shown = await prometheus.query("restante_alert_firing");
    expect([...shown.values()]).toEqual([0, 0, 0, 0, 0]);
  } finally {
    await prometheus.stop();
  }
});

test("[M3] the rules for Prometheus are well formed, and fire and stay silent where they should", () => {
  expect(promtool(["check", "rules", rules])).toMatchObject({ code: 0 });
  const tested = promtool(["test", "rules", rules.replace(".rules.yml", ".rules.test.yml")]);
  expect(tested.output).toContain("SUCCESS");
  expect(tested.code).toBe(0);
});
