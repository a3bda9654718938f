/** `receive()`: the inbox as a loop, against the real server. What the server holds says what was acked. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { InboxError, receive } from "../../src/client/client.ts";
import { eventually } from "../proofs/clock.ts";
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

const loop = (user: string, more: object = {}) =>
  receive({ url: runtime.url, token: () => mintLocally(user), ...more });
/** Sends that many, numbered from 1. */
const sendNumbered = async (user: string, count: number): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (let n = 1; n <= count; n += 1) ids.push((await backend.send(user, { type: "t", data: n })).body.id);
  return ids;
};
const statuses = (user: string, ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await backend.state(user, id)).body.status));
const become = (user: string, ids: readonly string[], wanted: readonly string[]) =>
  eventually(`${user}: ${wanted}`, async () => (await statuses(user, ids)).join() === wanted.join());
/** Everything that a loop gives until it has as many as wanted. */
const take = async (user: string, count: number): Promise<readonly unknown[]> => {
  const data: unknown[] = [];
  for await (const message of loop(user)) if (data.push(message.data) === count) break;
  return data;
};

test("[C5] a message is acked when the next is asked for, and not sooner", async () => {
  const user = "steps";
  const ids = await sendNumbered(user, 3);
  const messages = loop(user);
  expect((await messages.next()).value).toMatchObject({ data: 1 });
  // All of them are here, and none is done: the second ask says that of the first.
  await eventually("all were sent", async () => (await backend.user(user)).body.connections[0]?.in_flight === 3);
  expect(await statuses(user, ids)).toEqual(["queued", "queued", "queued"]);
  expect((await messages.next()).value).toMatchObject({ data: 2 });
  await become(user, ids, ["delivered", "queued", "queued"]);
  await messages.return();
  await eventually("it is gone", async () => !(await backend.user(user)).body.connected);
  expect(await statuses(user, ids)).toEqual(["delivered", "queued", "queued"]);
});

test("[C5, D3] after a break the last message comes again with the next loop, as one that was not processed", async () => {
  const user = "breaks";
  const ids = await sendNumbered(user, 3);
  expect(await take(user, 2)).toEqual([1, 2]);
  await eventually("it is gone", async () => !(await backend.user(user)).body.connected);
  await become(user, ids, ["delivered", "queued", "queued"]);
  expect(await take(user, 2)).toEqual([2, 3]);
});

test("[C6] what the loop's body throws ends the loop, and no message for it: it comes again", async () => {
  const user = "throws";
  const ids = await sendNumbered(user, 2);
  const run = async () => {
    for await (const message of loop(user)) throw new RangeError(`not ${message.data}`);
  };
  await expect(run()).rejects.toThrow("not 1");
  await eventually("it is gone", async () => !(await backend.user(user)).body.connected);
  expect(await statuses(user, ids)).toEqual(["queued", "queued"]);
  expect(await take(user, 1)).toEqual([1]);
});

test("a signal ends the loop without an error, while it waits, and the connection with it", async () => {
  const user = "signal";
  const ending = new AbortController();
  const data: unknown[] = [];
  const run = async () => {
    for await (const message of loop(user, { signal: ending.signal })) data.push(message.data);
  };
  const running = run();
  const [id = ""] = await sendNumbered(user, 1);
  await become(user, [id], ["delivered"]);
  ending.abort();
  await running;
  expect(data).toEqual([1]);
  await eventually("it is gone", async () => !(await backend.user(user)).body.connected);
});

test("[C11] what retrying cannot cure is thrown from the loop, after what came before it", async () => {
  const user = "stops";
  const ids = await sendNumbered(user, 2);
  const data: unknown[] = [];
  const errors: unknown[] = [];
  // A token alone: there is no other to be had.
  const run = async () => {
    const options = { token: await mintLocally(user), onError: (error: unknown) => errors.push(error) };
    for await (const message of loop(user, options)) {
      data.push(message.data);
      if (message.data === 1) continue;
      await become(user, ids, ["delivered", "queued"]);
      await backend.revoke(user);
    }
  };
  const error: unknown = await run().catch((found: unknown) => found);
  expect(error).toBeInstanceOf(InboxError);
  expect(error).toMatchObject({ code: "token_revoked" });
  expect(data).toEqual([1, 2]);
  expect(errors).toEqual([error]);
});

test("[C2] the options of an inbox are those of a loop: its status is told", async () => {
  const user = "status";
  await sendNumbered(user, 1);
  const states: string[] = [];
  const onStatus = ({ state }: { readonly state: string }) => void states.push(state);
  for await (const _ of loop(user, { onStatus })) break;
  expect(states.slice(0, 2)).toEqual(["connecting", "catching_up"]);
  await eventually("it has stopped", () => states.at(-1) === "stopped");
});
