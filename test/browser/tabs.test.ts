/** Two tabs of one browser: one device, two connections, each with all messages. */
import { expect, test } from "vitest";
import { ground } from "./ground.ts";

const on = ground({ ACK_TIMEOUT_MS: "1000" });

test("[D2, D3] two tabs are one device, and each of them processes each message exactly once, in order", async () => {
  const judge = on.judge();
  const tabs = [await on.open("inbox", judge), await on.open("inbox", judge)];
  for (const tab of tabs) await tab.is("open");
  const stream = judge.stream(5);
  for (const tab of tabs) await tab.has(40);
  await stream.stop();
  await judge.exactlyOnce(...tabs);
  const { connections, devices } = await judge.state();
  expect(connections).toHaveLength(2);
  expect(devices).toHaveLength(1);
});

test("[D4, D3] a tab frozen beyond the ack timeout loses its connection; thawed it goes on, and has each message exactly once", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge);
  const stream = judge.stream(20);
  await tab.has(10);
  await tab.freeze();
  await judge.connected(0);
  const before = tab.processed.length;
  await judge.has(judge.sent.length + 20);
  expect(tab.processed).toHaveLength(before);
  await tab.thaw();
  await tab.has(before + 40);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(2);
});

test("[D2, C5] a tab frozen beside another that goes on has all that it missed once it is thawed, and the other never notices", async () => {
  const { judge, frozen, other } = await oneFrozen();
  const stream = judge.stream(10);
  await judge.connected(1);
  await other.has(60);
  expect(frozen.processed).toHaveLength(10);
  await frozen.thaw();
  await frozen.hasConnected(2);
  await other.has(100);
  await stream.stop();
  await judge.exactlyOnce(frozen, other);
  expect(other.connections).toHaveLength(1);
});

test("[C5] a tab that held messages back for another one's sake lets go of them as it is left", async () => {
  const { judge, frozen, other } = await oneFrozen();
  await judge.send(5);
  await other.has(15);
  await frozen.thaw();
  await frozen.has(15);
  await other.page.reload();
  expect(await judge.withoutHole(other)).toEqual({ again: 0 });
  await judge.exactlyOnce(frozen);
});

test("[C4] a tab that is away for too long hears that it missed what the other had, in its place", async () => {
  const { judge, frozen, other } = await oneFrozen();
  // As after five minutes.
  await other.page.evaluate(`${AWAY}.forEach((key) => localStorage.removeItem(key))`);
  const stream = judge.stream(10);
  await judge.connected(1);
  await other.has(60);
  await frozen.thaw();
  await frozen.hasConnected(2);
  await other.has(100);
  await stream.stop();
  expect((await judge.withoutSilence(frozen)).missed).toBeGreaterThan(40);
  expect(frozen.told("gap")).toHaveLength(1);
  await judge.exactlyOnce(other);
});

/** What a tab that is away leaves in the browser's storage, for the others to see. */
const AWAY = "Object.keys(localStorage).filter((key) => key.startsWith('restante.away.'))";

/** Two tabs that have the same ten messages; then one is frozen, and the other is in front. */
const oneFrozen = async () => {
  const judge = on.judge();
  const frozen = await on.open("inbox", judge);
  const other = await on.open("inbox", judge);
  for (const tab of [frozen, other]) await tab.is("open");
  await judge.send(10);
  for (const tab of [frozen, other]) await tab.has(10);
  await frozen.freeze();
  // The browser carries it from one tab's process to the other's.
  await other.page.waitForFunction(`${AWAY}.length === 1`);
  return { judge, frozen, other };
};
