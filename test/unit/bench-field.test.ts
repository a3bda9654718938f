import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Figures } from "../bench/figures.ts";
import type { Pair } from "../bench/pairs.ts";
import { openWire } from "../bench/peers/packets.ts";
import { freePort } from "../bench/peers/server-process.ts";
import { targetsFrom } from "../bench/targets.ts";

const named = (name: string) => ({
  name,
  durable: "",
  port: 0,
  pid: 0,
  headers: {},
  socketUrl: async () => "",
  stop: async () => {},
});
const peer = (name: string, isSynced: boolean) => ({
  ...named(name),
  isSynced,
  holdsBacklog: true,
  prepare: () => Promise.reject(),
  sender: () => Promise.reject(),
  reader: () => Promise.reject(),
});
const field = {
  us: named("us"),
  door: named("door"),
  floor: named("floor"),
  rowEach: named("row"),
  node: named("node"),
};
const judged = (figures: Figures, watching: readonly Pair[] = []) =>
  targetsFrom({
    ...field,
    figures,
    watching,
    peers: [peer("fast", false), peer("slow", true)],
    drains: [],
    large: undefined,
    idles: undefined,
    syncMs: 1,
  });
type Group = Parameters<Figures["add"]>[0]["group"];
const taken = (rates: readonly (readonly [Group, string, number])[]): Figures => {
  const figures = new Figures();
  const rest = { durable: "", take: async () => ({}) };
  for (const [group, name, perSecond] of rates) figures.add({ group, name, ...rest }, { perSecond });
  return figures;
};

test("what was not measured is not judged", () => {
  const shown = judged(new Figures()).filter(({ isMet }) => isMet !== undefined);
  expect(shown).toEqual([]);
});

test("ours has to be ahead of those who sync, whatever way they are fastest, and only of them", () => {
  const rates = [
    ["piped", "us: frames of 1", 10_000],
    ["piped", "us: frames of 20", 50_000],
    ["piped", "us: frames of 20, with ids", 40_000],
    ["grouped", "us: batches over 200 users", 120_000],
    ["many", "fast", 90_000],
    ["one", "node", 3_000],
    ["many", "slow", 2_000],
    ["piped", "slow", 20_000],
  ] as const;
  const of = (figures: Figures) => judged(figures).find(({ what }) => what.startsWith("3. both"));
  expect(of(taken(rates))).toMatchObject({ figure: "2.00 and 6.00 of slow", isMet: true });
  expect(of(taken(rates.slice(0, 5)))).toMatchObject({ figure: "not measured", isMet: undefined });
  expect(of(taken([...rates, ["spread", "node", 41_000]]))).toMatchObject({ isMet: false });
});

test("two hundred users are held to the price of a sync in the runtime, and to that of the disk", () => {
  const rates = [
    ["spread", "floor", 2_000],
    ["spread", "us", 1_000],
    ["spread", "row", 500],
  ] as const;
  const prices = judged(taken(rates)).filter(({ what }) => what.startsWith("5."));
  expect(prices).toMatchObject([
    { wanted: "≤ a sync a message in the runtime, 1.50 ms", figure: "0.50 ms", isMet: true },
    { wanted: "≤ a bare sync of this disk, 1.00 ms", isMet: true },
  ]);
});

test("monitoring may take 3 % of any way that messages come, and no more", () => {
  const judgeOf = (...ratios: readonly number[]) => {
    const watching = ratios.map((ratio, at) => ({ way: `way ${at}`, ratio }));
    return judged(new Figures(), watching).find(({ what }) => what.startsWith("6 (monitoring)"));
  };
  expect(judgeOf(1, 0.97)).toMatchObject({ figure: "way 0 1.00, way 1 0.97", isMet: true });
  expect(judgeOf(1.2, 0.96)).toMatchObject({ isMet: false });
  expect(judgeOf()).toMatchObject({ figure: "not measured", isMet: undefined });
});

test("a figure is the median of its rounds", () => {
  const rates = [3, 1, 2].map((perSecond) => ["one", "us", perSecond] as const);
  expect(taken(rates).of("one", "us")).toBe(2);
  expect(taken(rates.slice(1)).of("one", "us")).toBe(1.5);
  expect(taken(rates).of("many", "us")).toBeNaN();
});

test("packets are taken whole, however they come", async () => {
  const port = await freePort();
  const server = createServer(async (socket) => {
    socket.setNoDelay(true);
    // A packet is its length and so many bytes.
    for (const byte of [2, 7, 8, 1, 9])
      await new Promise<void>((done) => socket.write(Buffer.from([byte]), () => done()));
    socket.end(Buffer.from([1, 5, 1, 6]));
  }).listen(port, "127.0.0.1");
  onTestFinished(() => void server.close());
  const packets: number[][] = [];
  const socket = await openWire(port, {
    lengthOf: (bytes, at) => (bytes[at] ?? 0) + 1,
    take: (packet) => packets.push([...packet]),
  });
  await new Promise((done) => socket.once("end", done));
  expect(packets).toEqual([
    [2, 7, 8],
    [1, 9],
    [1, 5],
    [1, 6],
  ]);
});
