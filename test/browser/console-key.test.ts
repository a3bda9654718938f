/** Who is let into the console, and what becomes of the key. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { API_KEY } from "../support/credentials.ts";
import { KEYS } from "../support/fuzz-keys.ts";
import { expectAccessible, expectFitsPhone } from "./accessible.ts";
import { ConsoleGround, userLink } from "./console-ground.ts";
import { ConsoleView } from "./console-view.ts";

let ground: ConsoleGround;
beforeAll(async () => {
  ground = await ConsoleGround.start();
});
afterEach(() => ground.leave());
afterAll(() => ground?.stop());

test("[A1] a wrong key, one that may not look, and one that is none are told so, and nothing is asked with them but what they are", async () => {
  const view = new ConsoleView(await (await ground.profile()).newPage());
  await view.page.goto(`${ground.site.origin}/console`);
  await expectAccessible(view.page);
  await expectFitsPhone(view.page);
  for (const [key, why] of [
    ["rk_wrong", "No API key of this deployment has this digest"],
    [KEYS.send, "This key has send; the console needs monitor"],
    ["two words", "without spaces"],
  ] as const) {
    await view.enter(key);
    await view.page.getByRole("alert").getByText(why).waitFor();
  }
  await expectAccessible(view.page);
  expect(view.asked.filter((url) => url.includes("/v1/"))).toEqual(Array(2).fill(`${ground.site.origin}/v1/key`));
  expect(view.complaints).toEqual([]);
});

test("[A1] the key outlives a reload of its tab, and is in no other tab, no address, no cookie and no lasting storage", async () => {
  const view = await ground.open();
  await view.page.reload();
  await view.page.getByRole("banner").getByText("TEST").waitFor();
  const kept = await view.page.evaluate(() => [document.cookie, localStorage.length, location.href, document.referrer]);
  expect(kept).toEqual(["", 0, `${ground.site.origin}/console`, ""]);
  expect(view.asked.filter((url) => url.includes(API_KEY))).toEqual([]);

  const other = await view.page.context().newPage();
  await other.goto(`${ground.site.origin}/console`);
  await other.getByLabel("API key").waitFor();

  await view.press("Forget key");
  await view.page.getByLabel("API key").waitFor();
  expect(await view.page.evaluate(() => sessionStorage.length)).toBe(0);
  await view.page.reload();
  await view.page.getByLabel("API key").waitFor();
});

test("[A1] a key that was revoked meanwhile is forgotten, and the operator told why", async () => {
  const view = await ground.open();
  // As after the deploy that takes it away: the service no longer knows what the tab has.
  await view.page.evaluate(() => {
    const [place = ""] = Object.keys(sessionStorage);
    const session = JSON.parse(sessionStorage.getItem(place) ?? "");
    sessionStorage.setItem(place, JSON.stringify({ ...session, key: "rk_revoked" }));
  });
  await view.page.reload();
  await view.page.getByText("it was revoked, or replaced").waitFor();
  expect(await view.page.evaluate(() => sessionStorage.length)).toBe(0);
});

test("[A1] with a key that may only look, every action says why it is not offered, and none is asked for", async () => {
  await ground.reject("watched", [{ type: "order", id: "o-1" }], "no");
  const view = await ground.open("", KEYS.monitor);
  const offered = async (name: string | RegExp) => {
    const button = view.button(name).first();
    await button.waitFor();
    expect([name, await button.getAttribute("aria-disabled")]).toEqual([name, "true"]);
    expect(await button.getAttribute("title")).toMatch(/^This key has no scope (manage|send)\.$/);
    await button.click({ force: true });
  };
  for (const name of ["Requeue …", "Delete …"]) await offered(name);
  await view.page.goto(`${ground.site.origin}/console${userLink("watched", "dead-letters")}`);
  for (const name of ["Requeue all …", "Delete all …", "Requeue chosen", "Delete chosen"]) await offered(name);
  await view.press("order");
  for (const name of ["Requeue", "Delete …"]) await offered(name);
  await view.tab("Webhooks");
  for (const name of ["Tell again what was given up", "Delete what was given up …"]) await offered(name);
  await view.tab("Act");
  for (const name of ["Send", "Mint", "Revoke …", "Erase …"]) await offered(name);
  await expectAccessible(view.page);
  expect(await view.dialog.count()).toBe(0);
  expect((await ground.backend.user("watched")).body.dead_letters).toBe(1);
  expect(view.complaints).toEqual([]);
});

test("[O1] where its assets are not deployed, /console says how to switch it on, and the rest works", async () => {
  const reply = await ground.backend.call("GET", "/console");
  expect([reply.status, reply.body.code]).toEqual([404, "not_found"]);
  expect(reply.body.detail).toContain('[assets] directory = "node_modules/restante/dist/console"');
  expect((await fetch(`${ground.runtime.url}/health`)).status).toBe(200);
});
