/** What a route answers with: JSON, or a refusal as a problem (E1, RFC 9457). */
import { type Refusal, statusOf } from "../protocol/errors.ts";
import { problemBody, retryAfterSeconds } from "../protocol/outcomes.ts";

/** Replies are one user's, and are no page: nothing may cache or reinterpret them. */
const ALWAYS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

export const json = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  jsonText(JSON.stringify(body), status, headers);

/** For a body in which stored JSON text is spliced in as it is. */
export const jsonText = (body: string, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(body, { status, headers: { ...ALWAYS, "content-type": "application/json", ...headers } });

export const problem = (refusal: Refusal): Response =>
  new Response(JSON.stringify(problemBody(refusal)), {
    status: statusOf(refusal.code),
    headers: { ...ALWAYS, "content-type": "application/problem+json", ...headersOf(refusal) },
  });

const headersOf = (refusal: Refusal): Readonly<Record<string, string>> => {
  switch (refusal.code) {
    case "missing_key":
    case "missing_token":
      return { "www-authenticate": 'Bearer realm="restante"' };
    case "invalid_key":
    case "invalid_token":
    case "token_expired":
      return { "www-authenticate": 'Bearer realm="restante", error="invalid_token"' };
    case "missing_scope":
      return { "www-authenticate": 'Bearer realm="restante", error="insufficient_scope"' };
    case "method_not_allowed":
      return { allow: String(refusal.extra?.allow ?? "") };
    case "upgrade_required":
      return { upgrade: "websocket", connection: "Upgrade" };
    default: {
      const seconds = retryAfterSeconds(refusal);
      return seconds === undefined ? {} : { "retry-after": String(seconds) };
    }
  }
};
