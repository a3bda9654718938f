/** The console's front page as an operator has it: what can be pressed, and what can be read. */
import type { Locator, Page } from "playwright-core";
import { API_KEY } from "../support/credentials.ts";
import { expectAccessible, expectFits } from "./accessible.ts";
import type { ConsoleGround } from "./console-ground.ts";
import { ConsoleView } from "./console-view.ts";

/** An event comes every 5 s. */
const LIVE_DEADLINE_MS = 20_000;

export class DashboardView extends ConsoleView {
  /** In a tab among those of a person, in front; `hash` as the address has it. */
  static async inFront({ browser, site }: ConsoleGround, hash = ""): Promise<DashboardView> {
    const view = new DashboardView(await browser.context.newPage());
    await view.page.goto(`${site.origin}/console${hash}`);
    await view.enter(API_KEY);
    await view.page.locator(".figure canvas").first().waitFor();
    return view;
  }

  constructor(page: Page) {
    super(page);
    page.setDefaultTimeout(30_000);
  }

  /** Streams that it has asked for. */
  get streams(): number {
    return this.asked.filter((url) => url.includes("/v1/monitor")).length;
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

  get table(): Locator {
    return this.page.getByRole("table", { name: "What the charts show" });
  }

  get alerts(): Locator {
    return this.page.getByRole("region", { name: "Alerts" });
  }

  get startUp(): Locator {
    return this.page.getByRole("region", { name: "Start-up check" });
  }

  async expectAccessible(): Promise<void> {
    await expectAccessible(this.page);
    await expectFits(this.page);
  }
}

const plain = (text: string): string => text.replaceAll("\u00a0", " ").trim();
