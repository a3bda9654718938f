import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { Shell } from "../support/shell.ts";
import { projectDir } from "../support/worker-config.ts";

// Clients that know nothing of Restante, as they are shipped: whoever speaks WebSocket and JSON can be a device.

const deadlineMs = 20_000;
const python = "/usr/bin/python3";
const hasWebsockets = spawnSync(python, ["-c", "import websockets"]).status === 0;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const socketUrl = (): string => `${runtime.url.replace("http", "ws")}/v1/socket`;

/** Two messages for a user who never connected, a token, and the ids that must arrive. */
const prepared = async (user: string): Promise<{ readonly token: string; readonly ids: readonly string[] }> => {
  const ids: string[] = [];
  for (const type of ["first", "second"]) ids.push((await backend.send(user, { type, data: { ü: "✓" } })).body.id);
  return { token: await backend.token(user), ids };
};

const frames = (output: string): readonly Record<string, unknown>[] =>
  output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));

test.each([
  ["in the query", (url: string, token: string) => `npx wscat -c "${url}?access_token=${token}"`],
  ["as a subprotocol", (url: string, token: string) => `npx wscat -s restante.v1 -s bearer.${token} -c "${url}"`],
  ["in a header", (url: string, token: string) => `npx wscat -H "Authorization: Bearer ${token}" -c "${url}"`],
])("[S2, A3, C1, C3] wscat with its token %s receives what waited, and after its ack nothing", async (how, command) => {
  const user = `wscat ${how}`;
  const { token, ids } = await prepared(user);

  const first = new Shell(command(socketUrl(), token), { cwd: projectDir });
  await first.says(/"caught_up"/, deadlineMs);
  const received = frames(first.output);
  expect(received.map((frame) => frame.type)).toEqual(["connection_established", "messages", "caught_up"]);
  expect(received[1]).toMatchObject({ messages: ids.map((id) => ({ id, data: { ü: "✓" } })) });
  first.type(JSON.stringify({ type: "ack", seq: received[2]?.seq }));
  first.type('{"type":"ping"}');
  await first.says(/"pong"/, deadlineMs);
  await first.end();

  const second = new Shell(command(socketUrl(), token), { cwd: projectDir });
  await second.says(/"caught_up"/, deadlineMs);
  expect(frames(second.output).map((frame) => frame.type)).toEqual(["connection_established", "caught_up"]);
  await second.end();
});

test.skipIf(!hasWebsockets)(
  "[S2, A3, C3, C5] Python's websockets receives what waited, acks it, and gets nothing twice",
  async () => {
    const user = "python";
    const { token, ids } = await prepared(user);
    const command = `${python} test/e2e/python-client.py ${socketUrl()} ${token}`;

    const first = new Shell(command, { cwd: projectDir });
    expect(await first.exited, first.output).toBe(0);
    expect(first.output).toMatch(/^subprotocol restante\.v1$/m);
    expect(frames(first.output).map((frame) => frame.type)).toEqual([
      "connection_established",
      "messages",
      "caught_up",
      "pong",
    ]);
    expect(frames(first.output)[1]).toMatchObject({ messages: ids.map((id) => ({ id })) });
    for (const id of ids) expect((await backend.state(user, id)).body).toMatchObject({ status: "delivered" });

    const second = new Shell(command, { cwd: projectDir });
    expect(await second.exited, second.output).toBe(0);
    expect(frames(second.output).map((frame) => frame.type)).toEqual(["connection_established", "caught_up", "pong"]);
  },
);
