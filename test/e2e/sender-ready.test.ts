/** `sender.ready()`: a backend that starts learns whether it can send, and if not, which step failed and what to mend. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { createSender, type Fetch, type ReadyOptions, SendError } from "../../src/sender/sender.ts";
import { API_KEY } from "../support/credentials.ts";
import { freePort } from "../support/free-port.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { type Runtime, type RuntimeOptions, startRuntime } from "../support/runtime.ts";

const faulty = fileURLToPath(new URL("../proofs/faulty-mailbox-worker.mjs", import.meta.url));

const running: Runtime[] = [];
const start = async (options: RuntimeOptions = {}): Promise<Runtime> => {
  const runtime = await startRuntime({ ...options, vars: { ...scopedVars, ...options.vars } });
  running.push(runtime);
  return runtime;
};
afterAll(() => Promise.all(running.map((runtime) => runtime.stop())));

const ready = (url: string, key: string = API_KEY, options: ReadyOptions = {}) =>
  createSender({ url, key }).ready(options);
const failure = async (...asked: Parameters<typeof ready>): Promise<SendError> => {
  const error = await ready(...asked).catch((error: unknown) => error);
  if (error instanceof SendError) return error;
  throw new Error(`It did not fail: ${JSON.stringify(error)}`);
};
const checks = (runtime: Runtime): number => runtime.logs.split('"event":"start_up_check"').length - 1;

test("[M4] where all is well it resolves with what the check found, and leaves nothing behind", async () => {
  const runtime = await start({ vars: { VERSION: "v1" } });
  const found = await ready(runtime.url);
  expect(found).toMatchObject({ version: "v1", checkedAt: expect.any(String), durationMs: expect.any(Number) });
  expect(found.steps.map(({ name, ok }) => [name, ok])).toEqual(
    ["configuration", "send", "connect", "receive", "ack", "clear"].map((name) => [name, true]),
  );
  // The key was tried on a user's routes, and no Mailbox heard of it: a first message would be logged.
  await ready(runtime.url, API_KEY, { scopes: ["send", "manage"] });
  expect(checks(runtime)).toBe(2);
  const queued = () => runtime.logs.match(/"event":"queued".*"mailbox":"[^"]+"/g) ?? [];
  expect(queued()).toEqual([]);
  // Such a line there would be: a user's first message makes one.
  await createSender({ url: runtime.url, key: API_KEY }).send("ada", { type: "first" });
  await expect.poll(queued).toHaveLength(1);
});

test("[M4, A1] a key without monitor hears of the last check; one with monitor has it run", async () => {
  const runtime = await start();
  const first = await ready(runtime.url, KEYS.send);
  expect(await ready(runtime.url, KEYS.send)).toEqual(first);
  expect(checks(runtime)).toBe(1);
  await ready(runtime.url, API_KEY);
  expect(checks(runtime)).toBe(2);
});

test("[M4] it waits for a deployment that is not up yet", async () => {
  const port = await freePort();
  let hasFailed = (): void => {};
  const failed = new Promise<void>((done) => {
    hasFailed = done;
  });
  const watched: Fetch = async (url, init) => {
    try {
      return await fetch(url, init);
    } catch (error) {
      hasFailed();
      throw error;
    }
  };
  const starting = createSender({ url: `http://127.0.0.1:${port}`, key: API_KEY, fetch: watched }).ready();
  await failed;
  await start({ port });
  expect((await starting).steps).toHaveLength(6);
});

test("[M4] where nothing answers in time, the step is health", async () => {
  const error = await failure(`http://127.0.0.1:${await freePort()}`, API_KEY, { timeoutMs: 600 });
  expect(error).toMatchObject({ step: "health", code: "network" });
  expect(error.attempts).toBeGreaterThan(1);
  expect(error.message).toMatch(/^health: network: /);
});

test("[M4] where something else answers, the step is health, and the error says so", async () => {
  const other = createServer((_, response) => response.writeHead(404).end("There is nothing here yet"));
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
  try {
    const { port } = other.address() as AddressInfo;
    const error = await failure(`http://127.0.0.1:${port}`, API_KEY, { timeoutMs: 600 });
    expect(error).toMatchObject({ step: "health", code: "foreign_reply", status: 404 });
  } finally {
    other.close();
  }
});

test.each([
  ["an unknown key", "rk_unknown", ["send"], "invalid_key", /No API key of this deployment/],
  ["a key without send", KEYS.manage, ["send"], "missing_scope", /this needs send/],
  ["a key without manage", KEYS.send, ["send", "manage"], "missing_scope", /this needs manage/],
] as const)("[M4, A1] %s fails at once, at the step key", async (_, key, scopes, code, detail) => {
  const runtime = running[0] ?? (await start());
  const error = await failure(runtime.url, key, { scopes });
  expect(error).toMatchObject({ step: "key", code, retry: "no" });
  expect(error.detail).toMatch(detail);
});

test("[M4, A5] a deployment with a malformed setting is named as it names it", async () => {
  const runtime = await start({ vars: { ACK_TIMEOUT_MS: "soon" } });
  const error = await failure(runtime.url, API_KEY, { timeoutMs: 1_000 });
  expect(error).toMatchObject({ step: "key", code: "not_configured", status: 503 });
  expect(error.detail).toContain("ACK_TIMEOUT_MS");
});

test("[M4] where no message arrives, the step is start_up_check, and the error says where it ended", async () => {
  const runtime = await start({ entry: faulty, vars: { FAULT: "connect", READY_STEP_MS: "300" } });
  const error = await failure(runtime.url, API_KEY, { timeoutMs: 2_000 });
  expect(error).toMatchObject({ step: "start_up_check", code: "not_ready", status: 503 });
  expect(error.detail).toMatch(/at its step connect: .*GET \/ready/);
});
