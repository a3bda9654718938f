/** Steps that are taken one after another, each with its name, its time and its limit. */
import { log, thrown } from "../log.ts";
import { type Checked, type Refusal, refuse } from "../protocol/errors.ts";
import type { ReadinessStep, ReadinessStepName } from "../protocol/readiness.ts";
import type { StartUpLimits } from "../settings/start-up.ts";

export class Steps {
  readonly taken: ReadinessStep[] = [];
  readonly #limits: StartUpLimits;
  readonly #endsAt: number;

  constructor(limits: StartUpLimits) {
    this.#limits = limits;
    this.#endsAt = Date.now() + limits.checkMs;
  }

  /** Never rejects: a step that throws has failed, and is logged. `work` is told how long it has. */
  take<T>(name: ReadinessStepName, work: (forMs: number) => Promise<Checked<T>>): Promise<Checked<T>> {
    const leftMs = Math.max(0, this.#endsAt - Date.now());
    const { stepMs } = this.#limits;
    return leftMs < stepMs
      ? this.#take(name, leftMs, "READY_CHECK_MS", work)
      : this.#take(name, stepMs, "READY_STEP_MS", work);
  }

  /** The last one, whose time is its own: clearing away must not fail because what went before was slow. */
  clear(work: () => Promise<Checked<unknown>>): Promise<Checked<unknown>> {
    return this.#take("clear", this.#limits.stepMs, "READY_STEP_MS", work);
  }

  async #take<T>(
    name: ReadinessStepName,
    forMs: number,
    setting: string,
    work: (forMs: number) => Promise<Checked<T>>,
  ): Promise<Checked<T>> {
    const startedAt = Date.now();
    const limit = limitOf(forMs, setting);
    let outcome: Checked<T>;
    try {
      outcome = await Promise.race([work(forMs), limit.over]);
    } catch (error) {
      log("error", "start_up_step_failed", { reason: name, ...thrown(error) });
      outcome = refuse("internal", "It failed, and was logged.");
    } finally {
      clearTimeout(limit.timer);
    }
    const step = { name, ok: outcome.ok, duration_ms: Date.now() - startedAt };
    this.taken.push(outcome.ok ? step : { ...step, code: outcome.code, detail: outcome.detail });
    return outcome;
  }
}

const limitOf = (forMs: number, setting: string) => {
  const { promise: over, resolve } = Promise.withResolvers<Refusal>();
  const refusal = refuse("unavailable", overTime(forMs, setting));
  return { over, timer: setTimeout(() => resolve(refusal), forMs) };
};

export const overTime = (forMs: number, setting: string): string => `Not done within ${forMs} ms (${setting}).`;
