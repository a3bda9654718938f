/**
 * Chromium as a person has it: started without the switches that Playwright adds, which hold every tab in the foreground and
 * keep pages out of the back/forward cache. Playwright only drives it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium } from "playwright-core";
import { Tab } from "./tab.ts";

export interface Browser {
  /** Its one profile: what tabs share, as a person's tabs do. */
  readonly context: BrowserContext;
  /** Opens a tab in front of the others. */
  open(url: string): Promise<Tab>;
  /** Closes all tabs; the storage of origins stays. */
  closeTabs(): Promise<void>;
  stop(): Promise<void>;
}

/** Debian's, unless the environment names another. */
const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--remote-debugging-port=0",
  // Containers: no user namespaces, little shared memory, no graphics card.
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  // Nothing that goes out by itself.
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const START_DEADLINE_MS = 30_000;
const PATIENCE_MS = 5_000;

export const startBrowser = async (): Promise<Browser> => {
  const profile = mkdtempSync(join(tmpdir(), "restante-chromium-"));
  profiles.add(profile);
  const child = spawn(EXECUTABLE, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  running.add(child);
  // `noDefaults`: no focus emulation, under which no tab would ever be hidden.
  const browser = await chromium.connectOverCDP(await debuggerUrl(child), { noDefaults: true });
  const context = browser.contexts()[0];
  if (context === undefined) throw new Error("Chromium has no profile.");
  return {
    context,
    open: async (url) => {
      const tab = await Tab.of(await context.newPage());
      await tab.page.goto(url);
      return tab;
    },
    closeTabs: async () => {
      const [kept, ...others] = context.pages();
      for (const page of others) await page.close();
      await kept?.goto("about:blank");
    },
    stop: async () => {
      const gone = new Promise((done) => child.once("exit", done));
      const session = await browser.newBrowserCDPSession();
      await session.send("Browser.close").catch(() => {});
      const impatience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
      await gone;
      clearTimeout(impatience);
      running.delete(child);
      await browser.close();
      removed(profile);
    },
  };
};

/** Chromium says on stderr where it listens. */
const debuggerUrl = (child: ChildProcess): Promise<string> =>
  new Promise((done, failed) => {
    let text = "";
    const fail = (why: string) => {
      clearTimeout(deadline);
      failed(new Error(`Chromium ${why}:\n${text}`));
    };
    const deadline = setTimeout(() => fail("did not start"), START_DEADLINE_MS);
    child.once("error", () => fail(`is not at ${EXECUTABLE}: install it, or say where by CHROMIUM=<path>`));
    child.once("exit", (code) => fail(`ended with ${code}`));
    child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk;
      const url = /^DevTools listening on (ws:\S+)/m.exec(text)?.[1];
      if (url === undefined) return;
      clearTimeout(deadline);
      done(url);
    });
  });

/** Whatever way the tests end, no Chromium outlives them, and no profile. */
const running = new Set<ChildProcess>();
const profiles = new Set<string>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const profile of profiles) removed(profile);
});

/** Its last processes may still be writing. */
const removed = (profile: string): void => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
