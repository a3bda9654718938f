/** What `npm run deploy` waits for (O3), against local servers: the version before, the new one, and one that does not work. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { awaitReady } from "../../src/operate/await-ready.ts";
import { startCloudflareApi } from "../support/cloudflare-api.ts";
import { freePort } from "../support/free-port.ts";
import { type Runtime, type RuntimeOptions, startRuntime } from "../support/runtime.ts";
import { projectDir } from "../support/worker-config.ts";

const faulty = fileURLToPath(new URL("../proofs/faulty-mailbox-worker.mjs", import.meta.url));

const running: Runtime[] = [];
const start = async (options: RuntimeOptions): Promise<Runtime> => {
  const runtime = await startRuntime(options);
  running.push(runtime);
  return runtime;
};
afterEach(() => Promise.all(running.splice(0).map((runtime) => runtime.stop())));

const wait = (url: string, deadlineMs: number, said: string[] = [], whenSaid = () => {}) =>
  awaitReady({
    ...{ url: new URL(url), version: "v2", deadlineMs, everyMs: 50 },
    say: (line) => {
      said.push(line);
      whenSaid();
    },
  });

/** The deadline that the deploy itself is given, with time for one answer on a busy machine. */
const SLOW_START_MS = 3_000;

test("[O3] it waits while the version before answers, and is done when the new one does and is ready", async () => {
  const dir = mkdtempSync(join(tmpdir(), "restante-deploying-"));
  try {
    const before = await start({ dir, vars: { VERSION: "v1" } });
    const said: string[] = [];
    const { promise: isWaiting, resolve } = Promise.withResolvers<void>();
    const waiting = wait(before.url, 20_000, said, resolve);
    await isWaiting;
    expect(said).toEqual(["Version v1 still answers."]);
    await before.kill();
    await start({ dir, port: before.port, vars: { VERSION: "v2" } });
    expect(await waiting).toMatchObject({ ok: true, outcome: { status: "ready", version: "v2" } });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("[O3] it fails at its deadline where the version before still answers, and where nobody does", async () => {
  const { url } = await start({ vars: { VERSION: "v1" } });
  expect(await wait(url, SLOW_START_MS)).toEqual({
    ok: false,
    why: expect.stringMatching(/^Not within .* Version v1 still answers\.$/),
  });
  expect(await wait(`http://127.0.0.1:${await freePort()}`, 300)).toEqual({
    ok: false,
    why: expect.stringContaining("does not answer as it should"),
  });
});

test("[O3] it fails where the new version is not ready, and says at which step and why", async () => {
  const { url } = await start({ entry: faulty, vars: { VERSION: "v2", FAULT: "send" } });
  expect(await wait(url, SLOW_START_MS)).toEqual({
    ok: false,
    why: expect.stringMatching(/Version v2 answers, and is not ready at send: \S/),
  });
});

test("[O3, A5] where a secret is missing it fails at once, and says which", async () => {
  const { url } = await start({ vars: { VERSION: "v2", TOKEN_SECRET: undefined } });
  expect(await wait(url, 60_000)).toEqual({
    ok: false,
    why: expect.stringMatching(/^Version v2 answers, and is not ready at configuration: .*TOKEN_SECRET/),
  });
});

const VERSION = "11111111-2222-4333-8444-555555555555";

/** The command itself, with the real wrangler, which deploys to what it takes for Cloudflare. */
const deploy = async (url: string): Promise<{ readonly code: number | null; readonly output: string }> => {
  const api = await startCloudflareApi("restante-staging", VERSION);
  try {
    const args = ["src/operate/deploy.ts", "staging", "--ready-url", url, "--ready-seconds=1", "--message", "a test"];
    const child = spawn(process.execPath, args, { cwd: projectDir, env: { ...process.env, ...api.env } });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const code = await new Promise<number | null>((ended) => child.once("exit", ended));
    expect(api.calls).toContain("POST /scripts/restante-staging/versions");
    return { code, output };
  } finally {
    api.close();
  }
};

test("[O3] npm run deploy -- staging succeeds where the version that wrangler has deployed answers and is ready", {
  timeout: 60_000,
}, async () => {
  const { url } = await start({ vars: { VERSION } });
  const { code, output } = await deploy(url);
  expect(output).toContain(`Version ${VERSION} is deployed.`);
  expect(output).toMatch(/\nReady after a check of [0-9]+ ms\./);
  expect(code).toBe(0);
});

test("[O3] npm run deploy -- staging fails where another version still answers, and prints how to go back", {
  timeout: 60_000,
}, async () => {
  const { url } = await start({ vars: { VERSION: "v1" } });
  const { code, output } = await deploy(url);
  expect(code).toBe(1);
  expect(output).toContain("Version v1 still answers.");
  expect(output).toContain("To go back: npx wrangler rollback --env staging");
});
