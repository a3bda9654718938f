/** A sender whose `fetch` is a script, on a driven clock: what a network and a server do only now and then, on purpose. */
import { vi } from "vitest";
import { createSender, type Fetch, type Sender, type SenderOptions } from "../../src/sender/sender.ts";

export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: the shape of a body is for its test to assert
  readonly body: any;
  /** When it came, in milliseconds from the first one on. */
  readonly at: number;
}

export type Answer =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** `lost`: no connection. `silent`: no answer, ever. `cut`: the reply breaks off in its body. */
  | "lost"
  | "silent"
  | "cut";

interface SenderUnderTest {
  readonly sender: Sender;
  readonly requests: readonly Request[];
}

/** `answer` is asked for each request, which it sees with its place, from 0 on. */
export const senderUnderTest = (
  answer: (request: Request, index: number) => Answer,
  options: Partial<SenderOptions> = {},
): SenderUnderTest => {
  const requests: Request[] = [];
  let firstAt: number | undefined;
  const fetch: Fetch = async (url, { method, headers, body, signal }) => {
    firstAt ??= performance.now();
    const { pathname, search } = new URL(url);
    const at = Math.round(performance.now() - firstAt);
    const request = {
      method,
      path: pathname + search,
      headers,
      body: body === undefined ? undefined : JSON.parse(body),
      at,
    };
    requests.push(request);
    const made = answer(request, requests.length - 1);
    if (made === "lost") throw new TypeError("fetch failed", { cause: new Error("ECONNREFUSED") });
    if (made === "silent") {
      await new Promise((_, failed) => signal.addEventListener("abort", () => failed(signal.reason), { once: true }));
      throw new Error("unreachable");
    }
    const reply = made === "cut" ? { status: 200 } : made;
    const text = "body" in reply && typeof reply.body === "string" ? reply.body : JSON.stringify(replyBody(reply));
    return {
      status: reply.status,
      headers: new Headers("headers" in reply ? reply.headers : {}),
      text: async () => {
        if (made === "cut") throw new TypeError("terminated");
        return text;
      },
    };
  };
  const sender = createSender({
    url: "https://restante.test/base",
    key: "rk_test",
    fetch,
    ...options,
  } as SenderOptions);
  return { sender, requests };
};

const replyBody = (reply: Exclude<Answer, string>): unknown => ("body" in reply ? reply.body : {});

/** Lets time pass until it is settled, however much time that takes. */
export const inTime = async <T>(settling: Promise<T>): Promise<T> => {
  let isSettled = false;
  const settled = settling.finally(() => {
    isSettled = true;
  });
  settled.catch(() => {});
  while (!isSettled) await vi.advanceTimersToNextTimerAsync();
  return settled;
};

/** S7's object. */
export const accepted = (id: string, status = "queued"): Answer => ({
  status: status === "queued" ? 202 : 200,
  body: {
    id,
    seq: 7,
    status,
    devices: 0,
    sent_to: 0,
    accepted_at: "2026-11-23T18:40:00.000Z",
    expires_at: "2026-11-30T18:40:00.000Z",
  },
});

/** E1's object. */
export const problem = (
  code: string,
  status: number,
  retry: string,
  headers: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers,
  body: { type: `urn:restante:error:${code}`, title: code, status, code, detail: `About ${code}.`, retry },
});
