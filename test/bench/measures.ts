/** What is measured of a contender: each function is one measurement of a few seconds. */
import { type Contender, cpuMs } from "./contenders.ts";
import { KeepAlive, post } from "./keep-alive.ts";
import { reader } from "./reader.ts";

export interface Rate {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Of the server's processor, for 10,000 messages. */
  readonly cpuMs: number;
}

/** About 100 bytes as JSON. */
const TEXT = "x".repeat(60);
export const MESSAGE = { type: "token", data: { text: TEXT } } as const;

const pathOf = (user: string) => `/v1/users/${user}/messages`;

export const percentile = (values: readonly number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
};

const rateOf = (latencies: readonly number[], seconds: number, cpu: number, perCall = 1): Rate => ({
  perSecond: (latencies.length * perCall) / seconds,
  p50Ms: percentile(latencies, 0.5),
  p95Ms: percentile(latencies, 0.95),
  p99Ms: percentile(latencies, 0.99),
  cpuMs: (cpu / (latencies.length * perCall)) * 10_000,
});

/** `senders` connections that each call after the reply to the last, for a while after warming up. */
const calling = async (
  contender: Contender,
  senders: number,
  forMs: number,
  requestOf: (sender: number, call: number) => string,
  perCall = 1,
): Promise<{ readonly rate: Rate; readonly accepted: number }> => {
  const connections = await Promise.all(Array.from({ length: senders }, () => KeepAlive.open(contender.port)));
  const latencies: number[] = [];
  let accepted = 0;
  const run = async (untilMs: number, counts: boolean) => {
    await Promise.all(
      connections.map(async (connection, sender) => {
        for (let call = 0; performance.now() < untilMs; call += 1) {
          const at = performance.now();
          const reply = await connection.request(requestOf(sender, call));
          if (reply.status !== 202 && reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
          if (counts) latencies.push(performance.now() - at);
          accepted += perCall;
        }
      }),
    );
  };
  await run(performance.now() + 700, false);
  const cpu = cpuMs(contender);
  const started = performance.now();
  await run(started + forMs, true);
  const rate = rateOf(latencies, (performance.now() - started) / 1_000, cpuMs(contender) - cpu, perCall);
  for (const connection of connections) connection.close();
  return { rate, accepted };
};

/** Single sends, each sender to a user of its own or all to one, who is connected and acks. All of them have to arrive. */
export const sending = async (
  contender: Contender,
  { users, senders, wait = false }: { readonly users: number; readonly senders: number; readonly wait?: boolean },
  forMs: number,
): Promise<Rate> => {
  const names = Array.from({ length: users }, () => `rate-${crypto.randomUUID()}`);
  const acks = wait ? "each" : "gathered";
  const readers = await Promise.all(names.map(async (user) => reader(await contender.socketUrl(user), () => {}, acks)));
  const headers = { ...contender.headers, ...(wait ? { prefer: "wait=10" } : {}) };
  const requests = names.map((user) => post(pathOf(user), headers, JSON.stringify(MESSAGE)));
  const { rate, accepted } = await calling(contender, senders, forMs, (sender) => requests[sender % users] as string);
  const received = () => readers.reduce((sum, { received }) => sum + received, 0);
  const deadline = performance.now() + 10_000;
  while (received() < accepted && performance.now() < deadline) await new Promise((go) => setTimeout(go, 20));
  if (received() !== accepted) throw new Error(`${contender.name}: ${accepted} were accepted, ${received()} received.`);
  for (const { close } of readers) close();
  return rate;
};

/** From the start of a send to its frame in the reader, one message at a time. */
export const sendToReceive = async (contender: Contender, messages: number, wait = false): Promise<Rate> => {
  const user = `latency-${crypto.randomUUID()}`;
  let arrived: (at: number) => void = () => {};
  const onMessages = () => arrived(performance.now());
  const own = await reader(await contender.socketUrl(user), onMessages, wait ? "each" : "gathered");
  const connection = await KeepAlive.open(contender.port);
  const headers = { ...contender.headers, ...(wait ? { prefer: "wait=10" } : {}) };
  const request = post(pathOf(user), headers, JSON.stringify(MESSAGE));
  const latencies: number[] = [];
  const cpu = cpuMs(contender);
  const started = performance.now();
  for (let i = 0; i < messages + 50; i += 1) {
    const at = performance.now();
    const received = new Promise<number>((done) => {
      arrived = done;
    });
    await connection.request(request);
    const latency = (await received) - at;
    if (i >= 50) latencies.push(latency);
  }
  const rate = rateOf(latencies, (performance.now() - started) / 1_000, cpuMs(contender) - cpu);
  connection.close();
  own.close();
  return rate;
};

const PER_BATCH = 100;

/** Batches of 100, each for one user, over many who are away. */
export const batches = async (contender: Contender, users: number, forMs: number): Promise<Rate> => {
  const names = Array.from({ length: users }, () => `batch-${crypto.randomUUID()}`);
  const bodies = names.map((to) => JSON.stringify({ messages: Array(PER_BATCH).fill({ to, ...MESSAGE }) }));
  const requests = bodies.map((body) => post("/v1/messages", contender.headers, body));
  const senders = 8;
  const requestOf = (sender: number, call: number) => requests[(sender + senders * call) % users] as string;
  return (await calling(contender, senders, forMs, requestOf, PER_BATCH)).rate;
};

/** Fills a user's outbox, in batches. */
export const fill = async (contender: Contender, user: string, count: number, text = TEXT): Promise<void> => {
  const connection = await KeepAlive.open(contender.port);
  const perBatch = Math.min(1_000, Math.floor((4 * 1_024 * 1_024) / text.length));
  for (let left = count; left > 0; left -= perBatch) {
    const messages = Array(Math.min(left, perBatch)).fill({ to: user, type: "token", data: { text } });
    const reply = await connection.request(post("/v1/messages", contender.headers, JSON.stringify({ messages })));
    const refused = (JSON.parse(reply.body).results as { code?: string }[]).find(({ code }) => code !== undefined);
    if (refused !== undefined) throw new Error(`A message of the backlog was refused: ${JSON.stringify(refused)}`);
  }
  connection.close();
};
