/** What is measured of ours alone: the others have nothing of the kind. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { percentile } from "../support/percentile.ts";
import { type Contender, cpuMs, residentKb } from "./contenders.ts";
import { fill, MESSAGE, type Rate, stopwatch } from "./measures.ts";
import { reader } from "./reader.ts";

interface Producing {
  /** Messages in a frame. */
  readonly perFrame: number;
  readonly withIds?: boolean;
  /** A socket to each of so many users. */
  readonly users?: number;
}

/** The producer's socket, to users who are connected and ack: frames of so many messages, and many of them without a reply. */
export const producing = async (
  contender: Contender,
  { perFrame, withIds = false, users = 1 }: Producing,
  forMs: number,
): Promise<Rate> => {
  const framesWithoutReply = Math.max(1, Math.floor(MOST_UNREPLIED / users / perFrame));
  const producers = await Promise.all(
    Array.from({ length: users }, () => producer(contender, perFrame, withIds, framesWithoutReply)),
  );
  const latencies: number[] = [];
  const rateOf = stopwatch(contender);
  const untilMs = performance.now() + forMs;
  await Promise.all(producers.map(({ run }) => run(untilMs, latencies)));
  const rate = rateOf(latencies, perFrame);
  for (const { accepted, own } of producers) await own.until(accepted());
  for (const { close } of producers) close();
  return rate;
};

/** How many messages may be without a reply, of all sockets together, and how many of each user's unread: an outbox holds 10,000. */
const MOST_UNREPLIED = 2_000;
const MOST_UNREAD = 5_000;

const producer = async (contender: Contender, perFrame: number, withIds: boolean, framesWithoutReply: number) => {
  const user = `producer-${crypto.randomUUID()}`;
  let goOn = () => {};
  const own = await reader(await contender.socketUrl(user), () => goOn());
  const url = `ws://127.0.0.1:${contender.port}/v1/users/${user}/publish`;
  const socket = new WebSocket(url, "restante.publish.v1", { headers: contender.headers, perMessageDeflate: false });
  await new Promise<void>((done, failed) => {
    socket.once("message", () => done());
    socket.once("error", failed);
  });
  const name = crypto.randomUUID();
  const plain = JSON.stringify(Array(perFrame).fill(MESSAGE));
  const framed = (frame: number): string => {
    if (!withIds) return plain;
    const ids = Array.from({ length: perFrame }, (_, at) => `${name}-${frame * perFrame + at}`);
    return JSON.stringify(ids.map((id) => ({ ...MESSAGE, id })));
  };
  const sentAt: number[] = [];
  let [sent, replied] = [0, 0];
  const isRoom = () => sent - replied < framesWithoutReply && sent * perFrame - own.received < MOST_UNREAD;
  const run = (untilMs: number, latencies: number[]): Promise<void> =>
    new Promise((done, failed) => {
      goOn = () => {
        while (performance.now() < untilMs && isRoom()) {
          sentAt.push(performance.now());
          socket.send(`{"type":"publish","ref":${sent},"messages":${framed(sent)}}`);
          sent += 1;
        }
        if (replied === sent && performance.now() >= untilMs) done();
      };
      socket.on("message", (raw) => {
        const { type, results } = JSON.parse(String(raw));
        const isAccepted =
          type === "published" && results.every((one: { http_status: number }) => one.http_status === 202);
        if (!isAccepted) return failed(new Error(String(raw)));
        latencies.push(performance.now() - (sentAt[replied] as number));
        replied += 1;
        goOn();
      });
      goOn();
    });
  const close = () => {
    socket.terminate();
    own.close();
  };
  return { own, run, close, accepted: () => replied * perFrame };
};

export interface Drained {
  readonly perSecond: number;
  /** From the beginning of the connect to the first message, and to the confirmation of a user for whom nothing waits. */
  readonly firstMs: number;
  readonly bareMs: number;
  /** How much memory the server's process took more, at most. */
  readonly grewKb: number;
}

/** A backlog, then one reader: how fast it comes, and how soon the first of it. */
export const draining = async (contender: Contender, messages: number, text?: string): Promise<Drained> => {
  const user = `drain-${crypto.randomUUID()}`;
  await fill(contender, user, messages, text);
  const bareUrl = await contender.socketUrl(`bare-${crypto.randomUUID()}`);
  const bareAt = performance.now();
  const bare = await reader(bareUrl);
  const bareMs = performance.now() - bareAt;
  bare.close();
  const url = await contender.socketUrl(user);
  const before = residentKb(contender);
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, residentKb(contender));
  }, 5);
  const started = performance.now();
  let firstMs: number | undefined;
  const own = await reader(url, () => {
    firstMs ??= performance.now() - started;
  });
  await own.until(messages);
  const seconds = (performance.now() - started) / 1_000;
  clearInterval(watch);
  own.close();
  return { perSecond: messages / seconds, firstMs: firstMs ?? Number.NaN, bareMs, grewKb: most - before };
};

export interface Idle {
  readonly kbEach: number;
  readonly cpuMs: number;
}

const BATCH = 500;
/** The runtime puts an object to sleep after some 10 s. */
const ASLEEP_MS = 12_500;

/**
 * Sockets of as many users who say nothing. They come in batches, each once the last one sleeps: what waking takes for a moment is
 * used again, and what remains is what a sleeping user costs. The first batch, which warms up, does not count.
 */
export const idling = async (contender: Contender, users: number, note: (text: string) => void): Promise<Idle> => {
  const sockets: WebSocket[] = [];
  let before = 0;
  for (let connected = 0; connected < users + BATCH; connected += BATCH) {
    note(`idle sockets of ${contender.name}: ${connected} of ${users}`);
    if (connected === BATCH) before = residentKb(contender);
    for (let at = 0; at < BATCH; at += 1) {
      const url = await contender.socketUrl(`idle-${connected + at}-${crypto.randomUUID()}`);
      const socket = new WebSocket(url, { perMessageDeflate: false });
      await new Promise((done) => socket.once("message", done));
      sockets.push(socket);
    }
    await new Promise((go) => setTimeout(go, ASLEEP_MS));
  }
  const kbEach = (residentKb(contender) - before) / users;
  const cpu = cpuMs(contender);
  await new Promise((go) => setTimeout(go, 5_000));
  const idle = { kbEach, cpuMs: cpuMs(contender) - cpu };
  for (const socket of sockets) socket.terminate();
  return idle;
};

/** What one sync of a small write costs on this disk, in milliseconds: the median of many. */
export const syncMs = (): number => {
  const path = join(tmpdir(), `bench-${crypto.randomUUID()}`);
  const file = openSync(path, "w");
  const took = Array.from({ length: 300 }, () => {
    const at = performance.now();
    writeSync(file, "x".repeat(4_096));
    fsyncSync(file);
    return performance.now() - at;
  });
  closeSync(file);
  rmSync(path);
  return percentile(took, 0.5);
};
