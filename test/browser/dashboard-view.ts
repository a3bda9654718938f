/** The console's front page as an operator has it: what can be pressed, and what can be read. */
import axe from "axe-core";
import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { API_KEY } from "../support/credentials.ts";
import type { Browser } from "./browser.ts";

/** An event comes every 5 s. */
const LIVE_DEADLINE_MS = 20_000;

export class DashboardView {
  readonly page: Page;
  /** Whatever the browser complained of: errors nobody caught, and what the page's own policy forbade. */
  readonly complaints: string[] = [];
  /** Streams that it has asked for. */
  streams = 0;

  /** In a tab of its own, in front; `hash` as the address has it. */
  static async open(browser: Browser, origin: string, hash = ""): Promise<DashboardView> {
    const view = new DashboardView(await browser.context.newPage());
    await view.page.goto(`${origin}/console${hash}`);
    await view.page.getByLabel("API key").fill(API_KEY);
    await view.page.keyboard.press("Enter");
    await view.page.locator(".figure canvas").first().waitFor();
    return view;
  }

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (said) => {
      // A server that is gone is said by the browser, too, and a check that fails.
      if (said.type() !== "error" || said.text().includes("net::ERR_") || said.location().url.endsWith("/ready"))
        return;
      this.complaints.push(said.text());
    });
    page.on("request", (request) => {
      if (request.url().includes("/v1/monitor")) this.streams += 1;
    });
  }

  get sentence(): Locator {
    return this.page.locator(".sentence");
  }

  /** Waits until the sentence says that. */
  says(text: string): Promise<void> {
    return this.sentence.filter({ hasText: text }).waitFor({ timeout: LIVE_DEADLINE_MS });
  }

  tone(): Promise<string | null> {
    return this.page.locator(".dashboard").getAttribute("data-tone");
  }

  figure(id: string): Locator {
    return this.page.locator(`#${id}`);
  }

  /** A figure's numbers, its note and its legend, each as it reads. */
  async read(
    id: string,
  ): Promise<{ readonly numbers: readonly string[]; readonly note: string; readonly legend: string }> {
    const figure = this.figure(id);
    return {
      numbers: (await figure.locator(".headline").allTextContents()).map(plain),
      note: plain((await figure.locator(".note").textContent()) ?? ""),
      legend: (await figure.locator(".legend li").allTextContents()).map(plain).join(", "),
    };
  }

  range(name: string): Locator {
    return this.page.getByRole("navigation", { name: "How far back" }).getByRole("link", { name });
  }

  get asTable(): Locator {
    return this.page.getByRole("checkbox", { name: "as a table" });
  }

  get alerts(): Locator {
    return this.page.getByRole("region", { name: "Alerts" });
  }

  get startUp(): Locator {
    return this.page.getByRole("region", { name: "Start-up check" });
  }

  /** By axe-core, in light and dark; and nothing sticks out to the right. */
  async expectAccessible(): Promise<void> {
    for (const colorScheme of ["light", "dark"] as const) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // As a script tag it would be against the page's policy.
      await this.page.evaluate(axe.source);
      const found = await this.page.evaluate(async () => {
        const { violations } = await (globalThis as unknown as { readonly axe: typeof axe }).axe.run();
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
      });
      expect(found, colorScheme).toEqual([]);
    }
    const [content, window] = await this.page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return [scrollWidth, clientWidth];
    });
    expect(content).toBe(window);
  }
}

const plain = (text: string): string => text.replaceAll("\u00a0", " ").trim();
