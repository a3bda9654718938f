/** The console as an operator has it: what can be pressed, and what can be read. */
import type { BrowserContext, Locator, Page } from "playwright-core";

export class ConsoleView {
  readonly page: Page;
  /** Errors nobody caught, and what the page's own policy forbade. */
  readonly complaints: string[] = [];
  /** Every address that was asked for. */
  readonly asked: string[] = [];

  /** `hash`: where in the console. */
  static async open(context: BrowserContext, origin: string, key: string, hash = ""): Promise<ConsoleView> {
    const view = new ConsoleView(await context.newPage());
    await view.page.goto(`${origin}/console${hash}`);
    await view.enter(key);
    await view.page.getByRole("banner").waitFor();
    return view;
  }

  constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (said) => {
      // Chromium tells of each reply that is none of success, as well.
      if (said.type() === "error" && !said.text().startsWith("Failed to load resource")) {
        this.complaints.push(said.text());
      }
    });
    page.on("request", (request) => this.asked.push(request.url()));
  }

  async enter(key: string): Promise<void> {
    await this.page.getByLabel("API key").fill(key);
    await this.page.keyboard.press("Enter");
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole("button", typeof name === "string" ? { name, exact: true } : { name });
  }

  async press(name: string | RegExp): Promise<void> {
    await this.button(name).click();
  }

  get dialog(): Locator {
    return this.page.getByRole("dialog");
  }

  /** Presses what the open dialog has for it. */
  async confirm(name: string): Promise<void> {
    await this.dialog.getByRole("button", { name, exact: true }).click();
    await this.dialog.waitFor({ state: "detached" });
  }

  /** Waits until it is said that something was done. */
  async said(text: string | RegExp): Promise<void> {
    await this.page.locator(".notice", { hasText: text }).first().waitFor();
  }

  tab(name: string): Promise<void> {
    return this.page.getByRole("navigation", { name: "Of this user" }).getByRole("link", { name }).click();
  }

  /** Rows of the table on screen, without its head and without what is opened. */
  get rows(): Locator {
    return this.page.locator("tbody tr:not(.detail)");
  }
}
