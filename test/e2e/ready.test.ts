import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Readiness } from "../../src/protocol/readiness.ts";
import { API_KEY } from "../support/credentials.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { type Runtime, type RuntimeOptions, startRuntime } from "../support/runtime.ts";

const faulty = fileURLToPath(new URL("../proofs/faulty-mailbox-worker.mjs", import.meta.url));
const ALL_STEPS = ["configuration", "send", "connect", "receive", "ack", "clear"];

const running: Runtime[] = [];
const start = async (options: RuntimeOptions = {}): Promise<Runtime> => {
  const runtime = await startRuntime({ ...options, vars: { ...scopedVars, ...options.vars } });
  running.push(runtime);
  return runtime;
};
afterAll(() => Promise.all(running.map((runtime) => runtime.stop())));

interface Answer {
  readonly status: number;
  readonly type: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: an outcome, or a problem
  readonly body: any;
}

const ready = async ({ url }: Runtime, key?: string): Promise<Answer> => {
  const reply = await fetch(`${url}/ready`, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });
  return { status: reply.status, type: reply.headers.get("content-type"), body: await reply.json() };
};
const fresh = (runtime: Runtime): Promise<Answer> => ready(runtime, KEYS.monitor);

const stepNames = (outcome: Readiness) => outcome.steps.map(({ name }) => name);
const failed = (outcome: Readiness) => outcome.steps.filter((step) => !step.ok);
/** One line for each check that was run. */
const checks = (runtime: Runtime): readonly Record<string, unknown>[] =>
  runtime.logs
    .split("\n")
    .filter((line) => line.includes('"event":"start_up_check"'))
    .map((line) => JSON.parse(line));

describe("[M4] /ready where all is well", () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await start({ vars: { VERSION: "v1" } });
  });

  test("[M4] on a fresh runtime the first to ask, a stranger, is told that it is ready, with all steps and their times in order", async () => {
    const asked = Date.now();
    const { status, type, body } = await ready(runtime);
    expect([status, type]).toEqual([200, "application/json"]);
    expect(body).toMatchObject({ status: "ready", version: "v1" });
    expect(body.steps.map(({ name, ok }: Readiness["steps"][number]) => [name, ok])).toEqual(
      ALL_STEPS.map((name) => [name, true]),
    );
    expect(Object.keys(body)).toEqual(["status", "version", "checked_at", "duration_ms", "steps"]);
    expect(Date.parse(body.checked_at)).toBeGreaterThanOrEqual(asked);
    const steps: readonly { readonly duration_ms: number }[] = body.steps;
    expect(steps.reduce((sum, step) => sum + step.duration_ms, 0)).toBeLessThanOrEqual(
      body.duration_ms + ALL_STEPS.length,
    );
    expect(body.duration_ms).toBeLessThanOrEqual(Date.now() - asked);
  });

  test("[M4] strangers are told that outcome again, and run no check", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ready(runtime)));
    expect(new Set(answers.map(({ body }) => body.checked_at)).size).toBe(1);
    expect(checks(runtime)).toHaveLength(1);
  });

  test("[M4, A1] a key with monitor runs a fresh check, which strangers are told from then on; other keys run none", async () => {
    const before = (await ready(runtime)).body;
    const outcomes = [await fresh(runtime), await ready(runtime, API_KEY)].map(({ body }) => body);
    expect(outcomes.map(({ status }) => status)).toEqual(["ready", "ready"]);
    const times = [before, ...outcomes].map(({ checked_at }) => Date.parse(checked_at));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(times).size).toBe(3);
    expect((await ready(runtime)).body).toEqual(outcomes[1]);

    const refused = [
      await ready(runtime, KEYS.send),
      await ready(runtime, KEYS.manage),
      await ready(runtime, "rk_guess"),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual([
      [403, "missing_scope"],
      [403, "missing_scope"],
      [401, "invalid_key"],
    ]);
    expect(checks(runtime)).toHaveLength(3);
  });

  test("[M4] a hundred checks one after another all pass: none is hindered by what the one before has left", async () => {
    for (let n = 0; n < 100; n += 1) {
      const { status, body } = await fresh(runtime);
      expect([status, failed(body)]).toEqual([200, []]);
    }
  });

  test("[M4, M2] each check is one line in the log, with its outcome and nothing of a user", async () => {
    const before = checks(runtime).length;
    const { body } = await fresh(runtime);
    const lines = checks(runtime);
    expect(lines).toHaveLength(before + 1);
    expect(lines.at(-1)).toEqual({
      ...{ level: "info", event: "start_up_check", version: "v1", duration_ms: body.duration_ms },
    });
  });

  test("[M4] the last outcome outlives a crash", async () => {
    const { body } = await fresh(runtime);
    await runtime.kill();
    await runtime.restart();
    expect((await ready(runtime)).body).toEqual(body);
  });
});

test("[M4, O3] what another version found is no outcome: the first to ask a new one learns which version answers, checked", async () => {
  const dir = mkdtempSync(join(tmpdir(), "restante-ready-"));
  try {
    const old = await start({ dir, vars: { VERSION: "v1" } });
    expect((await ready(old)).body.version).toBe("v1");
    await old.kill();
    const deployed = await start({ dir, vars: { VERSION: "v2" } });
    expect((await ready(deployed)).body).toMatchObject({ status: "ready", version: "v2" });
    expect(checks(deployed)).toHaveLength(1);
    await deployed.kill();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("[M4] who asks while a check runs shares it", async () => {
  const runtime = await start({ entry: faulty, vars: { FAULT: "slow-connect", FAULT_MS: "1500" } });
  const answers = await Promise.all([
    ...Array.from({ length: 20 }, () => fresh(runtime)),
    ...Array.from({ length: 20 }, () => ready(runtime)),
  ]);
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(checks(runtime)).toHaveLength(1);
  // One that comes later is a check of its own.
  expect((await fresh(runtime)).body.checked_at).not.toBe(answers[0]?.body.checked_at);
  expect(checks(runtime)).toHaveLength(2);
});

describe("[M4] /ready where something is broken", () => {
  test.each([
    ["send", "send", "outcome_unknown"],
    ["connect", "connect", "internal"],
    ["silent", "connect", "unavailable"],
    ["only-confirms", "receive", "unavailable"],
    ["deaf", "ack", undefined],
    ["clear", "clear", "outcome_unknown"],
  ])(
    "[M4] a Mailbox that fails by '%s' is 503, and it says that the step '%s' failed and why",
    async (fault, step, code) => {
      const runtime = await start({ entry: faulty, vars: { FAULT: fault, READY_STEP_MS: "300" } });
      const { status, type, body } = await fresh(runtime);
      expect([status, type, body.status]).toEqual([503, "application/json", "not_ready"]);
      const [wrong, ...others] = failed(body);
      expect(others).toEqual([]);
      expect(wrong).toMatchObject({ name: step, ok: false, detail: expect.any(String) });
      if (code !== undefined) expect(wrong?.code).toBe(code);
      expect(JSON.stringify(body)).not.toMatch(/planted|\bat /);
      // It goes as far as that step, and clears away what it has left.
      const gone = ALL_STEPS.slice(0, ALL_STEPS.indexOf(step) + 1);
      expect(stepNames(body)).toEqual(step === "clear" ? gone : [...gone, "clear"]);
      expect(body.duration_ms).toBeLessThan(3_000);
      expect((await ready(runtime)).body).toEqual(body);
      expect(checks(runtime)).toEqual([
        {
          level: "error",
          event: "start_up_check",
          version: "unversioned",
          duration_ms: body.duration_ms,
          reason: step,
          code: wrong?.code,
        },
      ]);
      await runtime.stop();
    },
  );

  test("[M4, A5] a deployment without its secrets is not ready, touches no Mailbox, and says what is missing", async () => {
    for (const [missing, named] of [
      ["TOKEN_SECRET", "TOKEN_SECRET"],
      ["API_KEY_TEST", "npm run key"],
      ["READY_STEP_MS", "READY_STEP_MS is a whole number"],
    ] as const) {
      const none = { API_KEY_SEND: undefined, API_KEY_MANAGE: undefined, API_KEY_MONITOR: undefined };
      const vars = {
        ...(missing === "API_KEY_TEST" ? none : {}),
        [missing]: missing === "READY_STEP_MS" ? "soon" : undefined,
      };
      const runtime = await start({ vars });
      const { status, body } = await ready(runtime);
      expect([status, body.status]).toEqual([503, "not_ready"]);
      expect(body.steps).toEqual([
        {
          name: "configuration",
          ok: false,
          duration_ms: expect.any(Number),
          code: "not_configured",
          detail: expect.stringContaining(named),
        },
      ]);
      expect(runtime.logs).not.toContain('"mailbox"');
      await runtime.stop();
    }
  });
});

test("[M5] the limits differ by environment: a start that is slow for production is soon enough for staging", async () => {
  const slow = { FAULT: "slow-connect", FAULT_MS: "4000" };
  const [production, staging, chosen] = await Promise.all(
    [
      { ...slow, ENVIRONMENT: "production" },
      { ...slow, ENVIRONMENT: "staging" },
      { ...slow, ENVIRONMENT: "production", READY_STEP_MS: "6000" },
    ].map(async (vars) => (await fresh(await start({ entry: faulty, vars }))).body),
  );
  expect(failed(production)).toMatchObject([{ name: "connect", detail: "Not done within 3000 ms (READY_STEP_MS)." }]);
  expect([staging.status, chosen.status]).toEqual(["ready", "ready"]);
});

test("[M5] the whole check has a limit, too", async () => {
  const vars = { FAULT: "slow-connect", FAULT_MS: "2000", READY_CHECK_MS: "500" };
  const { status, body } = await fresh(await start({ entry: faulty, vars }));
  expect([status, failed(body)[0]?.name]).toEqual([503, "connect"]);
  expect(failed(body)[0]?.detail).toMatch(/^Not done within [0-9]+ ms \(READY_CHECK_MS\)\.$/);
});
