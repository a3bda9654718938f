/**
 * `npm run bench`: ours against storage-free forwarders in the same runtime, one bare and one behind our own door, against one that syncs
 * each message, against Node with SQLite as durable as ours, and against the other systems of the field that are installed here; in turns,
 * in one run; then, in pairs, against ours without monitoring. What it has to show is judged at the end.
 *
 * These are figures of one machine at one time: read the ratios. `--rounds N` (default 3), `--seconds N` a measurement (default 3),
 * `--only <pattern>` for those whose name it matches (a regular expression), `--idle N` sockets (default 0: that takes a minute for each
 * 2,000), `--quick` (one short round, in about a minute: without RabbitMQ, which takes half of that to
 * start, and without what monitoring costs), `--out <folder>` for bench.md and bench.svg.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Contender, forwarder, nodeSqlite, ours, rowEach, sameDoor } from "./contenders.ts";
import { Figures } from "./figures.ts";
import { type Drained, draining, idling, syncMs } from "./own-measures.ts";
import { paired } from "./pairs.ts";
import { startField } from "./peers/field.ts";
import { GROUPS, type Group, type Measurement, ofContender, ofOurs, ofPeer, ofWaiting } from "./plan.ts";
import { chartOf, type Row, tableOf, targetsOf } from "./report.ts";
import { targetsFrom } from "./targets.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string", default: "" },
    idle: { type: "string", default: "0" },
    quick: { type: "boolean", default: false },
    out: { type: "string" },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const forMs = 1_000 * Number(values.seconds ?? (values.quick ? 0.2 : 3));
const effort = { forMs, latencySamples: values.quick ? 100 : 1_000 };
const only = new RegExp(values.only, "i");
const started = performance.now();
const note = (text: string) =>
  process.stderr.write(`${((performance.now() - started) / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);

// Whatever ends it, the servers end with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const starting = startField(only, values.quick, note);
const us = await ours();
const unwatched = await ours(undefined, false);
const door = await sameDoor();
const floor = await forwarder();
const synced = await rowEach();
const node = await nodeSqlite();
const field = await starting;

const wanted = ({ name }: Contender) => only.test(name);
const drains: Drained[] = [];
const ourBacklog = {
  ...us,
  group: "backlog",
  take: async () => {
    const drained = await draining(us, 10_000);
    drains.push(drained);
    return { perSecond: drained.perSecond };
  },
} as const satisfies Measurement;
const turns: readonly (readonly Measurement[])[] = [
  ...[us, door, floor, synced, node].filter(wanted).map((contender) => ofContender(contender, effort)),
  ...[us]
    .filter(wanted)
    .map((contender) => [
      ...ofWaiting(contender, "delivered: acked by the client", effort),
      ...ofOurs(contender, effort),
      ourBacklog,
    ]),
  ...[door, floor]
    .filter(wanted)
    .map((contender) => ofWaiting(contender, "no; the reply waits for the client's ack, too", effort)),
  ...field.peers.map((peer) => ofPeer(peer, effort)),
];

const figures = new Figures();
for (let round = 1; round <= rounds; round += 1) {
  note(`round ${round} of ${rounds}`);
  // In turns, and each first as often as the other: the machine's speed drifts.
  for (const measurements of round % 2 === 0 ? turns.toReversed() : turns) {
    for (const measurement of measurements) {
      note(`  ${measurement.name}: ${measurement.group}`);
      figures.add(measurement, await measurement.take());
    }
  }
}
if (!values.quick) note("what monitoring costs");
const watching =
  values.quick || !wanted(unwatched)
    ? []
    : await paired(us, unwatched, { pairs: 25, forMs: Math.min(500, forMs) }, note);
note("a backlog of 10,000 large messages");
const large = wanted(us) ? await draining(us, 10_000, "x".repeat(6_000)) : undefined;
const idle = Number(values.idle);
const idles = idle === 0 ? undefined : { us: await idling(us, idle, note), floor: await idling(floor, idle, note) };
const sync = syncMs();
for (const contender of [us, unwatched, door, floor, synced, node]) await contender.stop();
await field.stop();

const measured = turns.flat();
const rowsOf = (group: Group): readonly Row[] =>
  measured
    .filter((measurement) => measurement.group === group)
    .map(({ name, durable }) => ({
      group: GROUPS[group],
      name,
      durable,
      perSecond: figures.of(group, name),
      p99Ms: figures.of(group, name, "p99Ms"),
      cpuMs: figures.of(group, name, "cpuMs"),
      generator: figures.of(group, name, "generator"),
    }));
const rows = (Object.keys(GROUPS) as Group[]).flatMap(rowsOf);
const targets = targetsFrom({
  figures,
  us,
  watching,
  door,
  floor,
  rowEach: synced,
  node,
  peers: field.peers,
  drains,
  large,
  idles,
  syncMs: sync,
});

const workerd = createRequire(import.meta.url)("workerd/package.json").version;
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, a sync ${sync.toFixed(2)} ms`;
const versions = [`Node ${process.version}`, `workerd ${workerd}`, ...field.versions].join(", ");
const at = new Date().toISOString().slice(0, 10);
const report = `${at}, ${machine}. ${versions}. Medians of ${rounds}, ${forMs / 1_000} s each.
${field.missing.map((line) => `${line}\n`).join("")}
Messages of 100 bytes, to users who are connected and ack, and all of them arrived; nothing is compressed. The generator, senders and readers in
one process, shares the machine: its column says how much of one processor it took. Its senders are lean in each protocol, so that it is the servers
that are measured: with mqtt.js in their place 64 senders get less than half out of Mosquitto. \`p99 reply\` is of each frame, batch or confirm.

${tableOf(rows, figures.of("many", floor.name))}

${targetsOf(targets)}
`;
console.log(report);
if (values.out !== undefined) {
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, "bench.md"), report);
  writeFileSync(
    join(values.out, "bench.svg"),
    chartOf("Messages a second", `${at}, ${machine}; logarithmic`, versions, rows),
  );
}
process.exit(0);
