/** A page that is not looked at: behind another tab, and left for another page. */
import { expect, test } from "vitest";
import { ground } from "./ground.ts";

const on = ground();

test("[C8, D3] a tab in the background goes on, and one that comes back to the front goes on with the same connection", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge);
  const stream = judge.stream(5);
  await tab.has(20);
  const front = await on.browser.open(on.site.page("elsewhere"));
  expect(await tab.page.evaluate("document.visibilityState")).toBe("hidden");
  await tab.has(tab.processed.length + 100);
  await front.page.close();
  await tab.page.bringToFront();
  expect(await tab.page.evaluate("document.visibilityState")).toBe("visible");
  await tab.has(tab.processed.length + 20);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(1);
  await judge.settled();
});

test("[D3] a page that is left closes its connection, and one that comes back whole goes on where it was", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge);
  const stream = judge.stream(5);
  await tab.has(20);
  await tab.page.goto(on.site.page("elsewhere"));
  await judge.connected(0);
  await judge.has(judge.sent.length + 20);
  await tab.page.goBack({ waitUntil: "commit" });
  await tab.hasConnected(2);
  await stream.stop();
  await judge.exactlyOnce(tab);
  // From the back/forward cache: the same load goes on.
  expect(tab.loads).toHaveLength(1);
});
