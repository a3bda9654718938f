/** Requests to the server, and what an answer says that is not what was asked for. */
import { ABNORMAL, type CarrierEnd, type CarrierRequest } from "./carrier.ts";
import { closeCodeOfStatus } from "./verdict.ts";

const ASK_MS = 5_000;

/** As the user; `path` is below the server's base URL, and a body is JSON. */
export const ask = ({ base, token }: Pick<CarrierRequest, "base" | "token">, path: string, init: RequestInit) =>
  fetch(new URL(path, base), {
    headers: { authorization: `Bearer ${token().text}`, "content-type": "application/json" },
    ...init,
  });

/** A problem of the server's own (E1) as an end; anything else is a proxy's, and may pass. */
export const refusalOf = async (response: Response): Promise<CarrierEnd> => {
  const { status } = response;
  try {
    const { code, detail } = (await response.json()) as { readonly code: string; readonly detail: string };
    if (typeof code === "string") return { code: closeCodeOfStatus(status), reason: code, detail };
  } catch {
    // No JSON.
  }
  return { code: ABNORMAL, reason: `http_${status}`, detail: `HTTP ${status}.` };
};

/**
 * Asks why a handshake failed, which no WebSocket tells: the same request without `Upgrade` goes through the same checks.
 * Undefined where the server would let this in, or cannot be asked.
 */
export const whyRefused = async (request: CarrierRequest): Promise<CarrierEnd | undefined> => {
  try {
    const signal = AbortSignal.timeout(ASK_MS);
    const refusal = await refusalOf(await ask(request, `v1/socket?${request.query}`, { signal }));
    return refusal.reason === "upgrade_required" ? undefined : refusal;
  } catch {
    return undefined;
  }
};

/** Whether the server's process answers at all; across origins its reply is nobody's to read. */
export const isAlive = async (base: URL): Promise<boolean> => {
  try {
    await fetch(new URL("health", base), { mode: "no-cors", signal: AbortSignal.timeout(ASK_MS) });
    return true;
  } catch {
    return false;
  }
};
