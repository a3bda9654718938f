/** Tokens that end, are renewed, are revoked (C9, C11, U3). */
import { expect, test } from "vitest";
import { mintLocally } from "../support/credentials.ts";
import { ground } from "./ground.ts";
import { mint } from "./site.ts";

const on = ground();

test("[C9] a token that ends in mid-stream is renewed on the open connection, without a pause", async () => {
  const judge = on.judge();
  let tokens = 0;
  on.site.tokens = (...of) => {
    tokens += 1;
    return mint(...of);
  };
  const tab = await on.open("inbox", judge, { ttlSeconds: 2 });
  const stream = judge.stream(20);
  // The first and two more: on one token alone it would be over by now.
  while (tokens < 3) await tab.has(tab.processed.length + 10);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(tab.told("status").map(({ status }) => status.state)).toEqual(["connecting", "catching_up", "open"]);
});

test("[C9, C11] where the app has no tokens for a while, the connection ends with its token, and goes on with the next", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge, { ttlSeconds: 2 });
  await tab.is("open");
  on.site.tokens = () => Promise.reject(new Error("down"));
  const stream = judge.stream(20);
  expect(await tab.is("waiting")).toMatchObject({ code: "token_failed" });
  const before = tab.processed.length;
  await judge.has(judge.sent.length + 10);
  expect(tab.processed).toHaveLength(before);
  on.site.tokens = mint;
  await tab.hasConnected(2);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(new Set(tab.told("error").map(({ code }) => code))).toEqual(new Set(["token_failed"]));
});

test("[C11] a token that cannot be renewed ends the inbox with its end, and says so", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge, { token: await mintLocally(judge.user, { ttlSeconds: 1.5 }) });
  await tab.is("open");
  await judge.send(5);
  expect(await tab.is("stopped")).toEqual({ state: "stopped", code: "token_expired" });
  expect(await tab.until("an error", () => tab.told("error")[0])).toMatchObject({ code: "token_expired" });
  expect(tab.processed).toHaveLength(5);
  expect(tab.connections).toHaveLength(1);
});

test("[U3, C11] a revoked token stops an app that has no other, and one that has goes on with it", async () => {
  const judge = on.judge();
  const old = await mintLocally(judge.user);
  on.site.tokens = async () => old;
  const tab = await on.open("inbox", judge);
  await judge.send(5);
  await tab.has(5);
  await on.backend.revoke(judge.user);
  expect(await tab.is("stopped")).toEqual({ state: "stopped", code: "token_revoked" });
  await judge.connected(0);

  await judge.send(5);
  on.site.tokens = mint;
  await tab.page.evaluate("inbox.reconnect()");
  await tab.has(10);
  await on.backend.revoke(judge.user);
  await tab.hasConnected(3);
  await judge.exactlyOnce(tab);
});
