/** Tells somebody outside that a check was good (`HEARTBEAT_URL`): what watches there says so when it hears nothing more (M4). */
import { log, thrown } from "../log.ts";

const TIMEOUT_MS = 5_000;

/** Never rejects: what cannot be told is what is noticed outside. */
export const beat = async (url: URL | undefined): Promise<void> => {
  if (url === undefined) return;
  try {
    const { ok, status, body } = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    void body?.cancel().catch(() => undefined);
    if (!ok) log("warn", "heartbeat_failed", { status });
  } catch (error) {
    log("warn", "heartbeat_failed", thrown(error));
  }
};
