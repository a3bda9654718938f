/** Handlers that take their time, and handlers that fail (C6, C7, D4). */
import { expect, test } from "vitest";
import { ground } from "./ground.ts";

const on = ground({ ACK_TIMEOUT_MS: "1000" });

test("[C7, D4] a page that is busy for 50 ms with each of 100 messages acks as it goes, and keeps its connection", async () => {
  const judge = on.judge();
  await judge.send(50);
  const tab = await on.open("inbox", judge, { busyMs: 50 });
  await judge.send(50);
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(1);
});

test("[C6] a handler that fails twice is called a third time, and the order is kept", async () => {
  const judge = on.judge();
  await judge.send(2);
  await judge.send(1, "fails-2");
  await judge.send(2);
  const tab = await on.open("inbox", judge);
  await judge.exactlyOnce(tab);
  expect(tab.told("error")).toEqual([]);
});

test("[C6, D6] a message whose handler fails three times becomes a dead letter, and the next ones are processed", async () => {
  const judge = on.judge();
  await judge.send(2);
  const failed = await judge.sendInVain("fails-3");
  await judge.send(2);
  const tab = await on.open("inbox", judge);
  await judge.exactlyOnce(tab);
  await judge.settled();
  const { dead_letters: letters } = (await on.backend.deadLetters(judge.user)).body;
  expect(letters).toMatchObject([
    { id: failed, reason: "rejected", reject_reason: expect.stringContaining(`${failed}, try 3`) },
  ]);
  expect(tab.told("error")).toMatchObject([{ code: "handler_failed", seq: letters[0].seq }]);
});
