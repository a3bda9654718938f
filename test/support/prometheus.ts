/** A real Prometheus, as Debian ships it, that scrapes this machine; and `promtool`, which checks what it would be given. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { API_KEY } from "./credentials.ts";
import { freePort } from "./free-port.ts";

/** Its exit code and what it said; `input` is what it reads. */
export const promtool = (args: readonly string[], input = ""): { readonly code: number; readonly output: string } => {
  const run = spawnSync("promtool", args, { input, encoding: "utf8" });
  return { code: run.status ?? -1, output: `${run.error ?? ""}${run.stdout}${run.stderr}` };
};

export interface Prometheus {
  /** The value of each series that a query finds, by its labels but for the scrape's own. */
  query(query: string): Promise<ReadonlyMap<string, number>>;
  /** Its targets: whether the last scrape was good, and how it went wrong. */
  health(): Promise<{ readonly health: string; readonly lastError: string }>;
  stop(): Promise<void>;
}

/** Scrapes `url`'s `/metrics` each second, and has read the alert rules at `rules`. */
export const startPrometheus = async (url: string, rules: string): Promise<Prometheus> => {
  const dir = mkdtempSync(join(tmpdir(), "restante-prometheus-"));
  const port = await freePort();
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [rules],
    scrape_configs: [
      {
        job_name: "restante",
        authorization: { credentials: API_KEY },
        static_configs: [{ targets: [new URL(url).host] }],
      },
    ],
  };
  writeFileSync(join(dir, "prometheus.yml"), JSON.stringify(config));
  const args = [
    `--config.file=${join(dir, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(dir, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn("prometheus", args, { stdio: "ignore" });
  running.add(child);
  const api = async (path: string) => (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()).data;
  return {
    query: async (query) => {
      const { result } = await api(`query?query=${encodeURIComponent(query)}`);
      return new Map(
        result.map(({ metric, value }: { metric: Record<string, string>; value: [number, string] }) => {
          const { __name__, instance, job, ...labels } = metric;
          return [Object.values(labels).join(","), Number(value[1])];
        }),
      );
    },
    health: async () => (await api("targets")).activeTargets[0],
    stop: async () => {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      await ended;
      running.delete(child);
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
