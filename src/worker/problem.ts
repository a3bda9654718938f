/** What a route answers with: JSON, or a refusal as a problem (E1, RFC 9457). */
import { ERRORS, type Refusal, statusOf } from "../protocol/errors.ts";
import type { Problem } from "../protocol/replies.ts";

/** Replies are one user's, and are no page: nothing may cache or reinterpret them. */
const ALWAYS = { "cache-control": "no-store", "x-content-type-options": "nosniff" } as const;

/** Where a refusal that should be tried again does not say when. */
const RETRY_AFTER_SECONDS = 5;

export const json = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  jsonText(JSON.stringify(body), status, headers);

/** For a body in which stored JSON text is spliced in as it is. */
export const jsonText = (body: string, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(body, { status, headers: { ...ALWAYS, "content-type": "application/json", ...headers } });

/** E1's object; `retry` is what to do: `no`, `later`, or `same_id`. */
export const problemBody = (refusal: Refusal): Problem => {
  const { title, retry } = ERRORS[refusal.code];
  const own = {
    type: `urn:restante:error:${refusal.code}`,
    title,
    status: statusOf(refusal.code),
    code: refusal.code,
    detail: refusal.detail,
    retry,
  };
  // First, so that a person reads them first; and last, so that nothing overwrites them.
  return { ...own, ...refusal.extra, ...own };
};

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

/** When to try again; undefined where that is not a matter of time. */
export const retryAfterSeconds = (refusal: Refusal): number | undefined =>
  ERRORS[refusal.code].retry === "later" ? (refusal.retryAfterSeconds ?? RETRY_AFTER_SECONDS) : undefined;
