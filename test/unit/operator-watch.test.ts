/** `watch` at a real HTTP server that behaves as networks and deploys do. */
import type { ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { createOperator, type LiveFrame, SendError } from "../../src/sender/sender.ts";
import { eventually } from "../proofs/clock.ts";
import { type LiveServer, liveServer, stream } from "../support/live-server.ts";

const stopping: { stop(): void }[] = [];
afterEach(() => {
  for (const one of stopping.splice(0)) one.stop();
});
const serve = async (...given: Parameters<typeof liveServer>): Promise<LiveServer> => {
  const server = await liveServer(...given);
  stopping.push(server);
  return server;
};
const operatorAt = (url: string, more: { readonly timeoutMs?: number; readonly attemptTimeoutMs?: number } = {}) =>
  createOperator({ url: `${url}/base`, key: "rk_test", ...more });

const STATE = { type: "state", connected: false, held: { count: 1, bytes: 7, oldest_at: "2026-11-27T02:10:00.000Z" } };
const accepted = (n: number) => ({ type: "accepted", timestamp: "t", seq: n, id: `m${n}`, message_type: "order" });

test("[N6] watching reads frames in camelCase, with the key, and leaves when nobody reads any more", async () => {
  const server = await serve((reply) => {
    reply.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    reply.write(":\n\n");
    const text = `event: state\ndata: ${JSON.stringify(STATE)}\n\nevent: accepted\ndata: ${JSON.stringify(accepted(1))}\n\n`;
    // A frame may be cut anywhere.
    for (const part of [text.slice(0, 20), text.slice(20, 90), text.slice(90)]) reply.write(part);
  });
  const frames: LiveFrame[] = [];
  for await (const frame of operatorAt(server.url).watch("ada/ü")) {
    frames.push(frame);
    if (frames.length === 2) break;
  }
  expect(frames).toEqual([
    { type: "state", connected: false, held: { count: 1, bytes: 7, oldestAt: "2026-11-27T02:10:00.000Z" } },
    { type: "accepted", timestamp: "t", seq: 1, id: "m1", messageType: "order" },
  ]);
  expect(server.requests).toMatchObject([
    { path: "/base/v1/users/ada%2F%C3%BC/live", headers: { authorization: "Bearer rk_test" } },
  ]);
  await eventually("the stream is let go", () => server.open === 0);
});

test("[N6] a stream that ends, breaks or is refused for now is opened again, as long as there is patience", async () => {
  const server = await serve((reply, index) => {
    if (index === 2) return void reply.writeHead(502, { "content-type": "text/html" }).end("<p>A proxy's</p>");
    if (index === 3) return void reply.destroy();
    stream(reply, STATE, ...(index === 1 ? [] : [accepted(index)]));
    if (index === 0) reply.end();
    if (index === 1) setTimeout(() => reply.destroy(), 20);
  });
  const types: string[] = [];
  for await (const frame of operatorAt(server.url).watch("ada")) {
    types.push(frame.type === "accepted" ? frame.id : frame.type);
    if (types.at(-1) === "m4") break;
  }
  expect(types).toEqual(["state", "m0", "state", "state", "m4"]);
  expect(server.requests).toHaveLength(5);
});

test("[N6] what cannot be cured ends it at once, with the server's words", async () => {
  const problem = { code: "missing_scope", retry: "no", detail: "This needs a key with scope monitor.", status: 403 };
  const server = await serve((reply) => {
    reply.writeHead(403, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
  });
  const error = await failing(operatorAt(server.url).watch("ada"));
  expect(error).toMatchObject({ code: "missing_scope", detail: problem.detail, attempts: 1, status: 403 });
  expect(() => operatorAt(server.url).watch("..")).toThrow(SendError);
  expect(server.requests).toHaveLength(1);
});

test("[N6] what is no stream of this service is said to be none", async () => {
  const server = await serve((reply) => reply.writeHead(200, { "content-type": "text/html" }).end("<p>Hello.</p>"));
  expect(await failing(operatorAt(server.url).watch("ada"))).toMatchObject({ code: "foreign_reply", attempts: 1 });
});

test("[N6] an outage that outlasts its patience ends it, and so does a server that takes connections and says nothing", async () => {
  const server = await serve((reply) => reply.destroy());
  const gone = await failing(operatorAt(server.url, { timeoutMs: 700 }).watch("ada"));
  expect(gone).toMatchObject({ code: "network" });
  expect((gone as SendError).attempts).toBeGreaterThan(1);

  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
  stopping.push({ stop: () => silent.close() }, { stop: () => sockets.forEach((socket) => socket.destroy()) });
  const { port } = silent.address() as { readonly port: number };
  const terms = { timeoutMs: 500, attemptTimeoutMs: 100 };
  expect(await failing(operatorAt(`http://127.0.0.1:${port}`, terms).watch("ada"))).toMatchObject({ code: "network" });
});

test("[N6] a close says whether to come again: after a deploy, and not where a newer operator took the place", async () => {
  const server = await serve((reply, index) => {
    stream(reply, STATE);
    const close = index === 0 ? { code: 1012, reason: "" } : { code: 4409, reason: "replaced_by_newer" };
    reply.end(`event: close\nretry: 1000\ndata: ${JSON.stringify(close)}\n\n`);
  });
  const error = await failing(operatorAt(server.url).watch("ada"));
  expect(error).toMatchObject({ code: "replaced_by_newer", retry: "no", detail: expect.stringContaining("4409") });
  expect(server.requests).toHaveLength(2);
});

test("[N6] the caller's signal ends it, while it reads and while it waits", async () => {
  const server = await serve((reply) => stream(reply, STATE));
  for (const url of [server.url, "http://127.0.0.1:9"]) {
    const ending = new AbortController();
    setTimeout(() => ending.abort(), 150);
    const watching = operatorAt(url).watch("ada", { signal: ending.signal });
    expect(await failing(watching)).toMatchObject({ code: "aborted" });
  }
  await eventually("the stream is let go", () => server.open === 0);
});

test("[N6] a caller who takes long for a frame loses none: silence is the service's", async () => {
  let answered: ServerResponse | undefined;
  const server = await serve((reply) => {
    answered = reply;
    stream(reply, STATE, accepted(1));
  });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const types: string[] = [];
    for await (const frame of operatorAt(server.url).watch("ada")) {
      types.push(frame.type === "accepted" ? frame.id : frame.type);
      vi.advanceTimersByTime(60_000);
      if (types.length === 2 && answered !== undefined) stream(answered, accepted(2));
      if (types.length === 3) break;
    }
    expect(types).toEqual(["state", "m1", "m2"]);
    expect(server.requests).toHaveLength(1);
  } finally {
    vi.useRealTimers();
  }
});

test("[S11, N6] over a binding there is none, and it says so", async () => {
  const watching = createOperator({ binding: {} as never }).watch("ada");
  expect(await failing(watching)).toMatchObject({
    code: "invalid_request",
    detail: /createOperator\(\{ url, key \}\)/,
  });
});

/** What reading it to its end throws. */
const failing = async (frames: AsyncIterable<LiveFrame>): Promise<unknown> => {
  try {
    for await (const _ of frames);
  } catch (error) {
    return error;
  }
  return undefined;
};
