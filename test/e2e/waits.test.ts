import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { heldSend } from "../proofs/hang-up.ts";
import { runWaitCases, waitCases } from "../proofs/wait-case.ts";
import { Backend, type Reply } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const breakable = fileURLToPath(new URL("../proofs/breakable-worker.mjs", import.meta.url));

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ entry: breakable });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

// `node test/proofs/waits.ts` is the long form, with waits of up to 30 s.
test("[S3] a wait ends with the ack or at its limit: acked before, at and after it, by readers there, late, or cut off", async () => {
  expect(await runWaitCases(backend, waitCases([0, 0.05, 0.4, 1, 2]))).toEqual([]);
});

test("[S3] a wait that is malformed or out of bounds is no wait, or is clamped to 30 s", async () => {
  const user = "clamped";
  const reader = await Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });
  const applied = async (wait: string) => {
    const reply = await backend.send(user, { type: "t" }, { wait });
    return { status: reply.status, applied: reply.headers.get("preference-applied") };
  };
  expect(await applied("31")).toEqual({ status: 200, applied: "wait=30" });
  expect(await applied("1e9")).toEqual({ status: 202, applied: null });
  expect(await applied("-1")).toEqual({ status: 202, applied: null });
  await reader.close();
});

test("[S3, S13] a caller that hangs up cancels nothing, and gives up its place among the 1,000 who wait", async () => {
  const user = "gone";
  const calls = Array.from({ length: 1_000 }, (_, at) =>
    heldSend(runtime.url, user, { type: "t", id: `gone-${at}` }, 30),
  );
  // All of them wait now, so that the next one cannot.
  await eventually("1,000 messages are held", async () => (await backend.user(user)).body.held.count === 1_000);
  const refused = await backend.send(user, { type: "t", id: "too-many" }, { wait: 30 });
  expect(refused.status).toBe(202);
  for (const call of calls) call.hangUp();
  expect(new Set(await Promise.all(calls.map((call) => call.ended)))).toEqual(new Set(["gone"]));

  let tries = 0;
  const waits = async () => {
    const beganAt = performance.now();
    tries += 1;
    const reply = await backend.send(user, { type: "t", id: `after-${tries}` }, { wait: 1 });
    expect(reply.status).toBe(202);
    return performance.now() - beganAt >= 998;
  };
  await eventually("there is room to wait again", waits, 5_000);

  // What they sent is delivered all the same, each once.
  const reader = await Connection.open(runtime.url, { token: await mintLocally(user), ack: { every: 100 } });
  await reader.receive(1_001 + tries);
  const ids = reader.messages.map((m) => m.id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set(ids)).toEqual(
    new Set(
      [...calls.keys()]
        .map((at) => `gone-${at}`)
        .concat("too-many", ...[...Array(tries).keys()].map((t) => `after-${t + 1}`)),
    ),
  );
  reader.ack();
  await reader.close();
  expect((await backend.state(user, "gone-999")).body).toMatchObject({ status: "delivered" });
});

test("[S3, S4, S13] a crash in between leaves the outcome unknown; the same id again waits on, and makes no second message", async () => {
  const users = [...Array(8).keys()].map((at) => `crash-${at}`);
  const sending = (user: string, wait: number) => backend.send(user, { type: "t", id: "once" }, { wait });
  const lost = users.map((user) =>
    sending(user, 30).then(
      (r: Reply) => r.status,
      () => "lost",
    ),
  );
  await eventually("all are held", async () => {
    const states = await Promise.all(users.map((user) => backend.state(user, "once")));
    return states.every((s) => s.status === 200);
  });
  const before = await Promise.all(users.map((user) => backend.state(user, "once")));
  await runtime.kill();
  expect(new Set(await Promise.all(lost))).toEqual(new Set(["lost"]));
  await runtime.restart();

  const again = users.map((user) => sending(user, 30));
  const readers = await Promise.all(
    users.map(async (user) => Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" })),
  );
  const replies = await Promise.all(again);
  for (const [at, reply] of replies.entries()) {
    expect(reply).toMatchObject({ status: 200, body: { status: "delivered", seq: before[at]?.body.seq } });
    expect(reply.headers.get("idempotency-replayed")).toBe("true");
  }
  for (const reader of readers) {
    await reader.settle();
    expect(reader.messages).toHaveLength(1);
    await reader.close();
  }
});

test("[S13] where only the Mailbox is lost, the Worker waits on with an id, and says without one that it does not know", async () => {
  const user = "reset";
  const withId = backend.send(user, { type: "t", id: "kept" }, { wait: 30 });
  const without = backend.send(user, { type: "t" }, { wait: 30 });
  await eventually("both are held", async () => (await backend.user(user)).body.held.count === 2);
  await fetch(`${runtime.url}/test/reset/${user}`, { method: "POST" });
  expect(await without).toMatchObject({ status: 503, body: { code: "outcome_unknown" } });

  const reader = await Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });
  const reply = await withId;
  expect(reply).toMatchObject({ status: 200, body: { id: "kept", status: "delivered" } });
  await reader.settle();
  // The one without an id had been stored: it is there too, once.
  expect(reader.messages).toHaveLength(2);
  await reader.close();
});
