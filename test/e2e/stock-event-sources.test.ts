/** Server-Sent Events with clients that know nothing of Restante, as they are shipped (C10, D3, D4). */
import { EventSource } from "eventsource";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { mintLocally } from "../support/credentials.ts";
import type { MessagesFrame, ReceivedMessage } from "../support/received.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { Shell } from "../support/shell.ts";
import { projectDir } from "../support/worker-config.ts";

/** Who acks nothing is closed after this, and at the latest after twice that. */
const ACK_TIMEOUT_MS = 500;
/** A round of a reader that acks nothing: its close, and its coming back. */
const ROUND_MS = 2 * ACK_TIMEOUT_MS + 5_000;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ vars: { ACK_TIMEOUT_MS: String(ACK_TIMEOUT_MS) } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const urlFor = async (user: string, query = ""): Promise<string> =>
  `${runtime.url}/v1/events?access_token=${await mintLocally(user)}${query}`;

/** An `EventSource` that keeps what comes; the page in it acks nothing. */
const watching = async (user: string, query?: string) => {
  const source = new EventSource(await urlFor(user, query));
  const messages: ReceivedMessage[] = [];
  const closes: { readonly code: number; readonly reason: string }[] = [];
  let opened = 0;
  source.addEventListener("connection_established", () => (opened += 1));
  source.addEventListener("messages", ({ data }) => messages.push(...(JSON.parse(data) as MessagesFrame).messages));
  source.addEventListener("close", ({ data }) => closes.push(JSON.parse(data)));
  return {
    messages,
    closes,
    opened: () => opened,
    close: () => source.close(),
    until: (what: string, holds: () => boolean, deadlineMs = 10_000) => eventually(what, holds, deadlineMs),
  };
};

test("[C10, D3, D4] an EventSource that acks nothing gets window after window, each message exactly once: its reconnecting acks", async () => {
  const user = "event-source";
  const ids: string[] = [];
  for (let n = 0; n < 8; n += 1) ids.push((await backend.send(user, { type: "t" })).body.id);
  const page = await watching(user, "&window=3");
  await page.until("all windows", () => page.messages.length >= ids.length, 3 * ROUND_MS);
  // The last window is acked by one more round; then nothing is un-acked, and nobody is closed any more.
  await page.until("one more round", () => page.opened() === 4, ROUND_MS);
  expect(page.messages.map((message) => message.id)).toEqual(ids);
  expect(page.closes).toEqual(Array(3).fill({ code: 4408, reason: "ack_timeout" }));
  const held = (await backend.user(user)).body;
  expect(held).toMatchObject({ connected: true, held: { count: 0 }, dead_letters: 0 });
  page.close();
});

test("[C10, D1, D3] an EventSource goes on through crashes of the server, without loss and without a twin", async () => {
  const user = "crashes";
  const page = await watching(user, "&window=5");
  await page.until("it is open", () => page.opened() === 1);
  const ids: string[] = [];
  for (let crash = 0; crash < 2; crash += 1) {
    for (let n = 0; n < 4; n += 1) ids.push((await backend.send(user, { type: "live" })).body.id);
    await page.until("what was sent has come", () => page.messages.length >= ids.length, ROUND_MS);
    await runtime.restart();
    for (let n = 0; n < 2; n += 1) ids.push((await backend.send(user, { type: "while away" })).body.id);
    await page.until("it is back", () => page.messages.length >= ids.length, ROUND_MS);
  }
  expect(page.messages.map((message) => message.id)).toEqual(ids);
  page.close();
});

test("[C10, C9] an EventSource whose token is over is told so, once, and does not come back", async () => {
  const user = "over";
  const url = `${runtime.url}/v1/events?access_token=${await mintLocally(user, { ttlSeconds: 1 })}`;
  const source = new EventSource(url);
  const closed = new Promise<string>((done) => source.addEventListener("close", ({ data }) => done(data)));
  expect(JSON.parse(await closed)).toEqual({ code: 4401, reason: "token_expired" });
  // Its own wait is over in a day. One that comes with a token that is over is refused, and then never tries again.
  const late = new EventSource(url);
  const refused = await new Promise<number | undefined>((done) => {
    late.onerror = ({ code }) => done(code);
  });
  expect([refused, late.readyState]).toEqual([401, EventSource.CLOSED]);
  expect(source.readyState).toBe(EventSource.CONNECTING);
  source.close();
});

test("[C10, S2] curl shows what waited and what is sent while it looks, with nothing but a URL", async () => {
  const user = "curl";
  const waited = (await backend.send(user, { type: "waited", data: { ü: "✓" } })).body;
  const shell = new Shell(`curl -sN "${await urlFor(user)}"`, { cwd: projectDir });
  await shell.says(/event: caught_up/, 10_000);
  const live = (await backend.send(user, { type: "live" })).body;
  await shell.says(new RegExp(`id: ${live.seq}`), 10_000);
  await shell.says(/event: close/, ROUND_MS);
  expect(await shell.exited).toBe(0);
  const blocks = shell.output.replaceAll("\r", "").split("\n\n");
  expect(blocks[0]).toMatch(/^retry: [0-9]+$/);
  expect(blocks.slice(1, -1).map((block) => block.split("\n")[0])).toEqual([
    ...["event: connection_established", "event: messages", "event: caught_up", "event: messages", "event: close"],
  ]);
  expect(blocks[2]).toBe(
    `event: messages\nid: ${waited.seq}\ndata: {"type":"messages","prev":0,"messages":[{"seq":${waited.seq},"id":"${waited.id}","type":"waited","data":{"ü":"✓"},"timestamp":"${waited.accepted_at}"}]}`,
  );
  expect(blocks.at(-2)).toMatch(/^event: close\nretry: [0-9]+\ndata: \{"code":4408,"reason":"ack_timeout"\}$/);
});

test("[C10, C5] a plain fetch reads it, and acks with another", async () => {
  const user = "fetch";
  const { seq, id } = (await backend.send(user, { type: "t" })).body;
  const hangUp = new AbortController();
  const response = await fetch(await urlFor(user), { signal: hangUp.signal });
  let text = "";
  let connectionId: string | undefined;
  const utf8 = new TextDecoder();
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    text += utf8.decode(chunk, { stream: true });
    connectionId = /"connection_id":"([^"]+)"/.exec(text)?.[1];
    if (text.includes(`id: ${seq}\n`)) break;
  }
  const acked = await fetch(`${runtime.url}/v1/connections/${connectionId}/ack`, {
    method: "POST",
    headers: { authorization: `Bearer ${await mintLocally(user)}`, "content-type": "application/json" },
    body: JSON.stringify({ seq }),
  });
  expect([acked.status, await acked.json()]).toEqual([200, { acked_seq: seq, checkpoint: seq }]);
  expect((await backend.state(user, id)).body.status).toBe("delivered");
  hangUp.abort();
});
