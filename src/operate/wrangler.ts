import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const projectDir = fileURLToPath(new URL("../../", import.meta.url));

const require = createRequire(import.meta.url);
const binary = join(dirname(require.resolve("wrangler/package.json")), "bin/wrangler.js");

/** Wrangler asks, counts and phones home unless told not to; the terminal is for what the reader came for. */
const quiet = {
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_NO_SKILLS_UPDATE_PROMPTS: "true",
};

const environment = { ...process.env, ...quiet };

/** Starts the project's own wrangler, with this Node. */
export const startWrangler = (args: readonly string[], options: SpawnOptions): ChildProcess =>
  spawn(process.execPath, [binary, ...args], { cwd: projectDir, ...options, env: environment });

/** Runs it to its end in this terminal; the result is its exit code. */
export const runWrangler = (args: readonly string[], vars: Readonly<Record<string, string>> = {}): number => {
  const env = { ...environment, ...vars };
  return spawnSync(process.execPath, [binary, ...args], { cwd: projectDir, stdio: "inherit", env }).status ?? 1;
};

/** Runs it to its end and keeps what it says. */
export const runQuietly = async (
  args: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> => {
  const run = startWrangler(args, { stdio: "pipe" });
  let output = "";
  for (const stream of [run.stdout, run.stderr]) stream?.on("data", (chunk: Buffer) => (output += chunk));
  const [code] = await once(run, "close");
  return { code: code ?? 1, output };
};
