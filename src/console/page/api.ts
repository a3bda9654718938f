/** Requests to the service that this page came from, with the operator's key in a header and nowhere else. */
import type { ErrorCode } from "../../protocol/errors.ts";
import type { Problem } from "../../protocol/replies.ts";
import { type SentEvent, sentEvents } from "../../protocol/sent-events.ts";
import { session } from "./session.ts";

/** Why there is no reply, in words for a person. */
export interface Failure {
  readonly ok: false;
  /** What to do next; the problem's own `detail` where the service answered. */
  readonly detail: string;
  /** 0 where nothing answered. */
  readonly status: number;
  readonly code?: ErrorCode;
}
export type Outcome<T> = { readonly ok: true; readonly value: T; readonly status: number } | Failure;

export interface Call {
  readonly method?: "GET" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** `Prefer: wait`, in seconds. */
  readonly wait?: number;
  readonly signal?: AbortSignal;
  /** A status that has a reply, too, though it is none of success. */
  readonly takes?: number;
  /** In place of the session's, to try one out. */
  readonly key?: string;
}

const request = (path: string, { method = "GET", body, wait, signal, key }: Call): Promise<Response> =>
  fetch(path, {
    method,
    headers: {
      authorization: `Bearer ${key ?? session.value?.key ?? ""}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(wait === undefined ? {} : { prefer: `wait=${wait}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });

/** Nothing throws but a caller's own abort. */
export const call = async <T>(path: string, options: Call = {}): Promise<Outcome<T>> => {
  try {
    const response = await request(path, options);
    if (!response.ok && response.status !== options.takes) return await refusal(response, options);
    return { ok: true, value: (await response.json()) as T, status: response.status };
  } catch (error) {
    return unreached(error, options.signal);
  }
};

interface Streaming {
  readonly signal: AbortSignal;
  /** A network that went away says nothing, not even that: what is silent for so long is over. */
  readonly silenceMs: number;
}

/**
 * Events of a stream until it ends or falls silent: undefined where the server ended it. Coming back is the caller's to do.
 * `EventSource` would do so by itself; but it can send no header, and a key goes into no URL.
 */
export const stream = async (
  path: string,
  onEvent: (event: SentEvent) => void,
  { signal, silenceMs }: Streaming,
): Promise<Failure | undefined> => {
  const silence = new AbortController();
  let patience = setTimeout(() => silence.abort(), silenceMs);
  const alive = (): void => {
    clearTimeout(patience);
    patience = setTimeout(() => silence.abort(), silenceMs);
  };
  try {
    const response = await fetch(path, {
      headers: { authorization: `Bearer ${session.value?.key ?? ""}`, accept: "text/event-stream" },
      signal: AbortSignal.any([signal, silence.signal]),
      ...{ cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" },
    });
    if (!response.ok || response.body === null) return await refusal(response, {});
    for await (const event of sentEvents(response.body, alive)) onEvent(event);
    return undefined;
  } catch (error) {
    return unreached(error, signal);
  } finally {
    clearTimeout(patience);
    // What is left of it is not read.
    silence.abort();
  }
};

const refusal = async (response: Response, { key }: Call): Promise<Failure> => {
  const { status } = response;
  const said = (await response.json().catch(() => ({}))) as Partial<Problem>;
  const faults = said.errors?.map((fault) => {
    const where = fault.pointer ?? fault.parameter ?? fault.header;
    return where === undefined ? fault.detail : `${where}: ${fault.detail}`;
  });
  const detail = [said.detail ?? `The service answered ${status} ${response.statusText}`.trim(), ...(faults ?? [])];
  // A key that was revoked lets nobody go on looking at what it once could.
  if (status === 401 && key === undefined) session.end("The key is not known any more: it was revoked, or replaced.");
  return { ok: false, detail: detail.join(" "), status, ...(said.code === undefined ? {} : { code: said.code }) };
};

const unreached = (error: unknown, signal: AbortSignal | undefined): Failure => {
  if (signal?.aborted) throw error;
  return { ok: false, status: 0, detail: "The service cannot be reached from here. It may be your network." };
};

/** The path of a user, or of something of theirs. */
export const userPath = (user: string, rest = ""): string => `/v1/users/${encodeURIComponent(user)}${rest}`;

/** `?name=value` of what has a value. */
export const query = (parameters: Readonly<Record<string, string | number | undefined>>): string => {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
};
