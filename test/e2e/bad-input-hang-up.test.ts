/** A caller that hangs up while its reply is held (S3, S13, U1): nothing is lost, and its place is free again. */
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { raw, requestBytes } from "../support/fuzz-http.ts";
import { ALL_SCOPES } from "../support/fuzz-keys.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

/** How many may wait for one user at a time. */
const WAITERS = 1_000;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const waiting = (method: string, target: string, body?: string): Promise<Socket> =>
  new Promise((done, failed) => {
    const headers = [ALL_SCOPES, "Prefer: wait=30"];
    const socket = connect(runtime.port, "127.0.0.1");
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.write(requestBytes(method, target, body === undefined ? { headers } : { headers, body }), () =>
        done(socket),
      );
    });
  });

/** Whether a call with a short wait is held for as long as it asked to be. */
const isHeld = async (call: () => Promise<unknown>): Promise<boolean> => {
  const beganAt = performance.now();
  await call();
  return performance.now() - beganAt >= 298;
};

test.each<readonly [string, (socket: Socket) => void]>([
  ["a reset", (socket) => socket.resetAndDestroy()],
  ["a close", (socket) => socket.destroy()],
])("[S3, S13] a sender that hangs up by %s has sent all the same", async (how, hangUp) => {
  const user = `sender ${how}`;
  const target = `/v1/users/${encodeURIComponent(user)}/messages`;
  const socket = await waiting("POST", target, '{"type":"t","id":"mine","data":1}');
  await eventually("it is held", async () => (await backend.state(user, "mine")).status === 200);
  hangUp(socket);
  const reader = await Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });
  expect((await reader.receive(1))[0]).toMatchObject({ id: "mine", data: 1 });
  await reader.settle();
  expect(reader.messages).toHaveLength(1);
  await reader.close();
  expect((await backend.state(user, "mine")).body.status).toBe("delivered");
});

test("[S13] one whose connection ends before its body has come has sent nothing", async () => {
  const user = "cut-short";
  const headers = [ALL_SCOPES];
  for (let at = 0; at < 20; at += 1) {
    const bytes = requestBytes("POST", `/v1/users/${user}/messages`, {
      headers,
      body: '{"type":"t"',
      contentLength: 12,
    });
    await new Promise<void>((done) => {
      const socket = connect(runtime.port, "127.0.0.1");
      socket.write(bytes, () => socket.resetAndDestroy());
      socket.once("close", () => done());
    });
  }
  await backend.send(user, { type: "after" });
  expect((await backend.list(user)).body.messages.map((m: { type: string }) => m.type)).toEqual(["after"]);
});

test("[S3] one that only ends its own side still gets its reply", async () => {
  const user = "half-closed";
  const bytes = requestBytes("POST", `/v1/users/${user}/messages`, {
    headers: [ALL_SCOPES, "Prefer: wait=0.3"],
    body: '{"type":"t"}',
  });
  const reply = await raw(runtime.port, bytes, { halfClose: true });
  expect([reply.status, reply.headers["preference-applied"]]).toEqual([202, "wait=0.3"]);
});

test("[U1] a thousand who asked for readiness and hung up do not keep the next from waiting, nor from its answer", async () => {
  const user = "not-ready";
  const target = `/v1/users/${user}`;
  const sockets = await Promise.all(Array.from({ length: WAITERS }, () => waiting("GET", target)));
  await eventually("all places are taken", async () => !(await isHeld(() => backend.user(user, { wait: 0.3 }))));
  // By a reset, as the edge tells it: a FIN alone is a caller who still listens.
  for (const socket of sockets) socket.resetAndDestroy();
  await eventually("there is room to wait again", () => isHeld(() => backend.user(user, { wait: 0.3 })));
  const asking = backend.user(user, { wait: 20 });
  const reader = await Connection.open(runtime.url, { token: await mintLocally(user) });
  expect((await asking).body.connected).toBe(true);
  await reader.close();
  expect(runtime.logs).not.toContain('"level":"error"');
});
