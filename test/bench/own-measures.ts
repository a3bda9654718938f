/** What is measured of ours alone: the others have nothing of the kind. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "ws";
import { type Contender, cpuMs, residentKb } from "./contenders.ts";
import { fill, MESSAGE, percentile, type Rate } from "./measures.ts";
import { reader } from "./reader.ts";

/** The producer's socket to one user, who is connected and acks: frames of so many, up to 2,000 messages without a reply. */
export const producing = async (
  contender: Contender,
  { perFrame, withIds = false }: { readonly perFrame: number; readonly withIds?: boolean },
  forMs: number,
): Promise<Rate> => {
  const user = `producer-${crypto.randomUUID()}`;
  let pump = () => {};
  const own = await reader(await contender.socketUrl(user), () => pump());
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
  const latencies: number[] = [];
  let [sent, replied, counted] = [0, 0, 0];
  const cpu = cpuMs(contender);
  const started = performance.now();
  await new Promise<void>((done, failed) => {
    // No faster than it is read: an outbox holds 10,000.
    const isRoom = () => (sent - replied) * perFrame < 2_000 && sent * perFrame - own.received < 5_000;
    pump = () => {
      while (performance.now() < started + forMs && isRoom()) {
        sentAt.push(performance.now());
        socket.send(`{"type":"publish","ref":${sent},"messages":${framed(sent)}}`);
        sent += 1;
      }
    };
    socket.on("message", (raw) => {
      const { type, results } = JSON.parse(String(raw));
      if (type !== "published") return failed(new Error(String(raw)));
      latencies.push(performance.now() - (sentAt[replied] as number));
      replied += 1;
      counted += results.filter((result: { http_status: number }) => result.http_status === 202).length;
      if (replied === sent && performance.now() >= started + forMs) done();
      else pump();
    });
    pump();
  });
  const seconds = (performance.now() - started) / 1_000;
  const used = cpuMs(contender) - cpu;
  await own.until(counted);
  socket.terminate();
  own.close();
  return {
    perSecond: counted / seconds,
    p50Ms: percentile(latencies, 0.5),
    p95Ms: percentile(latencies, 0.95),
    p99Ms: percentile(latencies, 0.99),
    cpuMs: (used / counted) * 10_000,
  };
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
