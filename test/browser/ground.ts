/** What each file of these tests stands on: a browser, an app's site, and Restante, each of them a process or a port of its own. */
import { afterAll, afterEach, beforeAll } from "vitest";
import { Backend } from "../support/backend.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { type Browser, startBrowser } from "./browser.ts";
import { Judge } from "./judge.ts";
import type { PageSettings } from "./record.ts";
import { mint, type Site, startSite } from "./site.ts";
import type { Tab } from "./tab.ts";

export interface Ground {
  readonly browser: Browser;
  readonly site: Site;
  readonly runtime: Runtime;
  readonly backend: Backend;
  /** Of a user that no other test has; on another runtime, where the test has one. */
  judge(runtime?: Runtime): Judge;
  /** The address of a page for a user; what is not said is as in `PageSettings`, and Restante without anything before it. */
  page(name: string, judge: Judge, settings?: Partial<PageSettings>): string;
  /** Opens it. */
  open(name: string, judge: Judge, settings?: Partial<PageSettings>): Promise<Tab>;
}

/** Call it once in a file, at its top; what it gives is there while tests run. */
export const ground = (vars: Readonly<Record<string, string>> = {}): Ground => {
  let browser: Browser;
  let site: Site;
  let runtime: Runtime;
  let users = 0;
  beforeAll(async () => {
    // Each is known as soon as it is there, and all of them before one that failed is told of: `afterAll` ends the others.
    const starts = await Promise.allSettled([
      startBrowser().then((started) => (browser = started)),
      startSite().then((started) => (site = started)),
      startRuntime({ vars }).then((started) => (runtime = started)),
    ]);
    for (const start of starts) if (start.status === "rejected") throw start.reason;
  });
  afterEach(async () => {
    site.tokens = mint;
    await browser.closeTabs();
  });
  afterAll(() => Promise.all([browser?.stop(), site?.stop(), runtime?.stop()]));
  return {
    get browser() {
      return browser;
    },
    get site() {
      return site;
    },
    get runtime() {
      return runtime;
    },
    get backend() {
      return new Backend(runtime.url);
    },
    judge: (at = runtime) => {
      users += 1;
      return new Judge(new Backend(at.url), `user-${users}`);
    },
    page: (name, judge, settings) => site.page(name, { url: runtime.url, user: judge.user, ...settings }),
    open(name, judge, settings) {
      return browser.open(this.page(name, judge, settings));
    },
  };
};
