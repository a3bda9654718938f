/** The demo's page as its reader has it: what can be pressed, and what can be read. */
import type { BrowserContext, Locator, Page } from "playwright-core";
import { eventually } from "../proofs/clock.ts";

export type Column = "An ordinary stack" | "Restante";

const RUN_DEADLINE_MS = 40_000;

export class DemoView {
  readonly page: Page;
  /** Whatever the browser complained of: errors nobody caught, and what the page's own policy forbade. */
  readonly complaints: string[] = [];
  /** Frames of the page's sockets, parsed, in order. */
  readonly frames: { readonly type: string; readonly [field: string]: unknown }[] = [];

  static async open(context: BrowserContext, origin: string): Promise<DemoView> {
    const view = new DemoView(await context.newPage());
    await view.page.goto(`${origin}/demo`);
    return view;
  }

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (said) => {
      if (said.type() === "error") this.complaints.push(said.text());
    });
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => this.frames.push(JSON.parse(String(payload))));
    });
  }

  get replay(): Locator {
    return this.page.getByRole("button", { name: "Replay the failure" });
  }

  switch(name: string): Locator {
    return this.page.getByRole("checkbox", { name });
  }

  column(name: Column): Locator {
    return this.page.getByRole("region", { name, exact: true });
  }

  /** Resolves once the connection's line begins so. */
  async status(text: string): Promise<void> {
    await this.page.locator("header").getByText(text).waitFor({ timeout: RUN_DEADLINE_MS });
  }

  /** Resolves once so many pieces of the answer are there, at least. */
  async pieces(count: number): Promise<void> {
    const words = async () => (await this.answer("Restante")).match(/\S+/g)?.length ?? 0;
    await eventually(`${count} pieces of two words`, async () => (await words()) >= 2 * count, RUN_DEADLINE_MS);
  }

  /** Resolves once the answer is whole, and its agent has noted all of it. */
  async complete(): Promise<void> {
    await this.page
      .getByRole("log")
      .getByText(/^Complete: /)
      .waitFor({ state: "attached", timeout: RUN_DEADLINE_MS });
  }

  /** The answer's text, that of Restante's column as it stands there, that of the other with what was lost in brackets. */
  async answer(column: Column): Promise<string> {
    return (await this.column(column).locator(".answer").textContent()) ?? "";
  }

  /** The event types of the column's steps, each with its badge. */
  async steps(column: Column): Promise<readonly string[]> {
    const steps = await this.column(column)
      .getByRole("listitem")
      .filter({ has: this.page.locator("code") })
      .all();
    return Promise.all(
      steps.map(async (step) => {
        const badge = step.locator(".badge");
        const type = await step.locator("code").innerText();
        return (await badge.count()) === 0 ? type : `${type} ${await badge.innerText()}`;
      }),
    );
  }

  /** How many of how many arrived, as the column says. */
  async score(column: Column): Promise<{ readonly arrived: number; readonly of: number }> {
    const text = await this.column(column)
      .getByText(/ of .* arrived$/)
      .innerText();
    const [arrived = Number.NaN, of = Number.NaN] = text.match(/\d+/g)?.map(Number) ?? [];
    return { arrived, of };
  }

  /** What the page counted, by name. */
  async counted(): Promise<Readonly<Record<string, string>>> {
    const column = this.column("Restante");
    const [names, values] = [await column.locator("dt").allInnerTexts(), await column.locator("dd").allInnerTexts()];
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
  }

  /** The lines of the log that an ordinary server would have written. */
  async serverLog(): Promise<readonly string[]> {
    return this.page.getByRole("region", { name: "Its server’s log" }).getByRole("listitem").allInnerTexts();
  }
}
