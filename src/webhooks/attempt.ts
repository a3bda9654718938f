/** One attempt to tell a receiver: a signed POST, and what its answer means. */
import { targetFault, type WebhookTarget } from "../settings/webhooks.ts";
import type { Outcome, Webhook } from "./queue.ts";
import { signedHeaders } from "./signing.ts";

/** A receiver may ask for so long a pause, as seconds; dates are left to the schedule. */
const RETRY_AFTER = /^[0-9]{1,9}$/;

/**
 * Sends one. Never rejects: what went wrong is in the outcome, in a few words that quote nothing of the receiver's.
 *
 * 2xx is success. A redirect is a failure: where it leads nobody has agreed to. 410 ends it at once. The answer's body is not read.
 */
export const attempt = async (
  webhook: Pick<Webhook, "id" | "body">,
  target: WebhookTarget | undefined,
  isDevelopment: boolean,
  now: number,
): Promise<Outcome> => {
  if (target === undefined)
    return { ok: false, fault: "there is no receiver: its setting is missing, or not well formed" };
  const refused = targetFault(target.url, isDevelopment);
  if (refused !== undefined) return { ok: false, fault: `its receiver's URL is refused: ${refused}` };
  try {
    const response = await fetch(target.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "restante-webhooks",
        ...signedHeaders(target.secrets, webhook.id, webhook.body, now),
      },
      body: webhook.body,
      redirect: "manual",
      signal: AbortSignal.timeout(target.timeoutMs),
    });
    // Unread: whatever it is, and however long.
    void response.body?.cancel().catch(() => undefined);
    return outcomeOf(response);
  } catch (error) {
    return {
      ok: false,
      fault: isTimeout(error) ? `no answer within ${target.timeoutMs} ms` : "it could not be reached",
    };
  }
};

const outcomeOf = ({ status, headers }: Response): Outcome => {
  if (status >= 200 && status < 300) return { ok: true };
  const fault = `it answered ${status}`;
  if (status === 410) return { ok: false, fault, isFinal: true };
  const after = headers.get("retry-after") ?? "";
  return RETRY_AFTER.test(after) ? { ok: false, fault, notBeforeMs: Number(after) * 1_000 } : { ok: false, fault };
};

const isTimeout = (error: unknown): boolean =>
  error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");
