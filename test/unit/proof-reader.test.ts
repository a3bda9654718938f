/** The reader that the proofs judge by, against a server of a few lines: what it makes of a late confirmation, and of one that is ahead of it. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { eventually } from "../proofs/clock.ts";
import { Reader } from "../proofs/reader.ts";
import { Connection } from "../support/connection.ts";
import { Random } from "../support/random.ts";

let server: WebSocketServer;
let url: string;
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

const next = async (): Promise<WebSocket> => (await once(server, "connection"))[0];
const say = (socket: WebSocket, frame: object) => socket.send(JSON.stringify(frame));
const confirm = (socket: WebSocket, cursor: number) => say(socket, { type: "connection_established", cursor });
const message = (seq: number) => ({ seq, id: `~${seq}`, type: "t", timestamp: "2026-11-27T00:00:00.000Z" });

test("a socket that is confirmed too late is ended: it would feed a reader beside the next one", async () => {
  const arrived = next();
  const attempt = Connection.attempt(url, { deadlineMs: 50 });
  const ended = once(await arrived, "close");
  await expect(attempt).rejects.toThrow("connection_established did not come");
  await ended;
});

test("[C5] a reader that another tab has passed by goes on from the cursor, and says what it was passed by with", async () => {
  const arrived = next();
  const options = { url, user: "ada", device: "phone", remembers: false, random: new Random(1), ackLagMs: 60_000 };
  const reader = new Reader(options).start();
  const first = await arrived;
  confirm(first, 10);
  say(first, { type: "messages", prev: 10, messages: [message(11), message(12)] });
  await eventually("12 is there", () => reader.processedSeq === 12);
  // It has acked nothing, and without a memory it has nothing of this once the socket is gone.
  const again = next();
  first.terminate();
  const second = await again;
  confirm(second, 15);
  say(second, { type: "messages", prev: 15, messages: [message(16)] });
  await eventually("16 is there", () => reader.processedSeq === 16);
  expect(reader.passed).toEqual([{ prev: 10, seq: 15 }]);
  expect(reader.violations).toEqual([]);
  expect([11, 12, 16].map((seq) => reader.has(seq))).toEqual([false, false, true]);
  await reader.stop();
});
