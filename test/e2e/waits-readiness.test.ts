import { afterAll, beforeAll, expect, test } from "vitest";
import { instant } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { Random } from "../support/random.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const open = async (user: string) => Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });

/** Asks for readiness `offsetMs` after the attach begins; says how both went. */
const asked = async (user: string, offsetMs: number) => {
  const startAt = performance.now() + 50;
  const attaching = instant(startAt)
    .then(() => open(user))
    .then((connection) => ({ connection, at: performance.now() }));
  await instant(startAt + offsetMs);
  const reply = await backend.user(user, { wait: 10 });
  const repliedAt = performance.now();
  const { connection, at } = await attaching;
  // Who was told that the user is there reaches a socket.
  const sent = await backend.send(user, { type: "critical" }, { wait: 5 });
  await connection.close();
  return { connected: reply.body.connected, lateMs: repliedAt - at, sentTo: sent.body.sent_to, status: sent.status };
};

test.each([
  ["before", -45, -30],
  ["during", -12, 12],
  ["after", 60, 80],
])("[U1] readiness asked %s the attach is answered as soon as a connection is established", async (when, from, to) => {
  const random = new Random(7);
  const results: Awaited<ReturnType<typeof asked>>[] = [];
  for (let at = 0; at < 15; at += 1) results.push(await asked(`ready-${when}-${at}`, random.int(from, to)));
  for (const result of results) {
    expect(result).toMatchObject({ connected: true, status: 200, sentTo: 1 });
    expect(result.lateMs).toBeLessThan(500);
  }
});

test("[U1] where nobody attaches, readiness is answered at its limit", async () => {
  for (const limitSeconds of [0, 0.05, 0.4]) {
    const beganAt = performance.now();
    const reply = await backend.user("nobody", { wait: limitSeconds });
    const afterMs = performance.now() - beganAt;
    expect(reply).toMatchObject({ status: 200, body: { connected: false, connections: [] } });
    expect(reply.headers.get("preference-applied")).toBe(`wait=${limitSeconds}`);
    expect(afterMs).toBeGreaterThanOrEqual(limitSeconds * 1_000 - 2);
    expect(afterMs).toBeLessThan(limitSeconds * 1_000 + 500);
  }
});

test("[U1] readiness asked while the runtime is killed fails, and asked again after it is back is answered", async () => {
  const user = "ready-crash";
  // Another user's reply shows that the first question has gone out.
  const lost = backend.user(user, { wait: 30 }).then(
    (reply) => reply.status,
    () => "lost",
  );
  await backend.user("someone-else");
  await runtime.kill();
  expect(await lost).toBe("lost");
  await runtime.restart();
  const again = backend.user(user, { wait: 30 });
  const connection = await open(user);
  expect((await again).body).toMatchObject({ connected: true });
  await connection.close();
});
