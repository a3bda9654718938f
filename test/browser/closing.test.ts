/** What the server ends, or never lets begin: the inbox says so, and leaves the server alone (C11, A4). */
import { expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { startRuntime } from "../support/runtime.ts";
import { openGate } from "./gate.ts";
import { ground } from "./ground.ts";

const on = ground();

test("[C11, D5] an inbox replaced by newer connections stops and stays so, until it is told to reconnect", async () => {
  const judge = on.judge();
  const tab = await on.open("inbox", judge);
  await tab.is("open");
  const token = await mintLocally(judge.user, { device: "others" });
  const others = await Promise.all(
    Array.from({ length: LIMITS.connectionsMax }, () => Connection.open(on.runtime.url, { token, ack: "each" })),
  );
  expect(await tab.is("stopped")).toEqual({ state: "stopped", code: "replaced_by_newer" });
  for (const other of others) await other.close();
  await judge.connected(0);
  await judge.send(3);
  expect(tab.connections).toHaveLength(1);
  await tab.page.evaluate("inbox.reconnect()");
  await judge.exactlyOnce(tab);
});

test("[A4] a page of an origin that is not allowed gets nothing, and asks less and less often", async () => {
  const runtime = await startRuntime({ vars: { ALLOWED_ORIGINS: "https://app.example.com" } });
  const gate = await openGate(runtime.port);
  const judge = on.judge();
  const tab = await on.open("inbox", judge, { url: gate.url });
  // Three sockets, then an event stream.
  const { attempt } = await tab.until("a fourth attempt", () =>
    tab.status?.state === "waiting" && (tab.status.attempt ?? 0) >= 4 ? tab.status : undefined,
  );
  expect(attempt).toBe(4);
  expect(gate.handshakes).toBe(3);
  expect(tab.status).toMatchObject({ code: "connection_lost" });
  expect(tab.uncaught).toEqual([]);
  gate.stop();
  await runtime.stop();
});

test("[A4] a page of an origin that ALLOWED_ORIGINS names is let in", async () => {
  const runtime = await startRuntime({ vars: { ALLOWED_ORIGINS: `https://app.example.com, ${on.site.origin}` } });
  const judge = on.judge(runtime);
  await judge.send(3);
  const tab = await on.open("inbox", judge, { url: runtime.url, ttlSeconds: 2 });
  await tab.is("open");
  await judge.exactlyOnce(tab);
  await runtime.stop();
});
