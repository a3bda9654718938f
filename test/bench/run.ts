/**
 * `npm run bench`: ours against storage-free forwarders, one bare and one behind our own door, in the same workerd, in turns,
 * in one run.
 *
 * These are figures of one machine at one time: read the ratios. `--rounds N` (default 3), `--seconds N` a measurement (default 3).
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { startRuntime } from "../support/runtime.ts";
import { type Contender, drain, percentile, type Rate, sendToReceive, throughput } from "./measures.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, seconds: { type: "string", default: "3" } },
});
const rounds = Number(values.rounds);
const forMs = 1_000 * Number(values.seconds);

const median = (numbers: readonly number[]): number => percentile(numbers, 0.5);
const note = (text: string) => process.stderr.write(`${text}\n`);

const ours = await startRuntime();
const floor = await startRuntime({ entry: new URL("./forwarder.ts", import.meta.url).pathname });
const door = await startRuntime({ entry: new URL("./same-door.ts", import.meta.url).pathname });
const behindOurDoor = (name: string, port: number): Contender => ({
  name,
  port,
  headers: { authorization: `Bearer ${API_KEY}` },
  socketUrl: async (user) => `ws://127.0.0.1:${port}/v1/socket?access_token=${await mintLocally(user)}`,
});
const contenders: readonly Contender[] = [
  behindOurDoor("Restante, durable before its 202", ours.port),
  behindOurDoor("the same door, stores nothing", door.port),
  {
    name: "bare forwarder, stores nothing",
    port: floor.port,
    headers: {},
    socketUrl: async (user) => `ws://127.0.0.1:${floor.port}/v1/socket?user=${user}`,
  },
];

const results = contenders.map(() => ({
  one: [] as Rate[],
  many: [] as Rate[],
  path: [] as Omit<Rate, "perSecond">[],
}));
const drains: { perSecond: number; firstMs: number }[] = [];
for (let round = 1; round <= rounds; round += 1) {
  // In turns, and each first as often as the other: the machine's speed drifts.
  const order = [...contenders.entries()];
  if (round % 2 === 0) order.reverse();
  for (const [index, contender] of order) {
    note(`round ${round} of ${rounds}: ${contender.name}`);
    results[index]?.one.push(await throughput(contender, 1, forMs));
    results[index]?.many.push(await throughput(contender, 64, forMs));
    results[index]?.path.push(await sendToReceive(contender, 1_000));
  }
  drains.push(await drain(contenders[0] as Contender, 10_000));
}
await ours.stop();
await floor.stop();
await door.stop();

const figures = results.map(({ one, many, path }) => ({
  one: median(one.map((r) => r.perSecond)),
  many: median(many.map((r) => r.perSecond)),
  manyP99: median(many.map((r) => r.p99Ms)),
  p50: median(path.map((r) => r.p50Ms)),
  p99: median(path.map((r) => r.p99Ms)),
}));
const [a, ...floors] = figures;
if (a === undefined) throw new Error("Nothing was measured.");
const row = (name: string, f: typeof a) =>
  `| ${name} | ${f.one.toFixed(0)} | ${f.many.toFixed(0)} | ${f.manyP99.toFixed(1)} | ${f.p50.toFixed(2)} / ${f.p99.toFixed(2)} |`;
const ratio = (name: string, b: typeof a) =>
  `| ${name} | ${(a.one / b.one).toFixed(2)} | ${(a.many / b.many).toFixed(2)} | ${(a.manyP99 / b.manyP99).toFixed(2)} | ${(a.p50 / b.p50).toFixed(2)} / ${(a.p99 / b.p99).toFixed(2)} |`;
console.log(`
${cpus().length} × ${cpus()[0]?.model ?? "?"}, Node ${process.version}, medians of ${rounds} rounds

| | 1 sender /s | 64 senders /s | p99 reply ms (64) | send→receive p50 / p99 ms |
| --- | --- | --- | --- | --- |
${contenders.map((c, i) => row(c.name, figures[i] as typeof a)).join("\n")}
${floors.map((b, i) => ratio(`ratio to ${contenders[i + 1]?.name.split(",")[0]}`, b)).join("\n")}

Drain of 10,000: ${median(drains.map((d) => d.perSecond)).toFixed(0)} a second, the first after ${median(drains.map((d) => d.firstMs)).toFixed(1)} ms.
`);
process.exit(0);
