/**
 * What a million messages cost, from what a thousand of them were counted to take, and the README's table held to it. Where that has gone
 * stale the failure prints the table as it should be.
 */
import { expect, test } from "vitest";
import readme from "../../README.md?raw";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { countingRows } from "./ground/rows.ts";
import { plain, User } from "./ground/user.ts";

const MESSAGES = 1_000;

/** Cloudflare's list prices in dollars a million, as of November 2026. */
const PRICES = { workerRequest: 0.3, objectRequest: 0.15, rowWritten: 1 } as const;
/** Incoming frames that are one request. */
const FRAMES_A_REQUEST = 20;

interface Counted {
  readonly rows: number;
  /** Calls over HTTP: a request of the Worker, and one of the Mailbox. */
  readonly calls: number;
  /** Frames from clients and producers, without those of the handshake. */
  readonly frames: number;
  readonly alarms: number;
}

interface Scenario {
  readonly name: string;
  readonly perCall: number;
  readonly isOnline: boolean;
  readonly waits?: true;
  /** A producer's frames, not calls. */
  readonly framed?: true;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "one by one, to a user who is connected", perCall: 1, isOnline: true },
  { name: "the same with `Prefer: wait`", perCall: 1, isOnline: true, waits: true },
  { name: "in batches of 100, to a user who is connected", perCall: 100, isOnline: true },
  {
    name: "over a producer's socket, in frames of 20, to a user who is connected",
    perCall: 20,
    isOnline: true,
    framed: true,
  },
  { name: "one by one, to a user who is away, and read when they come back", perCall: 1, isOnline: false },
  { name: "in batches of 100, to a user who is away, and read when they come back", perCall: 100, isOnline: false },
];

/** A message every 10 ms; a client that gathers its acks for 20 ms, or to half a window; ids as the SDK makes them. */
const count = async ({ perCall, isOnline, waits, framed }: Scenario, withIds: boolean): Promise<Counted> => {
  const user = new User();
  await user.get();
  const rows = await countingRows(user);
  let client = isOnline ? await user.connect() : undefined;
  let [calls, frames, n] = [0, 0, 0];
  const ack = () => {
    client?.ack();
    frames += 1;
  };
  while (n < MESSAGES) {
    clock.advance(10 * perCall);
    const id = (at: number) => (withIds ? { id: `id-${at}`, digest: "d".repeat(32) } : {});
    const sending = user.sendPlain(
      Array.from({ length: perCall }, (_, at) => plain("a", id(n + at))),
      waits === undefined ? undefined : 10_000,
    );
    n += perCall;
    calls += 1;
    if (client !== undefined) {
      await client.received(n);
      // Gathered: every second of those that come singly.
      if (waits === true || perCall > 1 || n % 2 === 0) ack();
    }
    await sending;
    const due = await user.alarmAt();
    if (due !== null && due <= clock.now()) await user.alarm();
  }
  if (client === undefined) {
    client = await user.connect();
    for (let got = 0; got < MESSAGES; got = client.messages.length) {
      await client.received(got + 1);
      ack();
    }
  }
  ack();
  await client.settle();
  clock.advance(20 * SECOND_MS);
  await user.alarm();
  const written = await rows.counted();
  expect(client.messages).toHaveLength(MESSAGES);
  return {
    rows: written.total,
    calls: framed ? 0 : calls,
    frames: frames + (framed ? calls : 0),
    alarms: written.alarms,
  };
};

const dollars = ({ rows, calls, frames, alarms }: Counted): number =>
  (1_000_000 / MESSAGES / 1_000_000) *
  (rows * PRICES.rowWritten +
    calls * (PRICES.workerRequest + PRICES.objectRequest) +
    (frames / FRAMES_A_REQUEST + alarms) * PRICES.objectRequest);

const lineOf = ({ name }: Scenario, c: Counted, withIds: Counted): string =>
  `| ${name} | ${(c.rows / MESSAGES).toFixed(2)} | ${(withIds.rows / MESSAGES).toFixed(2)} | $${dollars(withIds).toFixed(2)} |`;

/** The figures of a line, and what they are of. */
const parsed = (line: string): readonly [name: string, ...figures: number[]] => {
  const [, name = "", ...cells] = line.split("|").map((cell) => cell.trim());
  return [name, ...cells.slice(0, -1).map((cell) => Number(cell.replace("$", "")))];
};

test("[D8] the README's table of costs is what is counted, within a hundredth, or a tenth of it", {
  timeout: 60_000,
}, async () => {
  const lines: string[] = [];
  for (const scenario of SCENARIOS)
    lines.push(lineOf(scenario, await count(scenario, false), await count(scenario, true)));
  for (const line of lines) {
    const [name, ...figures] = parsed(line);
    const said = readme.split("\n").find((text) => text.startsWith(`| ${name} |`));
    expect(said, `README.md has to say:\n${lines.join("\n")}\n`).toBeDefined();
    parsed(said ?? "")
      .slice(1)
      .forEach((figure, at) => {
        const counted = figures[at] ?? Number.NaN;
        expect(
          Math.abs(Number(figure) - counted),
          `${name}: ${figure}, not ${counted}\n${lines.join("\n")}`,
        ).toBeLessThanOrEqual(Math.max(0.011, counted / 10));
      });
  }
});
