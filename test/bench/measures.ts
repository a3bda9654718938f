/** What is measured of a contender: each function is one measurement of a few seconds. */
import { percentile } from "../support/percentile.ts";
import { type Contender, cpuMs, type Process } from "./contenders.ts";
import { KeepAlive, post } from "./keep-alive.ts";
import { reader } from "./reader.ts";

export interface Rate {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Of the server's processor, for 10,000 messages. */
  readonly cpuMs: number;
  /** How much of one processor the generator took, its readers among it: near 1, it is the limit. */
  readonly generator: number;
}

/** About 100 bytes as JSON. */
const TEXT = "x".repeat(60);
export const MESSAGE = { type: "token", data: { text: TEXT } } as const;

const pathOf = (user: string) => `/v1/users/${user}/messages`;

/** What has been used from now on: wall-clock time, the server's processor, and the generator's. */
export const stopwatch = (server: Process): ((latencies: readonly number[], perCall?: number) => Rate) => {
  const cpu = cpuMs(server);
  const own = process.cpuUsage();
  const started = performance.now();
  return (latencies, perCall = 1) => {
    const tookMs = performance.now() - started;
    const { user, system } = process.cpuUsage(own);
    const messages = latencies.length * perCall;
    return {
      perSecond: (messages / tookMs) * 1_000,
      p50Ms: percentile(latencies, 0.5),
      p95Ms: percentile(latencies, 0.95),
      p99Ms: percentile(latencies, 0.99),
      cpuMs: ((cpuMs(server) - cpu) / messages) * 10_000,
      generator: (user + system) / 1_000 / tookMs,
    };
  };
};

/** Each sender calls again after the reply to its last call, for a while after warming up. */
export const calling = async (
  server: Process,
  senders: readonly ((call: number) => Promise<void>)[],
  forMs: number,
  perCall = 1,
): Promise<{ readonly rate: Rate; readonly accepted: number }> => {
  const latencies: number[] = [];
  let accepted = 0;
  const run = async (untilMs: number, counts: boolean) => {
    await Promise.all(
      senders.map(async (send) => {
        for (let call = 0; performance.now() < untilMs; call += 1) {
          const at = performance.now();
          await send(call);
          if (counts) latencies.push(performance.now() - at);
          accepted += perCall;
        }
      }),
    );
  };
  await run(performance.now() + Math.min(700, forMs / 2), false);
  const rateOf = stopwatch(server);
  await run(performance.now() + forMs, true);
  return { rate: rateOf(latencies, perCall), accepted };
};

/** The same over HTTP, a connection for each sender. */
const requesting = async (
  contender: Contender,
  senders: number,
  forMs: number,
  requestOf: (sender: number, call: number) => string,
  perCall = 1,
): Promise<{ readonly rate: Rate; readonly accepted: number }> => {
  const connections = await Promise.all(Array.from({ length: senders }, () => KeepAlive.open(contender.port)));
  const calls = connections.map((connection, sender) => async (call: number) => {
    const reply = await connection.request(requestOf(sender, call));
    if (reply.status !== 202 && reply.status !== 200) throw new Error(`${reply.status} ${reply.body}`);
    // A batch is accepted as a whole, and each of its messages refused by itself.
    if (perCall > 1 && reply.body.includes('"code":')) throw new Error(reply.body.slice(0, 1_000));
  });
  const called = await calling(contender, calls, forMs, perCall);
  for (const connection of connections) connection.close();
  return called;
};

/** What was accepted has to arrive, all of it and once. */
export const allArrived = async (
  name: string,
  accepted: number,
  readers: readonly { readonly received: number }[],
): Promise<void> => {
  const received = () => readers.reduce((sum, { received }) => sum + received, 0);
  const deadline = performance.now() + 10_000;
  while (received() < accepted && performance.now() < deadline) await new Promise((go) => setTimeout(go, 20));
  if (received() !== accepted) throw new Error(`${name}: ${accepted} were accepted, ${received()} received.`);
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
  const { rate, accepted } = await requesting(
    contender,
    senders,
    forMs,
    (sender) => requests[sender % users] as string,
  );
  await allArrived(contender.name, accepted, readers);
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
  const rateOf = stopwatch(contender);
  for (let i = 0; i < messages + 50; i += 1) {
    const at = performance.now();
    const received = new Promise<number>((done) => {
      arrived = done;
    });
    await connection.request(request);
    const latency = (await received) - at;
    if (i >= 50) latencies.push(latency);
  }
  const rate = rateOf(latencies);
  connection.close();
  own.close();
  return rate;
};

const PER_BATCH = 100;

/** Batches of 100, each for one user: over many who are away, or one who is connected and acks. */
export const batches = async (contender: Contender, users: number, forMs: number): Promise<Rate> => {
  const names = Array.from({ length: users }, () => `batch-${crypto.randomUUID()}`);
  const bodies = names.map((to) => JSON.stringify({ messages: Array(PER_BATCH).fill({ to, ...MESSAGE }) }));
  const requests = bodies.map((body) => post("/v1/messages", contender.headers, body));
  // One user's reader shares the generator's processor: more than these would fill the outbox before it has read.
  const senders = users === 1 ? 2 : 8;
  // A user's first message makes an object and a database: that is not what a batch costs.
  await Promise.all(
    Array.from({ length: senders }, async (_, sender) => {
      const first = await KeepAlive.open(contender.port);
      for (let at = sender; at < users; at += senders) await first.request(requests[at] as string);
      first.close();
    }),
  );
  const own = users === 1 ? await reader(await contender.socketUrl(names[0] as string)) : undefined;
  const requestOf = (sender: number, call: number) => requests[(sender + senders * call) % users] as string;
  const { rate, accepted } = await requesting(contender, senders, forMs, requestOf, PER_BATCH);
  if (own !== undefined) await allArrived(contender.name, accepted + PER_BATCH, [own]);
  own?.close();
  return rate;
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
