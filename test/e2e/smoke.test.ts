import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

test("[S2, C1, C2] a message sent before the user ever connected arrives at the first attach, once", async () => {
  const user = "startup_test_032e17dc-25d9-430e-8a74-7b87b2a70064";
  const sent = await backend.send(user, { type: "startup_test" });
  expect(sent.status).toBe(202);
  expect(sent.body).toMatchObject({ status: "queued", devices: 0, sent_to: 0 });

  const token = await backend.token(user);
  const first = await Connection.open(runtime.url, { token });
  expect(first.established).toMatchObject({ user, device: "default", resumed: false, pending: 1 });
  expect(await first.next()).toMatchObject({
    type: "messages",
    messages: [{ seq: sent.body.seq, id: sent.body.id, type: "startup_test" }],
  });
  expect(await first.next()).toEqual({ type: "caught_up", seq: sent.body.seq });
  first.ack();
  await first.close();
  expect((await backend.state(user, sent.body.id)).body).toMatchObject({ status: "delivered" });

  const second = await Connection.open(runtime.url, { token });
  expect(second.established).toMatchObject({ resumed: true, pending: 0, cursor: sent.body.seq });
  expect(await second.next()).toEqual({ type: "caught_up", seq: sent.body.seq });
  await second.settle();
  expect(second.messages).toEqual([]);
  await second.close();
});
