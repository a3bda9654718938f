/** Dead letters in the console, from hostile ones to a thousand, and those of all users at once. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { Receiver, SECRET } from "../support/receiver.ts";
import { expectAccessible, expectFitsPhone } from "./accessible.ts";
import { ConsoleGround, userLink } from "./console-ground.ts";

/** Each screen is looked over by axe, in light and in dark: some seconds each on a slow machine. */
vi.setConfig({ testTimeout: 120_000 });

let ground: ConsoleGround;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.start();
  const vars = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: SECRET, WEBHOOK_EVENTS: "message.undeliverable" };
  ground = await ConsoleGround.start({ vars });
});
afterEach(() => ground.leave());
afterAll(() => Promise.all([ground?.stop(), receiver?.close()]));

const letters = async (user: string): Promise<number> => (await ground.backend.user(user)).body.dead_letters;

test("[D7] whatever a message says is shown as text: markup, what turns the direction, NUL, 200 kB", async () => {
  const user = '"><img src=x onerror=alert(1)>\u202Egnp';
  const type = "</script><script>alert(1)</script>";
  const data = {
    "<b>": "<script>document.title='owned'</script>",
    turned: "\u202Eabc\u2066",
    controls: "\u0000\u001b[31m\u0085\u2028",
    empty: "\u200B",
    family: "👩‍👩‍👧",
    constructor: { prototype: null },
    big: "A".repeat(200_000),
  };
  await ground.reject(user, [{ type, id: "evil", data }], "</td><h1>\u202Eno");
  const view = await ground.open(userLink(user, "dead-letters"));
  await view.press(type);
  const shown = view.page.locator(".data pre");
  await view.page.getByText("Show all 200,").waitFor();
  await view.press(/^Show all 200,/);
  const text = await shown.innerText();
  // What cannot be seen is named, and all else is as it was sent.
  const named = text.replaceAll(/U\+([0-9A-F]{4})/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
  expect(JSON.parse(named)).toEqual(data);
  for (const name of ["U+202E", "U+2066", "U+0085", "U+2028", "U+200B"]) expect(text).toContain(name);
  expect(text).toContain("👩‍👩‍👧");
  expect(text).toContain("\\u0000\\u001b[31m");
  await view.page.getByRole("heading", { level: 1 }).getByText("U+202E").waitFor();
  expect(await view.page.locator("main img, main script, main h1 h1, td h1").count()).toBe(0);
  expect(await view.page.title()).toBe(`${user} · Restante console`);
  await expectFitsPhone(view.page);
  await expectAccessible(view.page);
  // As it was, and not as it is shown.
  await view.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await view.button("Copy the data").click();
  await view.said("Copied the data.");
  expect(JSON.parse(await view.page.evaluate(() => navigator.clipboard.readText()))).toEqual(data);
  expect(view.complaints).toEqual([]);
});

test("[D7] one is requeued, one deleted, some chosen, and the rest by reason; each action says what it did", async () => {
  const user = "chooser";
  const messages = Array.from({ length: 6 }, (_, n) => ({ type: `order-${n}`, id: `o-${n}`, data: { n } }));
  await ground.reject(user, messages, "no such order");
  await ground.backend.send(user, { type: "late", ttl: 0.05 });
  await eventually("the late one is dead", async () => (await letters(user)) === 7);
  const view = await ground.open(userLink(user, "dead-letters"));
  await view.rows.nth(6).waitFor();
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);

  await view.press("order-0");
  await view.press("Requeue");
  await view.said("Requeued 1 dead letter.");
  await eventually("6 are left", async () => (await view.rows.count()) === 6);
  const [again] = (await ground.backend.list(user)).body.messages;
  expect(again).toMatchObject({ type: "order-0", data: { n: 0 } });
  expect(again).toHaveProperty("requeued_from");

  await view.press("order-1");
  await view.press("Delete …");
  await view.confirm("Delete");
  await view.said("Deleted 1 dead letter.");
  expect(await letters(user)).toBe(5);

  for (const name of [/^Choose order-2,/, /^Choose order-3,/]) await view.page.getByRole("checkbox", { name }).check();
  await view.press("Requeue 2");
  await view.confirm("Requeue");
  await view.said("Requeued 2 dead letters.");
  const requeued = (await ground.backend.list(user)).body.messages.map(({ type }: { type: string }) => type);
  expect(requeued).toEqual(["order-0", "order-2", "order-3"]);

  await view.press("expired");
  await eventually("one is shown", async () => (await view.rows.count()) === 1);
  await view.press("Delete all expired …");
  await view.confirm("Delete");
  await view.page.getByText("None that expired.").waitFor();
  expect(await letters(user)).toBe(2);
  await view.press("All");
  await view.press("Requeue all …");
  await view.confirm("Requeue");
  await view.said("Requeued 2 dead letters.");
  await view.page.getByText("No dead letters.").waitFor();
  expect(await letters(user)).toBe(0);
  expect((await ground.backend.user(user)).body.held.count).toBe(5);
  expect(view.complaints).toEqual([]);
});

test("[D7] all of it goes by the keyboard alone", async () => {
  const user = "keys-only";
  await ground.reject(
    user,
    [
      { type: "order", id: "o-1" },
      { type: "order", id: "o-2" },
      { type: "order", id: "o-3" },
    ],
    "no",
  );
  const view = await ground.open(userLink(user));
  await view.page.getByText("Never connected").or(view.page.getByText("Not connected")).first().waitFor();
  const { keyboard } = view.page;
  await view.tabTo(/^Dead letters/);
  await keyboard.press("Enter");
  await view.rows.nth(2).waitFor();
  await view.tabTo("order");
  await keyboard.press("Enter");
  await view.tabTo("Requeue");
  await keyboard.press("Enter");
  await view.said("Requeued 1 dead letter.");
  await eventually("2 are left", async () => (await view.rows.count()) === 2);
  await view.tabTo("Choose all on this page");
  await keyboard.press("Space");
  for (
    let key = 0;
    key < 6 && !(await view.button("Delete 2").evaluate((b) => b === document.activeElement));
    key += 1
  ) {
    await keyboard.press("Shift+Tab");
  }
  await keyboard.press("Enter");
  await view.dialog.waitFor();
  // The focus stays within the dialog, and begins where nothing happens.
  expect(await view.page.evaluate(() => document.activeElement?.textContent)).toBe("Leave it");
  await view.tabTo("Delete");
  await keyboard.press("Enter");
  await view.said("Deleted 2 dead letters.");
  await view.page.getByText("No dead letters.").waitFor();
  expect(view.complaints).toEqual([]);
});

test("[D7] a thousand are read page by page, and the page stays small and quick", async () => {
  const user = "thousand";
  const batch = Array.from({ length: 1_000 }, (_, n) => ({
    to: user,
    type: "late",
    id: `late-${n}`,
    ttl: 0.5,
    data: n,
  }));
  await ground.backend.sendBatch(batch);
  await eventually("all are dead", async () => (await letters(user)) === 1_000, 30_000);
  const view = await ground.open(userLink(user, "dead-letters"));
  for (let page = 1; page <= 10; page += 1) {
    await view.page.getByText(`Page ${page}`, { exact: true }).waitFor();
    await view.page.getByText(`late-${(page - 1) * 100}`, { exact: true }).waitFor();
    expect(await view.rows.count()).toBe(100);
    if (page < 10) await view.press("Next");
  }
  expect(await view.button("Next").getAttribute("aria-disabled")).toBe("true");
  expect(await view.page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThan(2_500);
  await view.press("Back");
  await view.page.getByText("late-800", { exact: true }).waitFor();
  // Chosen over pages, they are done with in their order.
  await view.page.getByLabel("Choose all on this page").check();
  await view.press("Delete 100");
  await view.confirm("Delete");
  await view.said("Deleted 100 dead letters.");
  expect(await letters(user)).toBe(900);
  await view.press("Delete all …");
  await view.dialog.getByText("There are 900.").waitFor();
  await view.confirm("Delete");
  await view.said("Deleted 900 dead letters.");
  await view.page.getByText("No dead letters.").waitFor();
  expect(view.complaints).toEqual([]);
});

test("[N4, N5] who needs a person is one list; all of it is requeued by reason and time, and a reload goes on showing how far it is", async () => {
  const users = Array.from({ length: 6 }, (_, n) => `broken-release-${n}`);
  const since = new Date(Date.now() - 1_000);
  for (const user of users) await ground.reject(user, [{ type: "order", id: "o" }], "TypeError");
  const view = await ground.open();
  const attention = view.page.getByRole("region", { name: "Who needs a person" });
  await attention.getByRole("button", { name: /^rejected/ }).click();
  for (const user of users) await attention.getByRole("link", { name: user, exact: true }).waitFor({ timeout: 20_000 });
  await expectFitsPhone(view.page);
  await attention.getByRole("link", { name: users[0] ?? "", exact: true }).click();
  await view.page.getByRole("heading", { name: "Dead letters", exact: true }).waitFor();
  await view.page.goBack();

  const many = view.page.getByRole("region", { name: "All users at once" });
  await many.getByLabel("Dead letters that were").selectOption("rejected");
  const local = new Date(since.getTime() - since.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  await many.getByLabel("from").fill(local);
  await view.press("Requeue …");
  await view.dialog.getByText(`that were rejected from ${local.replace("T", " ")}`).waitFor();
  await expectAccessible(view.page);
  await view.confirm("Requeue them");
  await view.said("It has begun to requeue.");
  await many.getByRole("listitem").getByText("done", { exact: true }).waitFor({ timeout: 30_000 });
  await view.page.getByRole("link", { name: "All jobs of the last days" }).click();
  await view.page.reload();
  const job = view.page.getByRole("listitem").filter({ hasText: "Requeue rejected from" });
  await job.getByText("done", { exact: true }).waitFor({ timeout: 30_000 });
  expect(await job.innerText()).toMatch(/(\d+) of \1\susers · (?:[6-9]|\d\d+)\sdead letters requeued/);
  for (const user of users) {
    expect((await ground.backend.user(user)).body).toMatchObject({ dead_letters: 0, held: { count: 1 } });
  }
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);

  await ground.reject(users[0] ?? "", [{ type: "order", id: "p" }], "again");
  await view.page.getByRole("link", { name: "Overview" }).click();
  await view.press("Delete …");
  await view.confirm("Delete them");
  await view.said("It has begun to delete.");
  await eventually("it is deleted", async () => (await letters(users[0] ?? "")) === 0);
  expect(view.complaints).toEqual([]);
});

test("[N5] a time that is half typed bounds nothing: nothing is asked, and nothing done, until it is whole or gone", async () => {
  const view = await ground.open();
  const from = view.page.getByRole("region", { name: "All users at once" }).getByLabel("from");
  await from.focus();
  await view.page.keyboard.type("1127");
  for (const name of ["Delete …", "Requeue …"]) {
    await view.press(name);
    expect(await view.dialog.count()).toBe(0);
  }
  expect(await from.evaluate((field: HTMLInputElement) => [field.value, field.validity.badInput])).toEqual(["", true]);
  await from.fill("");
  await view.press("Delete …");
  await view.dialog.getByText("of any reason until now").waitFor();
});

test("[N2] a webhook that was given up says why, is told again, and thrown away", async () => {
  const user = "told";
  receiver.answer = () => ({ status: 410 });
  await ground.backend.send(user, { type: "order", id: "o", fallback: { after: 0.05 } });
  const view = await ground.open(userLink(user, "webhooks"));
  const row = view.page.getByRole("row", { name: /message\.fallback/ });
  await row.getByText("given up", { exact: true }).waitFor({ timeout: 30_000 });
  await row.getByText("it answered 410").waitFor();
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);
  await view.press("Delete what was given up …");
  await view.confirm("Delete");
  await view.said("Deleted 1 webhook.");
  await view.page.getByText("Nothing is to be told.").waitFor();

  await ground.backend.send(user, { type: "order", id: "p", fallback: { after: 0.05 } });
  await row.getByText("given up", { exact: true }).waitFor({ timeout: 30_000 });
  receiver.answer = () => ({ status: 204 });
  await view.press("Tell again what was given up");
  await view.said("begin anew, with the same ids");
  await receiver.until((all) => all.some(({ body }) => body.data.id === "p" && body.type === "message.fallback"));
  await view.page.getByText("Nothing is to be told.").waitFor({ timeout: 30_000 });
  expect(view.complaints).toEqual([]);
});
