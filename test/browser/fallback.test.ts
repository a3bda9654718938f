/** Server-Sent Events, where WebSockets do not get through, and for the browser's own EventSource (C10). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { mintLocally } from "../support/credentials.ts";
import { type Gate, openGate } from "./gate.ts";
import { ground } from "./ground.ts";

const on = ground();
let gate: Gate;
beforeAll(async () => {
  gate = await openGate(on.runtime.port);
  gate.letsSocketsThrough = false;
});
afterAll(() => gate?.stop());

test("[C10, D3] behind a proxy without WebSockets a page goes on by events, and its next load tries a socket again", async () => {
  const judge = on.judge();
  const stream = judge.stream(20);
  const tab = await on.open("inbox", judge, { url: gate.url });
  expect(await tab.is("open")).toMatchObject({ carrier: "events" });
  expect(gate.handshakes).toBe(3);
  await tab.has(tab.processed.length + 20);
  // All of it is acked, by requests of their own; a message that cannot be processed is rejected by another.
  const failed = await judge.sendInVain("fails-3");
  await stream.stop();
  await judge.exactlyOnce(tab);
  await judge.settled();
  const { dead_letters: letters } = (await on.backend.deadLetters(judge.user)).body;
  expect(letters).toMatchObject([{ id: failed, reason: "rejected" }]);

  await on.runtime.kill();
  await tab.is("waiting");
  await on.runtime.restart();
  await tab.hasConnected(2);
  await judge.exactlyOnce(tab);
  expect(tab.status).toMatchObject({ carrier: "events" });

  gate.letsSocketsThrough = true;
  await tab.page.reload();
  await tab.hasConnected(3);
  expect(tab.status).toMatchObject({ carrier: "socket" });
  expect(await judge.withoutHole(tab)).toEqual({ again: 0 });
});

test("[C10, D3] the browser's own EventSource goes on by itself where the server was killed, and acks by coming back", async () => {
  const judge = on.judge();
  await judge.send(3);
  const stream = judge.stream(10);
  const tab = await on.open("event-source", judge, { token: await mintLocally(judge.user) });
  await tab.has(20);
  await on.runtime.kill();
  await on.runtime.restart();
  await tab.has(tab.processed.length + 20);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(tab.connections).toHaveLength(2);
});

test("[C10, C11] an EventSource whose token is revoked hears why, and stays away", async () => {
  const judge = on.judge();
  const tab = await on.open("event-source", judge, { token: await mintLocally(judge.user) });
  await tab.hasConnected(1);
  await on.backend.revoke(judge.user);
  expect(await tab.is("closed")).toMatchObject({ code: "token_revoked" });
  await judge.connected(0);
  expect(tab.connections).toHaveLength(1);
});
