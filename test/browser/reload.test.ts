/** A page's load and its reloads: what a tab has processed over all of its loads (C5, D3). */
import { expect, test } from "vitest";
import { ground } from "./ground.ts";

const on = ground();

test("[C2, D3] what is sent before, while and after a page connects is processed exactly once, in order", async () => {
  const judge = on.judge();
  await judge.send(3);
  const stream = judge.stream(5);
  const tab = await on.open("inbox", judge);
  await tab.is("open");
  await tab.has(30);
  await stream.stop();
  await judge.send(3);
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(1);
});

test("[C5, D3] a reload in mid-stream goes on where the page was: it acks what it has as it is left", async () => {
  const judge = on.judge();
  // So fast, and for so long, that acks are gathered: some is always due.
  const stream = judge.stream(0);
  const tab = await on.open("inbox", judge);
  for (const count of [150, 300]) {
    await tab.has(count);
    await tab.page.reload();
  }
  await tab.has(320);
  await stream.stop();
  expect(await judge.withoutHole(tab)).toEqual({ again: 0 });
  expect(tab.loads).toHaveLength(3);
});

test("[C5] with checkpoints of its own a reload in mid-answer gets the whole answer again, and none before it", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge, { checkpoints: "manual" });
  await judge.send(10, "words");
  await judge.send(1, "completed");
  await judge.send(7, "words");
  await tab.has(18);
  await tab.page.reload();
  await judge.send(3, "words");
  await judge.send(1, "completed");
  expect(await judge.withoutHole(tab)).toEqual({ again: 7 });
  expect(tab.loads.map((load) => load[0]?.id)).toEqual([judge.sent[0], judge.sent[11]]);
});
