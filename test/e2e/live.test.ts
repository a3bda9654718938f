/** `GET /v1/users/{user}/live` (N6): what an operator sees of a user, and that nobody is the worse for being looked at. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { Connection, type ConnectionOptions } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { KEYS, scopedVars } from "../support/fuzz-keys.ts";
import { LiveReader } from "../support/live-reader.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ vars: { ...scopedVars, ENVIRONMENT: "development" } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const watch = (user: string) => LiveReader.open(runtime.url, user, { key: KEYS.monitor });
const connect = async (user: string, options: ConnectionOptions = {}) =>
  Connection.open(runtime.url, { token: await mintLocally(user), device: "phone", ...options });
/** Its body as U1 says it, and its frame as the stream does. */
const stateOf = async (user: string) => ({ type: "state", ...(await backend.user(user)).body });
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

test("[N6] the first frame is U1's body, of an unknown user, too, and the headers are those of a stream", async () => {
  const live = await watch("nobody");
  expect(live.headers).toMatchObject({
    ...{ "content-type": "text/event-stream", "cache-control": "no-store" },
    ...{ "x-accel-buffering": "no", "x-content-type-options": "nosniff" },
  });
  expect(live.frames).toEqual([await stateOf("nobody")]);
  expect(live.state).toMatchObject({ connected: false, connections: [], devices: [], held: { count: 0 } });
  live.hangUp();
});

test("[N6] a message's way: accepted, connected, sent, acked, ended, disconnected, each with what it is about, and no data", async () => {
  const user = "way";
  const live = await watch(user);
  const data = "a secret of the user's";
  const sent = (await backend.send(user, { type: "order", data, id: "order-7", topic: "orders" })).body;
  expect(await live.next("accepted")).toEqual({
    ...{ type: "accepted", timestamp: TIME, seq: sent.seq, id: "order-7", message_type: "order", topic: "orders" },
  });
  const phone = await connect(user);
  await phone.caughtUp();
  const connection_id = phone.established.connection_id;
  const named = { timestamp: TIME, connection_id, device: "phone" };
  expect(await live.next("sent")).toEqual({ type: "sent", ...named, prev: 0, seq: sent.seq, count: 1 });
  const standing = await live.stands("in flight", ({ connections }) => connections[0]?.in_flight === 1);
  expect(standing).toMatchObject({ held: { count: 1 }, devices: [{ device: "phone", cursor: 0 }] });

  phone.ack();
  expect(await live.next("acked")).toEqual({ type: "acked", ...named, seq: sent.seq, checkpoint: sent.seq });
  // The ack rests in memory still: that it came is told and shown, and that it is recorded follows.
  await live.stands("nothing held", ({ held, devices }) => held.count === 0 && devices[0]?.cursor === sent.seq);
  expect(live.of("ended")).toEqual([]);
  expect((await backend.state(user, "order-7")).body.status).toBe("delivered");
  const ended = { type: "ended", timestamp: TIME, seq: sent.seq, id: "order-7", status: "delivered" };
  expect(await live.next("ended")).toEqual(ended);

  await phone.close(4000, "resync");
  expect(await live.next("disconnected")).toEqual({ type: "disconnected", ...named, code: 4000 });
  expect(await live.stands("gone", ({ connected }) => !connected)).toEqual(await stateOf(user));
  const order = live.frames.map(({ type }) => type).filter((type) => type !== "state");
  expect(order).toEqual(["accepted", "connected", "sent", "acked", "ended", "disconnected"]);
  expect(live.text).not.toContain(data);
  live.hangUp();
});
