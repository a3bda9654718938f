/** `sender.stream`: text that is streamed is there once, in order and whole, whatever happens on the way. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { createSender, SendError, type WebSocketClass } from "../../src/sender/sender.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await startRuntime();
});
afterAll(() => runtime?.stop());

const senderTo = (
  { url }: { readonly url: string },
  more: { readonly key?: string; readonly timeoutMs?: number } = {},
) => createSender({ url, key: API_KEY, ...more });
const reading = async (url: string, user: string) =>
  Connection.open(url, { token: await mintLocally(user), ack: { every: 16 } });
const textOf = ({ messages }: Connection) => messages.map(({ data }) => data).join("");
const WORDS = Array.from({ length: 2_000 }, (_, n) => `word${n} `);

describe("[P2, C3] what is streamed", () => {
  test("arrives in order and whole, at one who is there and at one who comes later", async () => {
    const there = await reading(runtime.url, "streamed");
    const stream = senderTo(runtime).stream("streamed", { topic: "run-7" });
    for (const word of WORDS) await stream.write(word);
    await stream.end();
    await there.settle();
    expect(textOf(there) === WORDS.join("")).toBe(true);
    expect(there.messages[0]).toMatchObject({ type: "delta", topic: "run-7", append: true });

    const late = senderTo(runtime).stream("comes-later", { topic: "run-8", type: "token" });
    for (const word of WORDS) await late.write(word);
    await late.end();
    const reader = await reading(runtime.url, "comes-later");
    await reader.caughtUp();
    expect(reader.messages).toHaveLength(1);
    expect(reader.messages[0]).toMatchObject({ type: "token", topic: "run-8" });
    expect(textOf(reader) === WORDS.join("")).toBe(true);
    await there.close();
    await reader.close();
  });

  test("also with a WebSocket that is given, as Node 20 has none", async () => {
    const sender = createSender({ url: runtime.url, key: API_KEY, webSocket: WebSocket as unknown as WebSocketClass });
    const stream = sender.stream("given", { topic: "t" });
    await stream.write("Hello");
    await stream.end();
    expect((await new Backend(runtime.url).list("given")).body.messages).toMatchObject([{ data: "Hello" }]);
  });

  test("also where most of it is characters that JSON escapes", async () => {
    const stream = senderTo(runtime).stream("escaped", { topic: "t" });
    const piece = "\u001b".repeat(20_000);
    const writing = Array.from({ length: 20 }, () => stream.write(piece));
    await Promise.all(writing);
    await stream.end();
    const { messages } = (await new Backend(runtime.url).list("escaped")).body;
    expect(messages).toHaveLength(20);
  });

  test("an end without a word needs no socket", async () => {
    const stream = createSender({ url: "http://127.0.0.1:9", key: API_KEY }).stream("nobody", { topic: "t" });
    await stream.end();
  });
});

test("[S13, P5] kills in mid-stream: nothing is lost, nothing is there twice", async () => {
  const killed = await startRuntime();
  try {
    const stream = senderTo(killed).stream("ada", { topic: "run-7" });
    let at = 0;
    const writing = (async () => {
      for (const word of WORDS) {
        await stream.write(word);
        at += 1;
        if (at % 10 === 0) await new Promise((go) => setTimeout(go, 2));
      }
      await stream.end();
    })();
    for (const kill of [300, 900, 1_500]) {
      await expect.poll(() => at, { timeout: 20_000, interval: 1 }).toBeGreaterThan(kill);
      await killed.kill();
      await killed.restart();
    }
    await writing;
    const reader = await reading(killed.url, "ada");
    await reader.caughtUp();
    expect(textOf(reader) === WORDS.join("")).toBe(true);
    await reader.close();
  } finally {
    await killed.stop();
  }
}, 60_000);

describe("[E1] what cannot be streamed is a SendError", () => {
  const thrown = async (work: Promise<unknown>): Promise<SendError> => {
    const error = await work.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(SendError);
    return error as SendError;
  };

  test("a wrong key, with the server's own words", async () => {
    const stream = senderTo(runtime, { key: "rk_wrong" }).stream("ada", { topic: "t" });
    await stream.write("a");
    expect(await thrown(stream.end())).toMatchObject({ code: "invalid_key", status: 401 });
    expect(await thrown(stream.write("b"))).toMatchObject({ code: "invalid_key" });
  });

  test("a topic that is none", async () => {
    const stream = senderTo(runtime).stream("ada", { topic: "t\n" });
    await stream.write("a");
    expect(await thrown(stream.end())).toMatchObject({ code: "invalid_request", status: 400 });
  });

  test("nobody there", async () => {
    const stream = createSender({ url: "http://127.0.0.1:9", key: API_KEY, timeoutMs: 500 }).stream("ada", {
      topic: "t",
    });
    await stream.write("a");
    expect(await thrown(stream.end())).toMatchObject({ code: "network", retry: "same_id" });
  });

  test("somebody there who never answers", async () => {
    const silent = createServer(() => {});
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    try {
      const stream = createSender({ url: `http://127.0.0.1:${port}`, key: API_KEY, timeoutMs: 500 }).stream("ada", {
        topic: "t",
      });
      await stream.write("a");
      expect(await thrown(stream.end())).toMatchObject({ code: "network", retry: "same_id" });
    } finally {
      silent.close();
    }
  });

  test("the caller's signal", async () => {
    const ending = new AbortController();
    const stream = senderTo({ url: "http://127.0.0.1:9" }).stream("ada", { topic: "t", signal: ending.signal });
    await stream.write("a");
    const ended = thrown(stream.end());
    ending.abort();
    expect(await ended).toMatchObject({ code: "aborted" });
  });

  test("[S8] an outbox that stays full; and where room comes, it goes on", async () => {
    const small = await startRuntime({ vars: { OUTBOX_MAX_MESSAGES: "50" } });
    try {
      const full = senderTo(small, { timeoutMs: 500 }).stream("ada", { topic: "t" });
      for (const word of WORDS.slice(0, 80)) await full.write(word);
      expect(await thrown(full.end())).toMatchObject({ code: "outbox_full", status: 429 });
      expect((await new Backend(small.url).list("ada")).body.messages).toHaveLength(50);
    } finally {
      await small.stop();
    }
  });
});
