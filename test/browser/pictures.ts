/**
 * Pictures of the dashboard, for eyes: with load over each range, under an alert, stale, and empty; light, dark and on a phone.
 *
 *   node test/browser/pictures.ts <folder> [part of a name]
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { API_KEY } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { startBrowser } from "./browser.ts";
import { startConsoleSite } from "./console-site.ts";
import { MeasuredPast } from "./measured-past.ts";

const [folder = "", part = ""] = process.argv.slice(2);
if (folder === "") throw new Error("Into which folder?");
mkdirSync(folder, { recursive: true });

const entry = fileURLToPath(new URL("../proofs/watched-worker.mjs", import.meta.url));
const vars = { MONITOR_SHARDS: "1", VERSION: "a1b2c3d4", READY_STEP_MS: "300", ENVIRONMENT: "production" };
const LOOKS = {
  light: { width: 1440, height: 900, colorScheme: "light" },
  dark: { width: 1440, height: 900, colorScheme: "dark" },
  wall: { width: 1920, height: 1080, colorScheme: "dark" },
  phone: { width: 360, height: 740, colorScheme: "light" },
} as const;
type Look = keyof typeof LOOKS;

const [full, empty, browser] = await Promise.all([
  startRuntime({ entry, vars }),
  startRuntime({ entry, vars }),
  startBrowser(),
]);
const sites = new Map<Runtime, string>();
const stops: (() => Promise<void>)[] = [];
for (const runtime of [full, empty]) {
  const site = await startConsoleSite(() => runtime.port);
  stops.push(site.stop);
  sites.set(runtime, site.origin);
}

const post = async (runtime: Runtime, path: string): Promise<void> => {
  await (await fetch(`${runtime.url}/test/${path}`, { method: "POST" })).body?.cancel();
};

const open = async (runtime: Runtime, hash: string, look: Look): Promise<Page> => {
  const { width, height, colorScheme } = LOOKS[look];
  const page = await browser.context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") console.log(`  console: ${message.text()}`);
  });
  page.on("pageerror", (error) => console.log(`  page error: ${error.message}`));
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.setViewportSize({ width, height });
  await page.goto(`${sites.get(runtime)}/console${hash}`);
  await page.locator("input").first().fill(API_KEY);
  await page.keyboard.press("Enter");
  await page.locator(".figure canvas").first().waitFor();
  return page;
};

type Scene = (look: Look, name: string) => Promise<void>;
/** In one piece, with what is at the top there once, and without a scrollbar. */
const grow = async (page: Page): Promise<void> => {
  const { width, height } = page.viewportSize() ?? { width: 1440, height: 900 };
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  if (whole > height) await page.setViewportSize({ width, height: whole });
};
const shoot = async (page: Page, name: string): Promise<void> => {
  await grow(page);
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  await page.close();
};
const simple = (runtime: Runtime, hash: string, before: (page: Page) => Promise<void> = async () => {}): Scene => {
  return async (look, name) => {
    const page = await open(runtime, hash, look);
    await grow(page);
    await before(page);
    await shoot(page, name);
  };
};

const hover = async (page: Page): Promise<void> => {
  const box = await page.locator("#establishment .u-over").boundingBox();
  if (box !== null) await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2);
};
const openAll = async (page: Page): Promise<void> => {
  for (const summary of await page.locator("summary").all()) await summary.click();
};

/** The README's, before it is made smaller: the front page down to where its list begins. */
const readme: Scene = async (_, name) => {
  const page = await open(full, "#/7d", "light");
  await grow(page);
  const { bottom } = await page.locator(".numbers-place").evaluate((place) => place.getBoundingClientRect());
  const clip = { x: 0, y: 0, width: LOOKS.light.width, height: Math.ceil(bottom) + 24 };
  await page.screenshot({ path: join(folder, `${name}.png`), clip });
  await page.close();
};

const scenes: readonly (readonly [string, readonly Look[], Scene])[] = [
  ["readme", ["light"], readme],
  ["empty", ["light", "dark", "phone"], simple(empty, "")],
  ["load-15m", ["light", "dark", "wall", "phone"], simple(full, "")],
  ["load-6h", ["light", "dark"], simple(full, "#/6h")],
  ["load-7d", ["light", "dark", "phone"], simple(full, "#/7d")],
  ["cursor", ["light", "dark"], simple(full, "", hover)],
  ["table", ["light", "phone"], simple(full, "", (page) => page.getByLabel("as a table").check())],
];
const alertScenes: typeof scenes = [
  ["alert", ["light", "dark", "phone"], simple(full, "")],
  ["alert-open", ["light", "phone"], simple(full, "", openAll)],
];

const play = async (all: typeof scenes): Promise<void> => {
  for (const [name, looks, scene] of all) {
    for (const look of looks) {
      const full = `${name}-${look}`;
      if (!full.includes(part)) continue;
      console.log(full);
      await scene(look, full);
    }
  }
};

try {
  await post(empty, "schedule");
  const past = new MeasuredPast(full.url);
  await past.tell(Date.now());
  setInterval(() => past.goOn(5_000).catch(() => {}), 5_000).unref();
  await play(scenes);
  await post(full, "fault/start-up");
  await post(full, "schedule");
  await play(alertScenes);
  if ("stale-light".includes(part)) {
    const page = await open(full, "", "light");
    await full.kill();
    await page.getByText("No data since").waitFor({ timeout: 20_000 });
    await shoot(page, "stale-light");
  }
} finally {
  await Promise.all([...stops.map((stop) => stop()), browser.stop(), full.stop(), empty.stop()]);
}
