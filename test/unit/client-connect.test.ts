import { afterEach, expect, test, vi } from "vitest";
import { connect, receive } from "../../src/client/client.ts";
import { storedDevice } from "../../src/client/device.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const token = "a.b.c";
const onMessage = () => {};
const url = "http://localhost:1";

test.each([
  ["no options at all", undefined],
  ["no onMessage, so that no listener can come too late", { url, token }],
  ["an onMessage that is no function", { url, token, onMessage: "log" }],
  ["no url", { token, onMessage }],
  ["a url that is none", { url: "restante", token, onMessage }],
  ["a path where there is no page", { url: "/restante", token, onMessage }],
  ["a url of another protocol", { url: "wss://restante.example", token, onMessage }],
])("[C1] connect() throws a TypeError at once where there is %s", (_, options) => {
  expect(() => connect(options as never)).toThrow(TypeError);
});

test('[C5] checkpoint() throws without `checkpoints: "manual"`, where every ack moves the cursor', () => {
  const inbox = connect({ url, token, onMessage });
  expect(() => inbox.checkpoint(1)).toThrow(TypeError);
  inbox.close();
});

test("[C1] nothing happens before the app has what connect() returns, and nothing at all where it closes that at once", async () => {
  const ask = vi.fn(() => token);
  const states: string[] = [];
  const inbox = connect({ url, token: ask, onMessage, onStatus: ({ state }) => states.push(state) });
  expect([inbox.status.state, states, ask.mock.calls.length]).toEqual(["connecting", [], 0]);
  inbox.close();
  await new Promise((done) => setTimeout(done));
  expect(states).toEqual(["stopped"]);
  expect(ask).not.toHaveBeenCalled();
});

test("a signal that is aborted already connects nothing, and a loop over it ends at once", async () => {
  const ask = vi.fn(() => token);
  const signal = AbortSignal.abort();
  expect(connect({ url, token: ask, onMessage, signal }).status).toEqual({ state: "stopped" });
  for await (const message of receive({ url, token: ask, signal })) throw new Error(`${message}`);
  expect(ask).not.toHaveBeenCalled();
});

test.each([
  ["spaces", "a b"],
  ["JSON around it", '{"token":"a.b.c"}'],
])("[C11] a token with %s, which no handshake can carry, stops it with an error that says why", async (_, text) => {
  const found = Promise.withResolvers<unknown>();
  const inbox = connect({ url, token: text, onMessage, onError: found.resolve });
  expect(await found.promise).toMatchObject({ cause: expect.objectContaining({ name: "SyntaxError" }) });
  expect(inbox.status).toMatchObject({ state: "stopped", error: { name: "InboxError" } });
});

/** As much of a browser's storage as an SDK may rely on. */
const storage = () => {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    items,
  };
};

test("[D5] the device is made once and kept, and every later page reads the same", () => {
  const localStorage = storage();
  vi.stubGlobal("localStorage", localStorage);
  const device = storedDevice();
  expect(device).toMatch(/^[A-Za-z0-9._~-]{1,64}$/);
  expect(storedDevice()).toBe(device);
  expect([...localStorage.items.values()]).toEqual([device]);
});

test("[D5] of two tabs that make one at the same time both take what stands there in the end", () => {
  const { items, ...localStorage } = storage();
  const setItem = (key: string) => void items.set(key, "the-other-tabs");
  vi.stubGlobal("localStorage", { ...localStorage, setItem });
  expect(storedDevice()).toBe("the-other-tabs");
});

test("[D5] without storage, or with one that throws, there is no device of its own", () => {
  vi.stubGlobal("localStorage", undefined);
  expect(storedDevice()).toBeUndefined();
  const denied = () => {
    throw new DOMException("The operation is insecure.", "SecurityError");
  };
  vi.stubGlobal("localStorage", { getItem: denied, setItem: denied });
  expect(storedDevice()).toBeUndefined();
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: denied });
  expect(storedDevice()).toBeUndefined();
});
