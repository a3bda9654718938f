/** The dashboard in a browser, over a real Worker and its Monitors: each number the deployment's own, and each silence said. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { failure, percentile } from "../../src/console/page/dashboard/units.ts";
import type { TimesReply } from "../../src/protocol/replies.ts";
import { eventually } from "../proofs/clock.ts";
import type { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import type { Runtime } from "../support/runtime.ts";
import { DashboardGround, MINUTE_MS } from "./dashboard-ground.ts";
import { DashboardView } from "./dashboard-view.ts";

let ground: DashboardGround;
let runtime: Runtime;
let backend: Backend;
let view: DashboardView;

beforeAll(async () => {
  ground = await DashboardGround.start();
  ({ runtime, backend } = ground.console);
});
afterAll(() => ground?.console.stop());
beforeEach(() => ground.prepare());
afterEach(async () => {
  vi.restoreAllMocks();
  expect(view.complaints).toEqual([]);
  await ground.console.browser.closeTabs();
});

const plain = (text: string): string => text.replaceAll("\u00a0", " ");
const several = (times: TimesReply | null): readonly string[] =>
  (["p50_ms", "p95_ms", "p99_ms"] as const).map((key) => plain(`${percentile(times?.[key] ?? -1)} ${key.slice(0, 3)}`));

describe("[M1] the dashboard", () => {
  test("[M1] of a deployment that nobody has used says so, in any light and on a phone, and by the policy of the page", async () => {
    view = await DashboardView.inFront(ground.console);
    await view.says("No messages in the last 15 minutes.");
    expect(await view.tone()).toBe("quiet");
    expect(await view.page.title()).toBe("– No messages in the last 15 minutes.");
    expect((await view.read("establishment")).numbers).toEqual(["– p50", "– p95", "– p99"]);
    expect(await view.read("deliveries")).toEqual({ numbers: ["–"], note: "nothing has ended", legend: "failed –" });
    expect(await view.page.locator(".figure canvas").count()).toBe(10);
    await view.startUp.getByText("Passed", { exact: true }).waitFor();
    await view.alerts.getByText("None has fired.").waitFor();
    await view.expectAccessible();
    await view.page.setViewportSize({ width: 360, height: 740 });
    await view.expectAccessible();
  });

  test("[M1, M2] shows, as it happens, the numbers that GET /v1/monitor tells", { timeout: 90_000 }, async () => {
    view = await DashboardView.inFront(ground.console);
    await ground.visit(12);
    await ground.visit(3, { attempt: "2" });
    const rejecting = await Connection.open(runtime.url, { token: await mintLocally("app") });
    await backend.send("app", { type: "no such type" });
    const [message] = await rejecting.receive(1);
    rejecting.send({ type: "reject", seq: message?.seq, reason: "no such type" });
    await rejecting.settle();
    await rejecting.close();
    await backend.send("away", { type: "a" });
    // A Mailbox reports at its first event 10 s or more after its last report.
    await ground.pastReports();
    await backend.send("away", { type: "b" });
    const open = await Connection.open(runtime.url, { token: await mintLocally("here") });
    await ground.handOver();
    await ground.console.tell("schedule");

    await view.says("All but 1 message reached their users.");
    await view.figure("open").getByText("1", { exact: true }).waitFor({ timeout: 20_000 });
    const { total, now } = await ground.monitor();
    const { connections, messages } = total;
    // The truth, and not only that both say the same.
    expect([messages.accepted, messages.delivered, messages.rescued, messages.rejected]).toEqual([33, 30, 15, 1]);
    expect([connections.attempts, connections.retries, now.held.count]).toEqual([17, 3, 2]);

    expect(await view.read("establishment")).toEqual({
      numbers: several(connections.time),
      note: "of 17 attempts, 0 failed (0 %)",
      legend: "p50, p95, p99",
    });
    expect(await view.read("deliveries")).toEqual({
      numbers: ["96.77 %"],
      note: "of 31 messages that ended",
      legend: `failed 1 (${plain(failure(1 / 31))})`,
    });
    expect(await view.read("retries")).toMatchObject({ numbers: ["3"], note: "of 17 attempts: not a client’s first" });
    expect((await view.read("recovery-queue")).numbers).toEqual(["2"]);
    expect((await view.read("waiting")).numbers).toEqual(several(messages.waiting_time));
    expect((await view.read("wire")).numbers).toEqual(several(messages.wire_time));
    expect((await view.read("sends")).legend).toBe("sent 33, delivered 30");
    expect((await view.read("rescued")).numbers).toEqual(["15"]);
    expect(await view.read("dead-letters")).toMatchObject({
      numbers: ["1"],
      legend: "expired 0, rejected 1, undeliverable 0",
    });
    await open.close();
    expect(view.streams).toBe(1);
  });

  test("[M1] has every value of its charts in a table, which the keyboard reaches, and at the cursor of all of them", {
    timeout: 120_000,
  }, async () => {
    view = await DashboardView.inFront(ground.console);
    const { page } = view;
    await view.asTable.focus();
    await page.keyboard.press("Space");
    const { table } = view;
    await table.waitFor();
    expect(await page.locator("canvas").count()).toBe(0);
    const { slots } = await ground.monitor();
    expect(await table.locator("tbody tr").count()).toBe(slots.length);
    const sum = async (column: number) => {
      const cells = await table.locator(`tbody td:nth-child(${column})`).allTextContents();
      expect(cells).toHaveLength(slots.length);
      return cells.reduce((all, text) => all + Number(text), 0);
    };
    // After the hour: three percentiles, the share that failed, and retries.
    expect(await sum(6)).toBe(3);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.className)).toContain("numbers");
    await view.expectAccessible();
    await view.asTable.uncheck();

    // Where something was rescued, and so sent and delivered; the slots move on as time does.
    const chart = page.locator("#rescued .u-over");
    await chart.scrollIntoViewIfNeeded();
    await eventually("the cursor's values, in each chart", async () => {
      const { slots } = await ground.monitor();
      const at = slots.findIndex(({ messages }) => messages.rescued > 0);
      const { rescued, wire_time } = slots[at]?.messages ?? {};
      const { x, y, width, height } = (await chart.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
      await page.mouse.move(x + ((at + 0.2) / slots.length) * width, y + height / 2);
      const [bars, lines] = [await view.read("rescued"), await view.read("wire")];
      return (
        bars.legend === `rescued per 10 s ${rescued}` &&
        lines.legend.startsWith(plain(`p50 ${percentile(wire_time?.p50_ms ?? -1)},`))
      );
    });
    expect(await page.locator(".cursor-time:visible").count()).toBe(10);
    await page.mouse.move(0, 0);
    await page.locator(".cursor-time:visible").first().waitFor({ state: "hidden" });
  });

  test("[M1] goes over 15 minutes, 6 hours or 7 days, as its address says", async () => {
    view = await DashboardView.inFront(ground.console, "#/7d");
    const { page } = view;
    const current = () => page.locator(".ranges [aria-current]").textContent();
    expect(await current()).toBe("7 days");
    await view.range("6 hours").focus();
    await page.keyboard.press("Enter");
    await page.locator(".because", { hasText: "in the last 6 hours" }).waitFor();
    expect([new URL(page.url()).hash, await current()]).toEqual(["#/6h", "6 hours"]);
    expect((await view.read("retries")).legend).toBe("retries per minute");
    await view.asTable.check();
    expect(await view.table.locator("tbody tr").count()).toBe(360);
    await page.goBack();
    await page.locator(".because", { hasText: "in the last 7 days" }).waitFor();
    await page.reload();
    await page.locator(".because", { hasText: "in the last 7 days" }).waitFor();
    await view.range("15 minutes").click();
    await page.locator(".because", { hasText: "in the last 15 minutes" }).waitFor();
    expect(new URL(page.url()).hash).toBe("#/");
  });

  test("[M1] asks for nothing while its tab is behind another, and leaves nothing behind when it is left", async () => {
    view = await DashboardView.inFront(ground.console);
    const { page } = view;
    const ended = page.waitForEvent("requestfailed", (request) => request.url().includes("/v1/monitor"));
    const other = await ground.console.browser.context.newPage();
    await other.bringToFront();
    await ended;
    expect(await page.title()).toBe("Restante console");
    expect(view.streams).toBe(1);
    await page.bringToFront();
    await eventually("another stream", () => view.streams === 2);
    await other.close();

    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable");
    const counted = async (): Promise<Readonly<Record<string, number>>> => {
      await devtools.send("HeapProfiler.collectGarbage");
      const { metrics } = await devtools.send("Performance.getMetrics");
      return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
    };
    const round = async (): Promise<void> => {
      await page.getByRole("link", { name: "Jobs", exact: true }).click();
      await page.locator(".dashboard").waitFor({ state: "detached" });
      await page.getByRole("link", { name: "Overview", exact: true }).click();
      await page.locator("#open canvas").waitFor();
      await page.setViewportSize({ width: 700, height: 700 });
      await page.setViewportSize({ width: 1280, height: 700 });
    };
    await round();
    const before = await counted();
    for (let n = 0; n < 6; n += 1) await round();
    const after = await counted();
    // One left behind would be ten charts a round, of some hundred nodes and listeners.
    expect((after.JSEventListeners ?? 0) - (before.JSEventListeners ?? 0)).toBeLessThan(60);
    expect((after.Nodes ?? 0) - (before.Nodes ?? 0)).toBeLessThan(400);
  });
});

describe("[M3] the dashboard", () => {
  test("[M3, M4] says which alerts fire, since when, whom it happens to and what to do; and that they are over", {
    timeout: 120_000,
  }, async () => {
    view = await DashboardView.inFront(ground.console);
    const { page } = view;
    await ground.console.tell("fault/mailbox");
    for (const _ of [1, 2, 3]) {
      expect((await backend.send(ground.newUser(), { type: "a" })).body.code).toBe("outcome_unknown");
    }
    await ground.minute();
    await ground.console.tell("fault/start-up");
    await ground.minute();
    await view.says("2 alerts:");
    expect([await view.tone(), (await page.title()).slice(0, 11)]).toEqual(["bad", "✗ 2 alerts:"]);
    expect(await view.sentence.textContent()).toContain("Mailboxes fail");
    expect(await view.sentence.textContent()).toContain("the start-up check fails");

    await page.getByRole("button", { name: "What to do" }).click();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("alerts");
    const alert = view.alerts.locator(".alert", { hasText: "Mailbox failures" });
    expect(await alert.locator(".status").textContent()).toBe("firing");
    await alert.getByText("3 users").click();
    expect(await alert.locator(".users code").allTextContents()).toEqual([
      ...Array.from({ length: 3 }, () => expect.stringMatching(/^[0-9a-f]{64}$/)),
    ]);
    await alert.getByText("What to look at, what to do").click();
    await alert.getByText("Releases work with the data of the one before and after.").waitFor();
    expect(await alert.getByRole("link", { name: "Your own copy" }).getAttribute("href")).toBe(
      "https://ops.example.com/OPERATIONS.md#mailbox-failures",
    );
    const connect = view.startUp.locator("li:nth-child(3)");
    expect(await connect.getAttribute("data-state")).toBe("failed");
    await connect.getByText("Not done within 300 ms (READY_STEP_MS).").waitFor();
    await view.expectAccessible();

    await ground.console.tell("fault/none");
    await view.startUp.getByRole("button", { name: "Check now" }).click();
    await view.startUp.getByText("Passed", { exact: true }).waitFor();
    expect(await view.startUp.locator("li[data-state=passed]").count()).toBe(6);
    for (let n = 0; n < 7; n += 1) await ground.minute();
    await view.sentence.filter({ hasNotText: "alert" }).waitFor({ timeout: 20_000 });
    expect(await view.alerts.locator(".alert .status").allTextContents()).toEqual(["resolved", "resolved"]);
  });

  test("[M3, M4] a check that fails as it is asked for is shown with the step at which it ended", async () => {
    await ground.console.tell("fault/start-up");
    view = await DashboardView.inFront(ground.console);
    await view.startUp.getByRole("button", { name: "Check now" }).click();
    await view.startUp.getByText("Failed", { exact: true }).waitFor();
    await view.says("The start-up check fails at connect.");
    await ground.console.tell("fault/none");
    await view.startUp.getByRole("button", { name: "Check now" }).click();
    await view.startUp.getByText("Passed", { exact: true }).waitFor();
  });

  test("[M3] is unsure where the schedule has not looked for three minutes, or where its own data is old", {
    timeout: 90_000,
  }, async () => {
    await ground.minute();
    view = await DashboardView.inFront(ground.console);
    await ground.advance(4 * MINUTE_MS);
    await view.says("Nobody has looked since");
    expect(await view.tone()).toBe("unsure");
    await ground.console.tell("schedule");
    await view.sentence.filter({ hasNotText: "Nobody" }).waitFor({ timeout: 20_000 });

    await runtime.kill();
    await view.says("No data since");
    expect([await view.tone(), (await view.page.title()).slice(0, 3)]).toEqual(["unsure", "? N"]);
    await view.page.locator(".because", { hasText: "The service cannot be reached from here." }).waitFor();
    await view.page.getByText("Stale, as of").waitFor();
    await view.expectAccessible();
    // What it had is still there, and says of when it is.
    expect(await view.page.locator(".figure").count()).toBe(10);
    await runtime.restart();
    await ground.advance(0);
    await ground.console.tell("schedule");
    await view.page.getByText("Live, as of").waitFor({ timeout: 40_000 });
    expect(await view.tone()).not.toBe("unsure");
  });

  test("[M3] takes a stream that has not ended, but is silent, for no data; and goes on by itself", async () => {
    view = await DashboardView.inFront(ground.console);
    await view.page.getByText("Live, as of").waitFor();
    process.kill(runtime.pid, "SIGSTOP");
    try {
      await view.says("No data since");
    } finally {
      process.kill(runtime.pid, "SIGCONT");
    }
    await view.page.getByText("Live, as of").waitFor({ timeout: 40_000 });
    expect(view.streams).toBeGreaterThan(1);
  });
});
