/** Over HTTP, with an API key. */
import type { BulkChoice } from "../protocol/operator-api.ts";
import type { Problem } from "../protocol/replies.ts";
import type { ByteStream } from "../protocol/sent-events.ts";
import { type Arguments, failed, type Method, notJson, type Port } from "./port.ts";
import { retryAfterMs } from "./retry-after.ts";
import { type Failure, failureOf } from "./send-error.ts";

/** What of `fetch` is used, so that any may be given. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

interface Response {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
  /** Of `Operator.watch` alone. */
  readonly body?: ByteStream | null;
}

interface HttpCall {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  /** What is undefined is left out, as it is in the query. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** A member that the reply has: so it is known that Restante answered, and not whatever else is at the URL. */
  readonly has: string;
}

const user = (user: string): string => `v1/users/${encodeURIComponent(user)}`;
const message = (name: string, id: string): string => `${user(name)}/messages/${encodeURIComponent(id)}`;
const prefer = (wait: number | undefined): string | undefined =>
  // Without an exponent, which a small number would be written with.
  wait === undefined ? undefined : `wait=${Math.round(wait * 1_000) / 1_000}`;

const deadLetters = (name: string, which: object): Pick<HttpCall, "path" | "query"> => {
  const path = `${user(name)}/dead-letters`;
  if ("seq" in which) return { path: `${path}/${which.seq}` };
  return "reason" in which ? { path, query: { reason: String(which.reason) } } : { path };
};

const bulk = (which: BulkChoice): NonNullable<HttpCall["query"]> => ("all" in which ? { all: "true" } : { ...which });
const job = (id: string): string => `v1/jobs/${encodeURIComponent(id)}`;

const CALLS: { readonly [M in Method]: (...args: Arguments<M>) => HttpCall } = {
  send: (to, fields, { wait, traceparent } = {}) => ({
    method: "POST",
    path: `${user(to)}/messages`,
    headers: { prefer: prefer(wait), traceparent },
    body: fields,
    has: "seq",
  }),
  sendBatch: (messages, { traceparent } = {}) => ({
    method: "POST",
    path: "v1/messages",
    headers: { traceparent },
    body: { messages },
    has: "results",
  }),
  held: (name, query) => ({ method: "GET", path: `${user(name)}/messages`, query: { ...query }, has: "messages" }),
  message: (name, id, query) => ({ method: "GET", path: message(name, id), query: { ...query }, has: "seq" }),
  recall: (name, id, query) => ({ method: "DELETE", path: message(name, id), query: { ...query }, has: "sent" }),
  state: (name, { wait, ...query } = {}) => ({
    method: "GET",
    path: user(name),
    headers: { prefer: prefer(wait) },
    query,
    has: "mailbox",
  }),
  mintToken: (name, fields) => ({ method: "POST", path: `${user(name)}/tokens`, body: fields ?? {}, has: "token" }),
  revokeTokens: (name, query) => ({
    method: "DELETE",
    path: `${user(name)}/tokens`,
    query: { ...query },
    has: "status",
  }),
  erase: (name, query) => ({ method: "DELETE", path: user(name), query: { ...query }, has: "status" }),
  deadLetters: (name, query) => ({
    method: "GET",
    path: `${user(name)}/dead-letters`,
    query: { ...query },
    has: "dead_letters",
  }),
  requeue: (name, which, { ttl, location } = {}) => {
    const { path, query } = deadLetters(name, which);
    return {
      method: "POST",
      path: `${path}/requeue`,
      query: { ...query, location },
      body: { ttl },
      has: "requeued",
    };
  },
  discard: (name, which, { location } = {}) => {
    const { path, query } = deadLetters(name, which);
    return { method: "DELETE", path, query: { ...query, location }, has: "discarded" };
  },
  health: () => ({ method: "GET", path: "health", has: "version" }),
  ready: () => ({ method: "GET", path: "ready", has: "steps" }),
  attention: (query) => ({ method: "GET", path: "v1/attention", query: { ...query }, has: "users" }),
  requeueAll: (which, { ttl } = {}) => ({
    method: "POST",
    path: "v1/dead-letters/requeue",
    query: bulk(which),
    body: { ttl },
    has: "dead_letters",
  }),
  discardAll: (which) => ({ method: "DELETE", path: "v1/dead-letters", query: bulk(which), has: "dead_letters" }),
  jobs: () => ({ method: "GET", path: "v1/jobs", has: "jobs" }),
  job: (id) => ({ method: "GET", path: job(id), has: "dead_letters" }),
  stopJob: (id) => ({ method: "DELETE", path: job(id), has: "dead_letters" }),
  webhooks: (name, query) => ({ method: "GET", path: `${user(name)}/webhooks`, query: { ...query }, has: "webhooks" }),
  retryWebhooks: (name, query) => ({
    method: "POST",
    path: `${user(name)}/webhooks/retry`,
    query: { ...query },
    has: "retried",
  }),
  discardWebhooks: (name, query) => ({
    method: "DELETE",
    path: `${user(name)}/webhooks`,
    query: { ...query },
    has: "discarded",
  }),
  alerts: () => ({ method: "GET", path: "v1/alerts", has: "alerts" }),
  monitor: (query) => ({ method: "GET", path: "v1/monitor", query: { ...query }, has: "total" }),
};

/** `key` undefined sends none. */
export const httpPort = (base: string, key: string | undefined, fetch: Fetch): Port => {
  const root = base.endsWith("/") ? base : `${base}/`;
  return async (method, args, signal) => {
    const call = (CALLS[method] as (...args: readonly unknown[]) => HttpCall)(...args);
    let body: string | undefined;
    try {
      body = call.body === undefined ? undefined : JSON.stringify(call.body);
    } catch (cause) {
      return failed(notJson(cause));
    }
    const headers = given({
      ...call.headers,
      authorization: key === undefined ? undefined : `Bearer ${key}`,
      "content-type": body === undefined ? undefined : "application/json",
    });
    const query = new URLSearchParams(given(call.query ?? {})).toString();
    const response = await fetch(`${root}${call.path}${query === "" ? "" : `?${query}`}`, {
      method: call.method,
      headers,
      ...(body === undefined ? {} : { body }),
      // Followed, a POST would become a GET.
      redirect: "manual",
      signal,
    });
    const text = await response.text();
    const reply = readObject(text);
    // Only a start-up check that has failed is a reply with another status.
    const isReply = reply !== undefined && call.has in reply && (response.status < 300 || method === "ready");
    if (!isReply || isProblem(reply)) return failed(failureOfResponse(response, text));
    const replayed = response.headers.get("idempotency-replayed") === "true" ? { replayed: true } : {};
    // What Restante answers to this method has the form that its table says.
    return { ok: true, reply: { ...reply, ...replayed, http_status: response.status } as never };
  };
};

/** What a response says that is not the reply. */
export const failureOfResponse = (response: Response, text: string): Failure => {
  const reply = readObject(text);
  return isProblem(reply) ? problemFailure(reply, response) : foreign(response);
};

const readObject = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
};

const isProblem = (reply: object | undefined): reply is Problem =>
  reply !== undefined && "code" in reply && "retry" in reply && "detail" in reply;

const problemFailure = (problem: Problem, { status, headers }: Response): Failure => {
  const afterMs = retryAfterMs(headers);
  return {
    ...failureOf({ ...problem, http_status: status }),
    ...(afterMs === undefined ? {} : { retryAfterMs: afterMs }),
  };
};

/** A proxy's, or of another service. A proxy that says 408 or 429 has not passed the request on; of a 5xx one cannot know. */
const foreign = ({ status, headers }: Response): Failure => {
  const afterMs = retryAfterMs(headers);
  const location = headers.get("location");
  const where = location === null ? "" : `, to ${location}`;
  return {
    code: "foreign_reply",
    detail: `What answered (${status}${where}) is not Restante: a proxy on the way, or \`url\` is another service's.`,
    retry: status === 408 || status === 429 ? "later" : status >= 500 ? "same_id" : "no",
    status,
    ...(afterMs === undefined ? {} : { retryAfterMs: afterMs }),
  };
};

const given = (values: Readonly<Record<string, string | number | undefined>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
