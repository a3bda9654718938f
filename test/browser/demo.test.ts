/** The demo, as `npm start` serves it and a reader uses it; and what else `npm start` serves. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SCRIPT } from "../../src/demo/script.ts";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { expectAccessible, expectFitsPhone } from "./accessible.ts";
import { type Browser, startBrowser } from "./browser.ts";
import { ConsoleView } from "./console-view.ts";
import { type DemoServer, startDemoServer } from "./demo-server.ts";
import { DemoView } from "./demo-view.ts";

const EVENTS = SCRIPT.length;
const ANSWER = SCRIPT.map(({ event }) => (event.type === "text_streamed" ? event.data.text : "")).join("");
const STEPS = SCRIPT.flatMap(({ event }) => (event.type === "text_streamed" ? [] : [event.type]));
/** What stands beside steps is about time, and may be another each time. */
const bare = (steps: readonly string[]) => steps.map((step) => step.split(" ")[0]);

let browser: Browser;
let server: DemoServer;
beforeAll(async () => {
  [browser, server] = await Promise.all([startBrowser(), startDemoServer()]);
});
afterAll(() => Promise.all([browser?.stop(), server?.stop()]));

/** A reader who was never here: a profile, and so a user, of their own. */
const newReader = async () => {
  const context = await browser.context.browser()?.newContext();
  if (context === undefined) throw new Error("Chromium makes no profile.");
  return context;
};

/** All of it is here, in order, once; whatever happened on the way. */
const expectWhole = async (view: DemoView): Promise<void> => {
  await view.complete();
  expect(await view.answer("Restante")).toBe(ANSWER);
  expect(bare(await view.steps("Restante"))).toEqual(STEPS);
  expect(await view.score("Restante")).toEqual({ arrived: EVENTS, of: EVENTS });
  expect(await view.counted()).toMatchObject({ "shown twice": "0", "out of order": "0", answer: "complete" });
  expect(view.complaints).toEqual([]);
};

const userOf = (view: DemoView) => view.page.evaluate(() => localStorage.getItem("restante.demo.user") ?? "");

describe.concurrent("the demo", () => {
  test("[S2, C2] replays, by the keyboard alone, what an ordinary stack loses and what arrives here", async () => {
    const view = await DemoView.open(await newReader(), server.origin);
    const { page } = view;
    await view.status("not connected");
    await expectAccessible(page);

    const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id);
    const reached: (string | undefined)[] = [];
    for (let key = 0; key < 7; key += 1) {
      await page.keyboard.press("Tab");
      reached.push((await focused())?.trim());
      expect(await page.evaluate(() => document.activeElement?.matches(":focus-visible"))).toBe(true);
    }
    expect(reached).toEqual(["Skip to the answer", "Replay the failure", "slow", "tab", "drop", "offline", "reload"]);
    expect(view.frames).toEqual([]);
    await page.keyboard.press("Enter");
    await expectWhole(view);

    // What waited when the page attached is what an ordinary stack had lost; one may be on its way at that very instant.
    const { arrived, of } = await view.score("An ordinary stack");
    const [established] = view.frames;
    expect(established).toMatchObject({ type: "connection_established", resumed: false });
    expect([0, 1]).toContain(of - arrived - Number(established?.pending));
    expect(of - arrived).toBeGreaterThanOrEqual(2);
    const steps = await view.steps("An ordinary stack");
    expect(bare(steps)).toEqual(STEPS);
    expect(steps.slice(0, 2)).toEqual(["agent_started lost", "agent_thinking lost"]);
    const log = await view.serverLog();
    expect(log).toHaveLength(of - arrived);
    expect(log[0]).toMatch(
      /^No WebSocket connections found for user demo_[0-9a-f]{8}…\. User will not receive message: agent_started$/,
    );
    expect(await view.counted()).toMatchObject({ "kept for this page": String(of - arrived), "repeats dropped": "0" });

    // Whoever listens hears the steps and whole sentences, not the pieces.
    const said = await page.getByRole("log").locator("p").allTextContents();
    expect(said.slice(0, 2)).toEqual(["agent started: has your question", "agent thinking: about the first seconds"]);
    const sentences = ANSWER.match(/[^.]+\./g)?.map((sentence) => sentence.trim()) ?? [];
    expect(said).toEqual(expect.arrayContaining(sentences));
    expect(said).toHaveLength(STEPS.length + sentences.length + 1);

    await expectAccessible(page);
    await expectFitsPhone(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await expectAccessible(page);
  });

  test("[C5] a page that is reloaded in mid-answer shows the whole answer, and once that is complete, none of it again", async () => {
    const view = await DemoView.open(await newReader(), server.origin);
    const { page } = view;
    await view.switch("Reload").check();
    await view.replay.click();
    const reloaded = page.waitForEvent("load");
    await view.pieces(1);
    const before = view.frames.length;
    await reloaded;
    expect(await view.switch("Reload").isChecked()).toBe(false);
    await expectWhole(view);
    expect(view.frames.slice(before).find(({ type }) => type === "connection_established")).toMatchObject({
      resumed: true,
    });
    expect(bare(await view.steps("An ordinary stack"))).toEqual(STEPS);
    expect(await view.serverLog()).toContainEqual(expect.stringMatching(/^Sent to another page .*: text_streamed$/));

    await page.reload();
    await view.status("connected in");
    expect(await view.column("Restante").locator(".answer").textContent()).toBe("");
    expect(await page.locator("#stage").getAttribute("data-state")).toBe("idle");
  });

  test("[D3] an answer through a broken connection and five seconds offline is whole, and nothing of it is shown twice", async () => {
    const view = await DemoView.open(await newReader(), server.origin);
    await view.switch("Dropped connection").check();
    await view.switch("Offline").check();
    await view.replay.click();
    await view.status("offline");
    await view.status("connected in");
    await expectWhole(view);
    // Each new connection begins at the checkpoint, before the answer: the library drops what the page has.
    expect(Number((await view.counted())["repeats dropped"])).toBeGreaterThan(0);
    expect(view.frames.filter(({ type }) => type === "connection_established").length).toBeGreaterThanOrEqual(3);
    // The break and the time offline, apart from each other, and the start, where that had come to the answer's text.
    expect((await view.steps("An ordinary stack"))[0]).toBe("agent_started lost");
    const startHadText = (await view.answer("An ordinary stack")).startsWith("[lost: ");
    const lost = await view.column("An ordinary stack").locator("del").count();
    expect(lost).toBeGreaterThanOrEqual(startHadText ? 3 : 2);
  });

  test("[C5, C2] a page that starts slowly, and a second tab opened in mid-answer, both show all of it", async () => {
    const reader = await newReader();
    const first = await DemoView.open(reader, server.origin);
    await first.switch("Slow cold start").check();
    await first.replay.click();
    await first.status("page is starting");
    await first.pieces(2);
    const opened = reader.waitForEvent("page");
    await first.switch("Second tab").check();
    const second = new DemoView(await opened);
    await Promise.all([expectWhole(first), expectWhole(second)]);
    const [slow, late] = [await first.score("An ordinary stack"), await second.score("An ordinary stack")];
    // Six seconds are more than the steps before the answer take.
    expect(slow.of - slow.arrived).toBeGreaterThan(STEPS.length);
    expect(late.arrived).toBeLessThan(slow.arrived);
  });

  test("[S2, D1] an agent goes on when its page is closed, and a page that is opened after its end shows the whole answer", async () => {
    const reader = await newReader();
    const closed = await DemoView.open(reader, server.origin);
    await closed.replay.click();
    await closed.column("An ordinary stack").locator("code", { hasText: "agent_thinking" }).waitFor();
    const user = await userOf(closed);
    await closed.page.close();
    // The agent's notes end with its run.
    const notes = await fetch(`${server.origin}/demo/agent?user=${user}`).then((reply) => reply.text());
    expect(notes.trimEnd().split("\n\n").at(-1)).toContain('"isOver":true');

    const later = await DemoView.open(reader, server.origin);
    await expectWhole(later);
    expect(await later.score("An ordinary stack")).toEqual({ arrived: 0, of: EVENTS });
    const backend = new Backend(server.origin, server.key);
    await eventually("nothing is held", async () => (await backend.user(user)).body.held.count === 0);
  });
});

test("the demo's page lets in nothing but its own, and its endpoints serve demo users only", async () => {
  const page = await fetch(`${server.origin}/demo`);
  expect(page.headers.get("content-security-policy")).toContain(
    "default-src 'none'; script-src 'self'; style-src 'self'",
  );
  const post = (path: string) => fetch(`${server.origin}/demo/${path}`, { method: "POST" });
  expect((await post("token?user=ada")).status).toBe(400);
  expect((await post("agent?user=demo_ada")).status).toBe(400);
  expect((await post(`tokens?user=demo_${crypto.randomUUID()}`)).status).toBe(404);
});

/** Under the policy that lets in nothing but the console's own files. */
const expectConsole = async ({ origin, key }: DemoServer): Promise<void> => {
  for (const path of ["/console", "/console/page.js", "/console/page.css"]) {
    const { status, headers } = await fetch(`${origin}${path}`);
    expect([path, status]).toEqual([path, 200]);
    const policy = headers.get("content-security-policy")?.split("; ");
    expect(policy).toEqual([
      ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
      ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
      ...["require-trusted-types-for 'script'", "trusted-types 'none'"],
    ]);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
  }
  const page = await fetch(`${origin}/console`).then((reply) => reply.text());
  expect(page).not.toMatch(/<style|style=|<script(?![^>]* src="\/console\/)|https?:/);
  const view = await ConsoleView.open(await newReader(), origin, key);
  await view.page.getByText("Nobody needs a person.").waitFor();
  expect(view.asked.every((url) => url.startsWith(origin))).toBe(true);
  expect(view.complaints).toEqual([]);
};

test("[A1] npm start serves the console, too, under a policy that lets in nothing but its own files", () =>
  expectConsole(server));

describe("npm start with another environment", () => {
  let production: DemoServer;
  beforeAll(async () => {
    production = await startDemoServer("--env production");
  });
  afterAll(() => production?.stop());

  test("serves no demo", async () => {
    for (const path of ["demo", "demo/page.js", `demo/agent?user=demo_${crypto.randomUUID()}`]) {
      expect((await fetch(`${production.origin}/${path}`)).status, path).toBe(404);
    }
  });

  test("[A1] serves the console, under the same policy", () => expectConsole(production));
});
