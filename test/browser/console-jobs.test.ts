/** What is done to the dead letters of all users at once, while it is being done. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { KEYS } from "../support/fuzz-keys.ts";
import { expectAccessible, expectFitsPhone } from "./accessible.ts";
import { ConsoleGround, WATCHED_WORKER } from "./console-ground.ts";

/** Each screen is looked over by axe, in light and in dark: some seconds each on a slow machine. */
vi.setConfig({ testTimeout: 120_000 });

let ground: ConsoleGround;
beforeAll(async () => {
  ground = await ConsoleGround.start({ entry: WATCHED_WORKER });
});
afterEach(() => ground.leave());
afterAll(() => ground?.stop());

test("[N5] a job that runs shows how far it is, after a reload too, until it is stopped; what is done stays done", async () => {
  const users = Array.from({ length: 12 }, (_, n) => `job-user-${n}`);
  for (const user of users) await ground.reject(user, [{ type: "order", id: "o" }], "TypeError");
  const job = async () => (await ground.backend.call("GET", "/v1/jobs")).body.jobs[0];
  const left = async (): Promise<number> => {
    const states = await Promise.all(users.map((user) => ground.backend.user(user)));
    return states.reduce((sum, { body }) => sum + body.dead_letters, 0);
  };
  const view = await ground.open();
  await view.page.getByText("12 users, those who wait longest first.").waitFor({ timeout: 20_000 });
  // It goes through some of them, and waits.
  await ground.tell("bulk/4");
  await view.press("Requeue …");
  await view.confirm("Requeue them");
  await view.said("It has begun to requeue.");
  const bar = view.page.getByRole("progressbar");
  const done = () => bar.evaluate((shown) => (shown as HTMLProgressElement).value);
  await eventually("the bar has moved", async () => (await done()) > 0);
  expect(await bar.evaluate((shown) => (shown as HTMLProgressElement).max)).toBe(12);
  expect(await done()).toBeLessThan(12);
  expect(await bar.getAttribute("aria-label")).toMatch(/^Requeue all dead letters until /);
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);

  await view.page.getByRole("link", { name: "All jobs of the last days" }).click();
  await view.page.reload();
  await bar.waitFor();
  expect(await done()).toBe((await job()).users.done);
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);

  // Who may only look sees it, and is told why they cannot end it.
  const onlooker = await ground.open("#/jobs", KEYS.monitor);
  await onlooker.page.getByRole("progressbar").waitFor();
  expect(await onlooker.button("Stop").getAttribute("title")).toBe("This key has no scope manage.");
  await onlooker.button("Stop").click({ force: true });
  expect((await job()).status).toBe("running");

  await view.press("Stop");
  await view.said(/Stopped after \d\susers?\. What is done stays done\./);
  for (const { page } of [view, onlooker]) {
    await page.getByRole("listitem").getByText("stopped", { exact: true }).waitFor();
    await page.getByRole("progressbar").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" });
  }
  // The step that was being taken is taken to its end, and none after it.
  await ground.tell("bulk/1000");
  await eventually("what is done is counted", async () => (await left()) === 12 - (await job()).users.done);
  expect(await left()).toBeGreaterThan(0);
  const { users: reached, dead_letters, status } = await job();
  expect({ reached, dead_letters, status }).toMatchObject({
    reached: { total: 12, failed: 0 },
    dead_letters: { done: reached.done, left: 0 },
    status: "stopped",
  });
  await view.page.getByText(`${reached.done} of 12 users · ${reached.done} dead letters requeued`).waitFor();
  expect([...view.complaints, ...onlooker.complaints]).toEqual([]);
});
