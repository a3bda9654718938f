/** After a deploy: whether the new version answers, and whether a message reaches its user there (O3). */
import type { Readiness } from "../protocol/readiness.ts";

export interface Awaited {
  /** Where the deployment answers. */
  readonly url: URL;
  /** As `/ready` is to name it. */
  readonly version: string;
  readonly deadlineMs: number;
  readonly everyMs: number;
  /** Told of each change, in a line. */
  readonly say: (line: string) => void;
}

type Arrival = { readonly ok: true; readonly outcome: Readiness } | { readonly ok: false; readonly why: string };

/**
 * Asks `/ready` until the version answers and is ready. The first who asks a new version has it checked, so that no key is needed.
 *
 * A check that fails is asked for again until the deadline, as the schedule runs it each minute; a setting that is missing ends it at once:
 * it comes with another version.
 */
export const awaitReady = async ({ url, version, deadlineMs, everyMs, say }: Awaited): Promise<Arrival> => {
  const deadline = Date.now() + deadlineMs;
  let said = "";
  for (;;) {
    const leftMs = deadline - Date.now();
    const seen = await look(new URL("/ready", url), version, Math.max(1, leftMs));
    if (seen.ok) return seen;
    if (seen.isFinal) return { ok: false, why: seen.why };
    if (seen.why !== said) say(seen.why);
    said = seen.why;
    if (Date.now() + everyMs >= deadline) {
      return { ok: false, why: `Not within ${Math.round(deadlineMs / 1_000)} s. The last that was seen: ${said}` };
    }
    await new Promise((over) => setTimeout(over, everyMs));
  }
};

type Look = Extract<Arrival, { ok: true }> | { readonly ok: false; readonly why: string; readonly isFinal?: true };

const look = async (url: URL, version: string, forMs: number): Promise<Look> => {
  let outcome: Partial<Readiness>;
  let status: number;
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(forMs) });
    status = response.status;
    outcome = (await response.json()) as Partial<Readiness>;
  } catch (error) {
    return { ok: false, why: `${url} does not answer as it should: ${reasonOf(error)}.` };
  }
  if (typeof outcome?.version !== "string") return { ok: false, why: `${url} answers ${status}, and no version.` };
  if (outcome.version !== version) return { ok: false, why: `Version ${outcome.version} still answers.` };
  if (status === 200 && outcome.status === "ready") return { ok: true, outcome: outcome as Readiness };
  const step = outcome.steps?.find(({ ok }) => !ok);
  const why = `Version ${version} answers, and is not ready at ${step?.name ?? "its start"}: ${step?.detail ?? status}`;
  return { ok: false, why, ...(step?.code === "not_configured" ? { isFinal: true } : {}) };
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
};
