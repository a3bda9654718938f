/**
 * The first requests after a deploy, to Mailboxes whose start takes just under and just over what each environment allows (M5): `/ready` says
 * which, and no message is lost either way.
 */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { START_UP_LIMITS } from "../../src/settings/start-up.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { startRuntime } from "../support/runtime.ts";

const entry = fileURLToPath(new URL("../proofs/faulty-mailbox-worker.mjs", import.meta.url));
/** To either side of a limit: what a busy machine may add must not cross it. */
const MARGIN_MS = 1_000;

const cases = Object.entries(START_UP_LIMITS).flatMap(([environment, { stepMs }]) => [
  { environment, stepMs, side: "under", startMs: stepMs - MARGIN_MS, status: 200 },
  { environment, stepMs, side: "over", startMs: stepMs + MARGIN_MS, status: 503 },
]);

test.concurrent.each(cases)(
  "[M4, M5, S3] $environment: a start just $side $stepMs ms is $status at /ready; the first message and one that its sender waits for arrive",
  { timeout: 60_000 },
  async ({ environment, stepMs, startMs, status }) => {
    const vars = { ...scopedVars, FAULT: "slow-start", FAULT_MS: String(startMs), ENVIRONMENT: environment };
    const runtime = await startRuntime({ entry, vars });
    try {
      const backend = new Backend(runtime.url);
      const ready = async (key?: string) => {
        const response = await fetch(`${runtime.url}/ready`, key === undefined ? {} : bearer(key));
        return { status: response.status, body: await response.json() };
      };
      const beganAt = performance.now();
      const token = await mintLocally("ada");
      const [first, sent, waited, phone] = await Promise.all([
        ready(),
        backend.send("ada", { type: "first", id: "1" }),
        backend.send("ada", { type: "waited", id: "2" }, { wait: 20 }),
        Connection.open(runtime.url, { token, ack: "each", deadlineMs: 30_000 }),
      ]);
      expect(performance.now() - beganAt).toBeGreaterThanOrEqual(startMs - 50);
      expect([first.status, sent.status, waited.status]).toEqual([status, 202, 200]);
      expect(waited.body).toMatchObject({ id: "2", status: "delivered" });
      if (status === 503) {
        const { steps } = first.body as { readonly steps: readonly { readonly ok: boolean }[] };
        expect(steps.filter(({ ok }) => !ok)).toMatchObject([
          { name: "send", code: "unavailable", detail: `Not done within ${stepMs} ms (READY_STEP_MS).` },
        ]);
      }
      const messages = await phone.receive(2);
      expect(messages.map(({ type }) => type).toSorted()).toEqual(["first", "waited"]);
      // Both, and each once; and what has started is ready.
      await phone.settle();
      expect(phone.messages).toHaveLength(2);
      expect((await backend.user("ada")).body.held.count).toBe(0);
      expect((await ready(KEYS.monitor)).status).toBe(200);
      await phone.close();
    } finally {
      await runtime.stop();
    }
  },
);

test("[M5] the limits of staging and of production differ: one and the same start is in time there and too late here", () => {
  const startOf = (environment: string, side: string) =>
    cases.find((one) => one.environment === environment && one.side === side)?.startMs;
  expect(startOf("staging", "under")).toBe(startOf("production", "over"));
});

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
