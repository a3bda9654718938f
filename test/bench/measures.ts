/** What is measured of a contender: each function is one measurement of a few seconds. */
import { WebSocket } from "ws";
import { KeepAlive, post } from "./keep-alive.ts";

/** A Worker under measurement, and how to talk to it. */
export interface Contender {
  readonly name: string;
  readonly port: number;
  /** Headers of a send. */
  readonly headers: Readonly<Record<string, string>>;
  /** URL of a user's socket. */
  socketUrl(user: string): Promise<string>;
}

export interface Rate {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** About 100 bytes as JSON. */
const TEXT = "x".repeat(60);

const pathOf = (user: string) => `/v1/users/${user}/messages`;

export const percentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
};

/** A client may send 100 frames a second: acks are gathered, to half a window or for so long. */
const ACK_EVERY_MESSAGES = 128;
const ACK_EVERY_MS = 20;

/** A reader that acks what it gets, and fails loudly where its socket ends. */
const reader = async (url: string, onMessages: (messages: readonly { readonly seq: number }[]) => void) => {
  const socket = new WebSocket(url);
  let confirmed: () => void = () => {};
  const established = new Promise<void>((done, failed) => {
    confirmed = done;
    socket.once("error", failed);
    socket.once("close", (code) => failed(new Error(`closed with ${code}`)));
  });
  let last = 0;
  let unacked = 0;
  let timer: NodeJS.Timeout | undefined;
  const ack = () => {
    clearTimeout(timer);
    timer = undefined;
    unacked = 0;
    socket.send(`{"type":"ack","seq":${last}}`);
  };
  socket.on("message", (raw) => {
    const frame = JSON.parse(String(raw));
    if (frame.type === "connection_established") confirmed();
    if (frame.type !== "messages") return;
    last = frame.messages.at(-1).seq;
    unacked += frame.messages.length;
    if (unacked >= ACK_EVERY_MESSAGES) ack();
    else timer ??= setTimeout(ack, ACK_EVERY_MS);
    onMessages(frame.messages);
  });
  await established;
  socket.on("close", (code, reason) => {
    throw new Error(`A reader's socket was closed with ${code} ${reason}.`);
  });
  const close = () => {
    clearTimeout(timer);
    socket.removeAllListeners("close");
    socket.terminate();
  };
  return { close };
};

/** `senders` connections that each send after the reply to the last, to one user who is connected and acks. */
export const throughput = async (contender: Contender, senders: number, forMs: number): Promise<Rate> => {
  const user = `rate-${crypto.randomUUID()}`;
  let received = 0;
  let sent = 0;
  let caughtUp: () => void = () => {};
  const socket = await reader(await contender.socketUrl(user), (messages) => {
    received += messages.length;
    if (received === sent) caughtUp();
  });
  const connections = await Promise.all(Array.from({ length: senders }, () => KeepAlive.open(contender.port)));
  const request = post(pathOf(user), contender.headers, JSON.stringify({ type: "token", data: { text: TEXT } }));
  const latencies: number[] = [];
  let accepted = 0;
  const run = async (untilMs: number, count: boolean) => {
    await Promise.all(
      connections.map(async (connection) => {
        while (performance.now() < untilMs) {
          const at = performance.now();
          const reply = await connection.request(request);
          if (reply.status !== 202 && reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
          if (count) latencies.push(performance.now() - at);
          accepted += 1;
        }
      }),
    );
  };
  await run(performance.now() + 700, false);
  const started = performance.now();
  await run(started + forMs, true);
  const seconds = (performance.now() - started) / 1_000;
  sent = accepted;
  if (received < sent) await new Promise<void>((done) => (caughtUp = done));
  for (const connection of connections) connection.close();
  socket.close();
  return {
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  };
};

/** From the start of a send to its frame in the reader, one message at a time. */
export const sendToReceive = async (contender: Contender, messages: number): Promise<Omit<Rate, "perSecond">> => {
  const user = `latency-${crypto.randomUUID()}`;
  let arrived: (at: number) => void = () => {};
  const socket = await reader(await contender.socketUrl(user), () => arrived(performance.now()));
  const connection = await KeepAlive.open(contender.port);
  const request = post(pathOf(user), contender.headers, JSON.stringify({ type: "token", data: { text: TEXT } }));
  const latencies: number[] = [];
  for (let i = 0; i < messages + 50; i += 1) {
    const at = performance.now();
    const received = new Promise<number>((done) => (arrived = done));
    await connection.request(request);
    const latency = (await received) - at;
    if (i >= 50) latencies.push(latency);
  }
  connection.close();
  socket.close();
  return { p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) };
};

/** A backlog, then one reader: how fast it comes, and how soon the first of it. */
export const drain = async (
  contender: Contender,
  messages: number,
): Promise<{ readonly perSecond: number; readonly firstMs: number }> => {
  const user = `drain-${crypto.randomUUID()}`;
  const connections = await Promise.all(Array.from({ length: 32 }, () => KeepAlive.open(contender.port)));
  const request = post(pathOf(user), contender.headers, JSON.stringify({ type: "token", data: { text: TEXT } }));
  let left = messages;
  await Promise.all(
    connections.map(async (connection) => {
      while (left > 0) {
        left -= 1;
        const reply = await connection.request(request);
        if (reply.status !== 202) throw new Error(`${reply.status} ${reply.body}`);
      }
    }),
  );
  const url = await contender.socketUrl(user);
  const started = performance.now();
  let firstMs: number | undefined;
  let received = 0;
  let all: () => void = () => {};
  const drained = new Promise<void>((done) => (all = done));
  const socket = await reader(url, (frame) => {
    firstMs ??= performance.now() - started;
    received += frame.length;
    if (received >= messages) all();
  });
  await drained;
  const seconds = (performance.now() - started) / 1_000;
  for (const connection of connections) connection.close();
  socket.close();
  return { perSecond: messages / seconds, firstMs: firstMs ?? Number.NaN };
};
