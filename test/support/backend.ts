import type { DeadLetterReason } from "../../src/protocol/message.ts";
import { API_KEY } from "./credentials.ts";

/** A reply as it came: no status throws. `body` is parsed JSON, or undefined where there is none. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // Tests look into it by name, and what a name holds is what they test.
  // biome-ignore lint/suspicious/noExplicitAny: the shape of a body is for its test to assert
  readonly body: any;
}

export interface CallOptions {
  /** `Prefer: wait=…`, as it is to be written. */
  readonly wait?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly signal?: AbortSignal;
}

type Selector = { readonly seq: number } | { readonly reason: DeadLetterReason } | { readonly all: true };

/** The backend plane over HTTP, with an API key. */
export class Backend {
  readonly url: string;
  readonly #key: string | undefined;

  /** `key: null` sends none. */
  constructor(url: string, key: string | null = API_KEY) {
    this.url = url;
    this.#key = key ?? undefined;
  }

  /** Any request of the plane; a body that is no text is sent as JSON. */
  async call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<Reply> {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, String(value));
    const response = await fetch(url, {
      method,
      headers: {
        ...(this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(options.wait === undefined ? {} : { prefer: `wait=${options.wait}` }),
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parsed(text) };
  }

  /** S1. */
  send(user: string, message: unknown, options?: CallOptions): Promise<Reply> {
    return this.call("POST", `${of(user)}/messages`, message, options);
  }

  /** S9; each message with its `to`. */
  sendBatch(messages: readonly unknown[], options?: CallOptions): Promise<Reply> {
    return this.call("POST", "/v1/messages", { messages }, options);
  }

  /** S10. */
  list(user: string, query: { readonly after?: number; readonly limit?: number } = {}): Promise<Reply> {
    return this.call("GET", `${of(user)}/messages`, undefined, { query });
  }

  state(user: string, id: string): Promise<Reply> {
    return this.call("GET", `${of(user)}/messages/${encodeURIComponent(id)}`);
  }

  recall(user: string, id: string): Promise<Reply> {
    return this.call("DELETE", `${of(user)}/messages/${encodeURIComponent(id)}`);
  }

  /** U1. */
  user(user: string, options?: CallOptions): Promise<Reply> {
    return this.call("GET", of(user), undefined, options);
  }

  /** U2. */
  mint(user: string, body: unknown = {}): Promise<Reply> {
    return this.call("POST", `${of(user)}/tokens`, body);
  }

  /** A token minted by the service (U2), or a failed test. */
  async token(user: string, body: unknown = {}): Promise<string> {
    const reply = await this.mint(user, body);
    const token: unknown = reply.body?.token;
    if (typeof token !== "string") throw new Error(`No token: ${reply.status} ${JSON.stringify(reply.body)}`);
    return token;
  }

  /** U3. */
  revoke(user: string): Promise<Reply> {
    return this.call("DELETE", `${of(user)}/tokens`);
  }

  /** U4. */
  erase(user: string): Promise<Reply> {
    return this.call("DELETE", of(user));
  }

  /** D7. */
  deadLetters(
    user: string,
    query: { readonly after?: number; readonly limit?: number; readonly reason?: DeadLetterReason } = {},
  ): Promise<Reply> {
    return this.call("GET", `${of(user)}/dead-letters`, undefined, { query });
  }

  requeue(user: string, selector: Selector, body?: unknown): Promise<Reply> {
    const { path, query } = selected(selector);
    return this.call("POST", `${of(user)}/dead-letters${path}/requeue`, body, { query });
  }

  discard(user: string, selector: Selector): Promise<Reply> {
    const { path, query } = selected(selector);
    return this.call("DELETE", `${of(user)}/dead-letters${path}`, undefined, { query });
  }
}

const of = (user: string): string => `/v1/users/${encodeURIComponent(user)}`;

/** One by its path; all, or all of a reason, by the collection. */
const selected = (selector: Selector): { path: string; query: Record<string, string> } => {
  if ("seq" in selector) return { path: `/${selector.seq}`, query: {} };
  return { path: "", query: "reason" in selector ? { reason: selector.reason } : {} };
};

const parsed = (text: string): unknown => {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};
