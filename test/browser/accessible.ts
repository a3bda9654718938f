import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Nothing that axe would mend, in light and in dark. */
export const expectAccessible = async (page: Page): Promise<void> => {
  // Once for each load: a browser takes longer to read it than it takes to look. As a script tag it would be against the page's policy.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axeSource);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const found = await page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { readonly axe: typeof axe }).axe.run({
        resultTypes: ["violations"],
      });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    });
    expect(found, colorScheme).toEqual([]);
  }
};

/** Nothing to be scrolled to at its side. */
export const expectFits = async (page: Page): Promise<void> => {
  const [content, window] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  expect(content).toBe(window);
};

/** The same, at the width of a phone. */
export const expectFitsPhone = async (page: Page): Promise<void> => {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 740 });
  await expectFits(page);
  if (before !== null) await page.setViewportSize(before);
};
