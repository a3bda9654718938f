/** One user in the console, against the real runtime: what is seen, and each thing that can be done. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { eventually } from "../proofs/clock.ts";
import { Connection } from "../support/connection.ts";
import { LiveReader } from "../support/live-reader.ts";
import { expectAccessible, expectFitsPhone } from "./accessible.ts";
import { ConsoleGround, userLink } from "./console-ground.ts";

/** Each screen is looked over by axe, in light and in dark: some seconds each on a slow machine. */
vi.setConfig({ testTimeout: 120_000 });

let ground: ConsoleGround;
beforeAll(async () => {
  // While a page is looked over, a message waits for its ack longer than a device may take.
  ground = await ConsoleGround.start({ vars: { ACK_TIMEOUT_MS: "120000" } });
});
afterEach(() => ground.leave());
afterAll(() => ground?.stop());

test("[S2] a user who never connected is found by any id, by the keyboard alone, and each screen says what would be here", async () => {
  const user = "who/ever ü? #1%";
  const view = await ground.open();
  await view.page.getByText("Nobody needs a person.").waitFor();
  await view.page.keyboard.press("/");
  await view.page.keyboard.type(user);
  await view.page.keyboard.press("Enter");
  await view.page.getByRole("heading", { level: 1, name: user }).waitFor();
  await view.page.getByText("Never connected", { exact: true }).waitFor();
  // Esc leaves the field; a slash in another one is a slash.
  await view.page.keyboard.press("/");
  const focused = () => view.page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  expect(await focused()).toBe("Find a user, by the exact id");
  await view.page.keyboard.press("Escape");
  expect(await focused()).toBeNull();
  for (const [tab, title] of [
    ["Live", "Nobody is connected."],
    ["Held", "Nothing is held."],
    ["Dead letters", "No dead letters."],
    ["Webhooks", "Nothing is to be told."],
    ["Act", "Send a test message"],
  ] as const) {
    await view.tab(tab);
    await view.page.getByText(title).first().waitFor();
    await expectAccessible(view.page);
    await expectFitsPhone(view.page);
  }
  // The address has the user, and no server was told it but in its own path.
  await view.page.reload();
  await view.page.getByRole("heading", { level: 1, name: user }).waitFor();
  expect(view.asked.some((url) => url.includes(`/v1/users/${encodeURIComponent(user)}`))).toBe(true);
  expect(view.complaints).toEqual([]);
});

test("[N6, U1] connections, devices and cursors are those of now; who looks neither attaches nor acks", async () => {
  const view = await ground.open(userLink("seen"));
  await view.page.getByText("Never connected", { exact: true }).waitFor();
  const phone = await ground.connect("seen", { device: "phone" });
  await view.page.getByText("Connected, 1 connection", { exact: true }).waitFor();
  await ground.backend.send("seen", { type: "order", data: 1 });
  await phone.receive(1);
  const inFlight = view.page.getByRole("row", { name: /phone.*1 \/ 256/ });
  await inFlight.waitFor();
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);
  phone.ack();
  await view.page.getByRole("row", { name: /phone.*0 \/ 256/ }).waitFor();
  await phone.close();
  await view.page.getByText("Not connected", { exact: true }).waitFor();
  expect((await ground.backend.user("seen")).body.devices).toHaveLength(1);
  expect(view.complaints).toEqual([]);
});

test("[N6] where newer operators take its place it says so, and does not take theirs", async () => {
  const view = await ground.open(userLink("watched"));
  await view.page.getByText("Never connected", { exact: true }).waitFor();
  const others: LiveReader[] = [];
  for (let n = 0; n < LIMITS.observersMax; n += 1) others.push(await LiveReader.open(ground.runtime.url, "watched"));
  await view.page.getByText("Reload the page to do so again.").first().waitFor();
  // It would come again after 2 s.
  await expect(view.page.waitForRequest(/\/live$/, { timeout: 4_000 })).rejects.toThrow();
  expect(others.map(({ isOver }) => isOver)).toEqual(others.map(() => false));
  for (const other of others) other.hangUp();
});

test("[N6] a state that was asked for and comes late does not take the place of what the stream has told since", async () => {
  const view = await ground.open(userLink("raced", "act"));
  await view.page.getByText("Never connected", { exact: true }).waitFor();
  const [fetched, later] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await view.page.route(/\/v1\/users\/raced$/, async (route) => {
    const response = await route.fetch();
    fetched.resolve();
    await later.promise;
    await route.fulfill({ response });
  });
  await view.press("Revoke …");
  await view.confirm("Revoke");
  await fetched.promise;
  const phone = await ground.connect("raced", { device: "phone" });
  const connected = view.page.getByText("Connected, 1 connection", { exact: true });
  await connected.waitFor();
  const late = view.page.waitForResponse(/\/v1\/users\/raced$/);
  later.resolve();
  await (await late).finished();
  // It is drawn by then, were it taken.
  await view.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  expect(await connected.count()).toBe(1);
  await phone.close();
});

test("[S10] what is held is opened, with its fields and its data, and recalled while nobody has acked it", async () => {
  const data = { n: 7, nested: { list: [1, null, "two"] } };
  await ground.backend.send("holder", { type: "order", id: "order-7", topic: "orders", data });
  const view = await ground.open(userLink("holder", "held"));
  await view.press("order");
  const detail = view.page.locator(".detail");
  expect(JSON.parse(await detail.locator("pre").innerText())).toEqual(data);
  expect(await detail.locator("dl").innerText()).toMatch(/order-7[\s\S]*orders/);
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);
  await view.press("Recall …");
  await expectAccessible(view.page);
  // Esc leaves all as it is, and one is back where one was.
  await view.page.keyboard.press("Escape");
  await view.dialog.waitFor({ state: "detached" });
  expect(await view.page.evaluate(() => document.activeElement?.textContent)).toBe("Recall …");
  expect((await ground.backend.state("holder", "order-7")).body.status).toBe("queued");
  await view.press("Recall …");
  await view.confirm("Recall it");
  await view.said("Recalled. Nobody got it.");
  await view.page.getByText("Nothing is held.").waitFor();
  expect((await ground.backend.state("holder", "order-7")).body.status).toBe("recalled");
  expect(view.complaints).toEqual([]);
});

test("[S1, S3] a test message is sent, waited for, and its reply shown; what is no JSON never leaves", async () => {
  const view = await ground.open(userLink("tested", "act"));
  const form = view.page.getByRole("region", { name: "Send a test message" });
  await form.getByLabel("Data, JSON").fill("{not json}");
  await view.press("Send");
  await form.getByText("The data is no JSON").waitFor();
  expect((await ground.backend.user("tested")).body.held.count).toBe(0);

  await form.getByLabel("Data, JSON").fill('{"from": "the console"}');
  await form.getByLabel("Wait for its end, s").fill("0");
  await view.press("Send");
  await form.getByText("it is stored. This user has never connected.").waitFor();
  const [held] = (await ground.backend.list("tested")).body.messages;
  expect(held).toMatchObject({ type: "console_test", data: { from: "the console" } });

  const reader = await ground.connect("tested", { ack: "each" });
  await form.getByLabel("Wait for its end, s").fill("10");
  await view.press("Send");
  await form.getByText("a client has processed it, and said so.").waitFor();
  await form.getByLabel("Time to live, s").fill("-1");
  await view.press("Send");
  // The browser's own words, by the field; the service has heard nothing of it.
  expect(await form.locator(":invalid").count()).toBeGreaterThan(0);
  await form.getByLabel("Time to live, s").fill("");
  await form.getByLabel("Type").fill("");
  await view.press("Send");
  await form.getByText("/type: A text of 1 to 128 characters.").waitFor();
  await reader.close();
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);
  expect(view.complaints).toEqual([]);
});

test("[U2, U3, U4] a token is minted and lets one in, a revocation shuts out, and an erasure waits for the name", async () => {
  const user = "leaving\u202Eada ";
  await ground.backend.send(user, { type: "kept" });
  const view = await ground.open(userLink(user, "act"));
  const mint = view.page.getByRole("region", { name: "Mint a token" });
  await mint.getByLabel("Bound to the device").fill("tablet");
  await view.press("Mint");
  await mint.getByText("It is shown this once").waitFor();
  const token = await mint.locator("pre").innerText();
  const reader = await Connection.open(ground.runtime.url, { token });
  expect(reader.established).toMatchObject({ user, device: "tablet" });
  // Another screen, and it is gone.
  await view.tab("Live");
  await view.tab("Act");
  expect(await mint.locator("pre").count()).toBe(0);

  await view.press("Revoke …");
  await view.confirm("Revoke");
  await view.said("connections on them are closed");
  expect((await reader.closed).code).toBe(4403);

  await view.press("Erase …");
  const name = view.dialog.getByLabel("Type the user’s id to confirm");
  expect(await name.evaluate((field) => field === document.activeElement)).toBe(true);
  await name.fill("leaving ada");
  await view.page.keyboard.press("Enter");
  expect(await view.dialog.getByRole("button", { name: "Erase for good" }).getAttribute("aria-disabled")).toBe("true");
  await expectAccessible(view.page);
  expect((await ground.backend.user(user)).body.held.count).toBe(1);
  await name.fill(user);
  await view.confirm("Erase for good");
  await view.said("The user is erased");
  await eventually("nothing is left", async () => (await ground.backend.user(user)).body.devices.length === 0);
  await view.page.getByText("Never connected", { exact: true }).waitFor();
  expect(view.complaints).toEqual([]);
});

test("[E1] where the service is gone, the console says so, and goes on when it is back", async () => {
  await ground.backend.send("outage", { type: "kept" });
  const view = await ground.open(userLink("outage", "held"));
  await view.rows.first().waitFor();
  await ground.runtime.kill();
  await view.press("Read again");
  await view.page.getByRole("alert").getByText("The service cannot be reached").waitFor();
  // What was read stays to be read.
  expect(await view.rows.count()).toBe(1);
  await ground.runtime.restart();
  await view.press("Try again");
  await view.page.getByRole("alert").getByText("The service cannot be reached").waitFor({ state: "detached" });
  expect(view.complaints).toEqual([]);
});
