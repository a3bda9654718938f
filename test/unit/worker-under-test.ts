/** The Worker's fetch handler in plain Node, before Mailboxes, and a Monitor, that note every touch and answer none of them. */
import { createHash } from "node:crypto";
import { outcomeOf } from "../../src/protocol/outcomes.ts";
import { API_KEY, defaultVars } from "../support/credentials.ts";

export interface Touch {
  readonly mailbox: string;
  readonly options: { readonly locationHint?: string };
  readonly method: string;
  readonly args: readonly unknown[];
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the shape of a body is for its test to assert
  readonly body: any;
}

export interface WorkerUnderTest {
  fetch(method: string, path: string, init?: RequestInit): Promise<Reply>;
  /** With the API key that has all scopes, and a JSON body where there is one. */
  backend(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  readonly touches: readonly Touch[];
}

interface RouteOfTheTable {
  readonly plane: "backend" | "user" | "open";
  readonly method: string;
  readonly path: string;
}
interface App {
  fetch(request: Request, env: unknown, context: unknown): Response | Promise<Response>;
}

// These need Cloudflare's types, which contradict Node's in many globals: the compiler is not to follow them from here.
const worker = new URL("../../src/worker/", import.meta.url).href;
export const { ROUTES } = (await import(`${worker}routes.ts`)) as { readonly ROUTES: readonly RouteOfTheTable[] };
const app = ((await import(`${worker}app.ts`)) as { createApp(): App }).createApp();

/** `outcome` is what a Mailbox does when it is called; by default it throws, as one that should not have been. */
export const workerUnderTest = (
  vars: Readonly<Record<string, string | undefined>> = defaultVars,
  outcome: (touch: Touch, count: number) => unknown = () => {
    throw new Error("This Mailbox was touched.");
  },
): WorkerUnderTest => {
  const touches: Touch[] = [];
  const touched = async (touch: Touch) => {
    touches.push(touch);
    return outcome(touch, touches.length);
  };
  /** Each of the calls that came together is a touch of its own. */
  const together = async (mailbox: string, options: Touch["options"], calls: string) =>
    JSON.stringify(
      await Promise.all(
        JSON.parse(calls).map((call: unknown) => touched({ mailbox, options, method: "send", args: [call] })),
      ),
    );
  const many = async (mailbox: string, options: Touch["options"], call: string) => {
    const replies = await touched({ mailbox, options, method: "send", args: [JSON.parse(call)] });
    return Array.isArray(replies) ? replies.map((reply) => JSON.stringify(outcomeOf(reply))).join("\n") : replies;
  };
  const getByName = (mailbox: string, options: Touch["options"]) =>
    new Proxy(
      {},
      {
        get:
          (_, method) =>
          (...args: unknown[]) => {
            if (method === "sendMany") return many(mailbox, options, new TextDecoder().decode(args[0] as Uint8Array));
            if (method === "sendTogether") return together(mailbox, options, String(args[0]));
            return touched({ mailbox, options, method: String(method), args });
          },
      },
    );
  const env = { MONITORING: "off", ...vars, MAILBOX: { getByName }, MONITOR: { getByName } };

  const fetch: WorkerUnderTest["fetch"] = async (method, path, init = {}) => {
    const request = new Request(`https://restante.test${path}`, { ...init, method });
    // Node resolves dots in a path; workerd hands the text over as it came.
    Object.defineProperty(request, "url", { value: `https://restante.test${path}` });
    const background: Promise<unknown>[] = [];
    const context = { waitUntil: (work: Promise<unknown>) => background.push(work), passThroughOnException() {} };
    const response = await app.fetch(request, env, context);
    await Promise.all(background);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
  const backend: WorkerUnderTest["backend"] = (method, path, body, headers = {}) =>
    fetch(method, path, {
      headers: { authorization: `Bearer ${API_KEY}`, ...headers },
      // As bytes, since Node would call a text text/plain.
      ...(body === undefined ? {} : { body: encoder.encode(typeof body === "string" ? body : JSON.stringify(body)) }),
    });
  return { fetch, backend, touches };
};

const encoder = new TextEncoder();

export const mailboxNameOf = (user: string): string => createHash("sha256").update(`u:${user}`).digest("hex");
