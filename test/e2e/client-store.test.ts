/** The store of `restante/react` without a component: its rules are its own, and React only listens. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createStore } from "../../src/client/react.ts";
import { Backend } from "../support/backend.ts";
import { mintLocally } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

test("[C5, D3] an `isComplete` that throws has the message reduced again, and the state has it once", async () => {
  let thrown = 0;
  const store = createStore<{ word: string }, string>({
    url: runtime.url,
    token: () => mintLocally("writer"),
    initial: "",
    reduce: (text, { data }) => text + data,
    isComplete: ({ data }) => {
      if (data === "b" && thrown++ === 0) throw new Error("not this time");
      return data === "c";
    },
  });
  const leave = store.subscribe(() => {});
  for (const data of ["a", "b", "c", "d"]) await backend.send("writer", { type: "word", data }, { wait: 10 });
  expect(thrown).toBe(2);
  expect(store.getState()).toBe("abcd");
  // Up to `c` it is complete: a reload gets `d` again, and nothing else.
  const { devices } = (await backend.user("writer")).body;
  const [{ seq }] = (await backend.list("writer")).body.messages;
  expect((await backend.list("writer")).body.messages).toMatchObject([{ data: "d" }]);
  expect(devices[0].cursor).toBeLessThan(seq);
  leave();
});
