/** What the network does to a page, and what a crash of the server does (C8, D1, D3). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gate, openGate } from "./gate.ts";
import { ground } from "./ground.ts";

const on = ground();
let gate: Gate;
beforeAll(async () => {
  gate = await openGate(on.runtime.port);
});
afterAll(() => gate?.stop());

test("[D3] a moment offline costs a page nothing: its connection stays, and what was under way comes late", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge);
  const stream = judge.stream(20);
  await tab.has(10);
  await on.browser.context.setOffline(true);
  await judge.has(judge.sent.length + 10);
  await on.browser.context.setOffline(false);
  await tab.has(40);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(1);
});

test("[C8, D3] a page that is offline for longer says so, and goes on by itself once the network is back", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge);
  const stream = judge.stream(20);
  await tab.has(10);
  await on.browser.context.setOffline(true);
  await tab.is("offline");
  const before = tab.processed.length;
  await judge.has(judge.sent.length + 10);
  await on.browser.context.setOffline(false);
  await tab.has(before + 20);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(2);
});

test("[C8, D3] a network that swallows everything is noticed by its silence, and its return ends an attempt that hangs in it", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge, { url: gate.url });
  const stream = judge.stream(20);
  await tab.has(10);
  gate.swallow();
  // As where a phone goes from one network to another: the old connections are dead, and nobody says so.
  await tab.page.evaluate("dispatchEvent(new Event('offline'))");
  expect(await tab.is("waiting")).toMatchObject({ code: "silent" });
  await tab.is("connecting");
  gate.pass();
  // The attempt that hangs would hang for ten seconds.
  await tab.page.evaluate("dispatchEvent(new Event('online'))");
  await tab.hasConnected(2, 5_000);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(2);
});

test("[D1, D2, D3] two tabs, and the server is killed in mid-stream: each has every message exactly once, in order", async () => {
  const judge = on.judge();
  const tabs = [await on.open("inbox", judge), await on.open("inbox", judge)];
  for (const tab of tabs) await tab.is("open");
  const stream = judge.stream(5);
  for (const kills of [1, 2]) {
    for (const tab of tabs) await tab.has(kills * 40);
    await on.runtime.kill();
    for (const tab of tabs) await tab.is("waiting");
    await on.runtime.restart();
    for (const tab of tabs) await tab.hasConnected(kills + 1);
  }
  await stream.stop();
  await judge.exactlyOnce(...tabs);
});
