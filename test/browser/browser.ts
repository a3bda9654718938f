/**
 * Chromium as a person has it: started without the switches that Playwright adds, which hold every tab in the foreground and
 * keep pages out of the back/forward cache. Playwright only drives it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
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
  // Each window would load two pages of its own for an address bar that nobody sees: a third of what a tab costs.
  "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,PreloadTopChromeWebUI",
];
const START_DEADLINE_MS = 30_000;

/**
 * Its standard input ends with whoever started it, however that ends: then Chromium ends, too, and its profile is removed.
 * A hook of this process would not do: vitest kills its workers.
 */
const GUARD = `"$@" & browser=$!; cat > /dev/null; kill -9 $browser; wait; rm -rf "$0" || { sleep 1; rm -rf "$0"; }`;

export const startBrowser = async (): Promise<Browser> => {
  if (!existsSync(EXECUTABLE)) throw new Error(`No ${EXECUTABLE}: install Chromium, or say where by CHROMIUM=<path>.`);
  const profile = mkdtempSync(join(tmpdir(), "restante-chromium-"));
  const guard = spawn("sh", ["-c", GUARD, profile, EXECUTABLE, ...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  // `noDefaults`: no focus emulation, under which no tab would ever be hidden.
  const browser = await chromium.connectOverCDP(await debuggerUrl(guard), { noDefaults: true });
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
      const gone = new Promise((done) => guard.once("exit", done));
      await browser.close();
      guard.stdin.end();
      await gone;
    },
  };
};

/** Chromium says on stderr where it listens. */
const debuggerUrl = (child: ChildProcess): Promise<string> =>
  new Promise((done, failed) => {
    let text = "";
    const deadline = setTimeout(() => failed(new Error(`Chromium did not start in time:\n${text}`)), START_DEADLINE_MS);
    child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk;
      const url = /^DevTools listening on (ws:\S+)/m.exec(text)?.[1];
      if (url === undefined) return;
      clearTimeout(deadline);
      done(url);
    });
  });
