/** A service with the console, and an operator's browser. */
import { fileURLToPath } from "node:url";
import type { BrowserContext } from "playwright-core";
import { Backend } from "../support/backend.ts";
import { Connection, type ConnectionOptions } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { scopedVars } from "../support/fuzz-keys.ts";
import { type Runtime, type RuntimeOptions, startRuntime } from "../support/runtime.ts";
import { type Browser, startBrowser } from "./browser.ts";
import { type ConsoleSite, startConsoleSite } from "./console-site.ts";
import { ConsoleView } from "./console-view.ts";

export class ConsoleGround {
  readonly runtime: Runtime;
  readonly backend: Backend;
  readonly site: ConsoleSite;
  readonly browser: Browser;
  readonly #contexts: BrowserContext[] = [];

  /** `entry`: the Worker's source, where it is not the one that is deployed. */
  static async start({ vars, ...entry }: Pick<RuntimeOptions, "vars" | "entry"> = {}): Promise<ConsoleGround> {
    const starting = startRuntime({ vars: { ...scopedVars, ...vars }, ...entry });
    const [runtime, browser] = await Promise.all([starting, startBrowser()]);
    return new ConsoleGround(runtime, await startConsoleSite(() => runtime.port), browser);
  }

  private constructor(runtime: Runtime, site: ConsoleSite, browser: Browser) {
    this.runtime = runtime;
    this.backend = new Backend(runtime.url);
    this.site = site;
    this.browser = browser;
  }

  /** A profile of its own. */
  async profile(): Promise<BrowserContext> {
    const context = await this.browser.context.browser()?.newContext({ viewport: { width: 1280, height: 900 } });
    if (context === undefined) throw new Error("Chromium makes no profile.");
    this.#contexts.push(context);
    return context;
  }

  async open(hash = "", key = API_KEY): Promise<ConsoleView> {
    return ConsoleView.open(await this.profile(), this.site.origin, key, hash);
  }

  async connect(user: string, options: ConnectionOptions = {}): Promise<Connection> {
    return Connection.open(this.runtime.url, { token: await mintLocally(user), ...options });
  }

  /** Messages that a client rejects, each at once. */
  async reject(user: string, messages: readonly object[], reason: string): Promise<void> {
    const client = await this.connect(user, {
      onFrame: (frame, connection) => {
        if (frame.type !== "messages") return;
        for (const { seq } of frame.messages) connection.reject(seq, reason);
      },
    });
    for (const message of messages) await this.backend.send(user, message, { wait: 10 });
    await client.close();
  }

  /** What `watched-worker.mjs` takes. */
  async tell(what: string): Promise<void> {
    await (await fetch(`${this.runtime.url}/test/${what}`, { method: "POST" })).text();
  }

  /** Closes what a test has opened. */
  async leave(): Promise<void> {
    for (const context of this.#contexts.splice(0)) await context.close();
  }

  async stop(): Promise<void> {
    await Promise.all([this.site.stop(), this.browser.stop(), this.runtime.stop()]);
  }
}

/** The shipped Worker with what a test can do to it while it runs. */
export const WATCHED_WORKER = fileURLToPath(new URL("../proofs/watched-worker.mjs", import.meta.url));

export const userLink = (user: string, tab = ""): string =>
  `#/users/${encodeURIComponent(user)}${tab === "" ? "" : `/${tab}`}`;
