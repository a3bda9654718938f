/** The README's Python, run as it stands: its standard library alone, against the real runtime and a proxy that fails in front of it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { type Fault, type FlakyProxy, flakyProxy } from "../support/flaky-proxy.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { Shell } from "../support/shell.ts";
import { projectDir } from "../support/worker-config.ts";

const readme = readFileSync(join(projectDir, "README.md"), "utf8");
const block = /<!-- runs: python-sender -->\n```python\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
const deadlineMs = 25_000;

let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime();
});
afterAll(() => runtime?.stop());

const proxies: FlakyProxy[] = [];
afterEach(() => {
  for (const proxy of proxies.splice(0)) proxy.stop();
});

interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly proxy: FlakyProxy;
}

/** Only whose server it is, and whom it sends to, is put in another's place. */
const run = async (user: string, faults: readonly Fault[], key: string = API_KEY): Promise<Run> => {
  const proxy = await flakyProxy(runtime.port, (_, index) => faults[index] ?? "passes");
  proxies.push(proxy);
  const script = block
    .replace("http://localhost:8787", proxy.url)
    .replace('send("ada"', `send(${JSON.stringify(user)}`);
  const env = { RESTANTE_API_KEY: key, SCRIPT: script };
  const shell = new Shell('exec /usr/bin/python3 -c "$SCRIPT"', { cwd: projectDir, env });
  const over = setTimeout(() => shell.kill("SIGKILL"), deadlineMs);
  const code = await shell.exited;
  clearTimeout(over);
  return { code, output: shell.output, proxy };
};
const reader = async (user: string): Promise<Connection> =>
  Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });

test("the README has at most 30 lines of Python that send", () => {
  expect(block).toContain("def send(");
  expect(block.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
});

test("[S3, S4] Python sends, and hears of the ack", async () => {
  const user = "python-ü/?";
  const device = await reader(user);
  const { code, output, proxy } = await run(user, []);
  expect([code, output]).toEqual([0, "delivered\n"]);
  expect(proxy.requests.map(({ headers }) => [headers.prefer, headers["content-type"]])).toEqual([
    ["wait=10", "application/json"],
  ]);
  expect(await device.receive(1)).toMatchObject([{ type: "agent_started", data: { run: 7 } }]);
  await device.close();
});

const problem = (code: string, retry: string): Fault => ({
  status: 503,
  headers: { "retry-after": "1" },
  body: { status: 503, code, detail: "Said by the proxy.", retry },
});

test.each<readonly [string, readonly Fault[], number]>([
  [
    "a 503 with Retry-After, and then a reply that is cut",
    [{ status: 503, headers: { "retry-after": "1" } }, "cuts_reply"],
    1_000,
  ],
  ["replies that are lost", ["loses_reply", "refuses", "loses_reply"], 0],
  ["a proxy's 502", [{ status: 502 }, "cuts_reply"], 0],
  [
    "problems that say later, and same_id",
    [problem("overloaded", "later"), problem("outcome_unknown", "same_id")],
    2_000,
  ],
])("[S4, S8] of Python's attempts over %s exactly one message results", async (how, faults, leastMs) => {
  const user = `python ${how}`;
  const device = await reader(user);
  const startedAt = performance.now();
  const { code, output, proxy } = await run(user, faults);
  expect([code, output]).toEqual([0, "delivered\n"]);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(leastMs);
  expect(proxy.requests).toHaveLength(faults.length + 1);
  const ids = proxy.requests.map(({ body }) => JSON.parse(body).id);
  expect(new Set(ids).size).toBe(1);
  await device.settle();
  expect(device.messages.map(({ id }) => id)).toEqual([ids[0]]);
  await device.close();
});

test.each<readonly [string, readonly Fault[], string, RegExp]>([
  ["an unknown key", [], "rk_unknown", /RuntimeError: invalid_key: No API key of this deployment/],
  ["a proxy's 403", [{ status: 403 }], API_KEY, /RuntimeError: 403: /],
])("[E1] after %s Python says why, and does not try again", async (_, faults, key, expected) => {
  const { code, output, proxy } = await run("python-refused", faults, key);
  expect(code).not.toBe(0);
  expect(output).toMatch(expected);
  expect(proxy.requests).toHaveLength(1);
});
