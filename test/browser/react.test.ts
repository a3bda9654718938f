/** `restante/react` in an app under StrictMode, which mounts, unmounts and mounts again whatever is mounted. */
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createStore, useInbox, useStatus } from "../../src/client/react.ts";
import { type Gate, openGate } from "./gate.ts";
import { ground } from "./ground.ts";
import type { Tab } from "./tab.ts";

const on = ground();
/** It counts sockets. */
let gate: Gate;
beforeAll(async () => {
  gate = await openGate(on.runtime.port);
});
afterAll(() => gate?.stop());

const shown = (tab: Tab): Promise<unknown> =>
  tab.page.evaluate(`({
    ids: Array.from(document.querySelectorAll("li"), (item) => item.textContent),
    count: Number(document.querySelector("output").textContent),
    state: document.querySelector("p").textContent,
  })`);

test("[C2, D3] several components under StrictMode share one socket, and show each message once, in order", async () => {
  const judge = on.judge();
  const before = gate.handshakes;
  await judge.send(3);
  const stream = judge.stream(5);
  const tab = await on.open("react", judge, { url: gate.url });
  await tab.has(40);
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(await shown(tab)).toEqual({ ids: judge.sent, count: judge.sent.length, state: "open" });
  expect(gate.handshakes - before).toBe(1);
  const states = new Set(tab.told("status").map(({ status }) => status.state));
  expect([...states]).toEqual(expect.arrayContaining(["connecting", "open"]));
});

test("[D3] all components that go and come back at once, as in a hot reload, find their state and the same socket", async () => {
  const judge = on.judge();
  const before = gate.handshakes;
  const tab = await on.open("react", judge, { url: gate.url });
  await tab.is("open");
  const stream = judge.stream(5);
  for (const count of [20, 40, 60]) {
    await tab.has(count);
    await tab.page.evaluate("unmount(); mount();");
  }
  await stream.stop();
  await judge.exactlyOnce(tab);
  expect(await shown(tab)).toMatchObject({ ids: judge.sent, state: "open" });
  expect(gate.handshakes - before).toBe(1);
});

test("[D3] the socket closes some time after the last component has gone, and the next one goes on where it was", async () => {
  const judge = on.judge();
  const tab = await on.open("react", judge, { url: gate.url });
  await tab.is("open");
  await judge.send(3);
  await tab.has(3);
  await tab.page.evaluate("unmount()");
  await judge.connected(0);
  await judge.send(3);
  expect(tab.processed).toHaveLength(3);
  await tab.page.evaluate("mount()");
  await judge.exactlyOnce(tab);
  expect(await shown(tab)).toMatchObject({ ids: judge.sent });
});

test("[C2] rendering on a server connects nobody, and shows the state before the first message", async () => {
  let tokens = 0;
  const store = createStore<{ note: string }, string>({
    url: on.runtime.url,
    token: () => {
      tokens += 1;
      return "";
    },
    initial: "nothing yet",
    reduce: (text) => text,
  });
  const App = () => createElement("p", { title: useStatus(store).state }, useInbox(store));
  expect(renderToString(createElement(App))).toBe('<p title="connecting">nothing yet</p>');
  expect((await on.judge().state()).connections).toEqual([]);
  expect(tokens).toBe(0);
});
