/**
 * A user whose tabs stop reading (C7): the sender does not notice, memory grows by a window for each, the object hibernates all the
 * same, and once they read again they get everything in order.
 *
 * Compared with a user whom nobody reads: what a send costs there, and what memory it takes, is not the slow reader's fault.
 */
import { performance } from "node:perf_hooks";
import { Backend } from "../support/backend.ts";
import { type AutoAck, Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { startRuntime } from "../support/runtime.ts";
import { eventually } from "./clock.ts";
import { mailboxesInMemory, residentBytes } from "./process-facts.ts";

interface SlowReaderOptions {
  readonly messages: number;
  readonly bytes: number;
  /** Sockets that stop reading. */
  readonly tabs: number;
}

interface SlowReaderReport {
  readonly controlMs: Latencies;
  readonly slowMs: Latencies;
  readonly controlGrowthBytes: number;
  readonly slowGrowthBytes: number;
  /** What another device was sent, and acked, while the tabs did not read. */
  readonly otherReceived: number;
  /** From the last send to the eviction of all objects, in milliseconds. */
  readonly hibernatedAfterMs: number;
  /** What each tab had received when it read again, before it acked anything. */
  readonly inFlight: readonly number[];
  readonly drainedMs: number;
  readonly violations: readonly string[];
}

interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const SENDERS = 16;
/** Below 100 frames a second, even where all come at once; a window is 256. */
const ACK_EVERY = 128;
/** workerd evicts an object 10 s after its last event. */
/** Ten seconds until the last alarm of a busy time, ten more without an event; the rest is for a slow machine. */
const HIBERNATION_DEADLINE_MS = 45_000;
const DRAIN_DEADLINE_MS = 60_000;

export const slowReader = async ({ messages, bytes, tabs }: SlowReaderOptions): Promise<SlowReaderReport> => {
  // Nobody is closed for being slow: what is shown is what a slow reader costs as long as it is there.
  const runtime = await startRuntime({ vars: { ACK_TIMEOUT_MS: "600000", HEARTBEAT_MS: "600000" } });
  const backend = new Backend(runtime.url);
  const padding = "x".repeat(bytes);
  const flood = async (user: string): Promise<Latencies> => {
    const latencies: number[] = [];
    let next = 0;
    const sender = async (): Promise<void> => {
      while (next < messages) {
        const n = next;
        next += 1;
        const beganAt = performance.now();
        const { status } = await backend.send(user, { type: "flood", data: { n, padding } });
        if (status !== 202) throw new Error(`Answered ${status}.`);
        latencies.push(performance.now() - beganAt);
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, sender));
    latencies.sort((a, b) => a - b);
    const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  };
  try {
    // The heap's first growth is nobody's.
    await flood("warm-up");
    const before = residentBytes(runtime.pid);
    const controlMs = await flood("control");
    const between = residentBytes(runtime.pid);

    const token = await mintLocally("slow");
    const open = (device: string, ack: AutoAck) => Connection.open(runtime.url, { token, device, ack });
    const slow = await Promise.all(Array.from({ length: tabs }, () => open("slow", "none")));
    const other = await open("quick", { every: ACK_EVERY });
    for (const tab of slow) tab.pause();
    const slowMs = await flood("slow");
    await other.receive(messages, DRAIN_DEADLINE_MS);
    other.ack();
    await other.settle();
    const otherReceived = other.messages.length;
    const after = residentBytes(runtime.pid);

    const quietAt = performance.now();
    await eventually("all Mailboxes are evicted", () => mailboxesInMemory(runtime.pid) === 0, HIBERNATION_DEADLINE_MS);
    const hibernatedAfterMs = performance.now() - quietAt;

    const resumedAt = performance.now();
    const inFlight = await Promise.all(slow.map((tab) => drain(tab, messages)));
    const drainedMs = performance.now() - resumedAt;
    const violations = [other, ...slow].flatMap((tab, at) => [
      ...tab.violations,
      ...(new Set(tab.messages.map((m) => m.data.n)).size === messages ? [] : [`[D1] connection ${at} lacks messages`]),
      ...(isInOrder(tab, other) ? [] : [`[D2] connection ${at} has another order`]),
    ]);
    for (const tab of [other, ...slow]) tab.socket.terminate();
    return {
      controlMs,
      slowMs,
      controlGrowthBytes: between - before,
      slowGrowthBytes: after - between,
      otherReceived,
      hibernatedAfterMs,
      inFlight,
      drainedMs,
      violations,
    };
  } finally {
    await runtime.stop();
  }
};

/** Reads again, and acks from then on; gives what had been sent to it before its first ack. */
const drain = async (tab: Connection, messages: number): Promise<number> => {
  tab.resume();
  await tab.settle(DRAIN_DEADLINE_MS);
  const inFlight = tab.messages.length;
  await tab.receive(inFlight);
  for (let taken = inFlight; taken < messages; taken += ACK_EVERY) {
    tab.ack();
    await tab.receive(Math.min(ACK_EVERY, messages - taken), DRAIN_DEADLINE_MS);
  }
  tab.ack();
  return inFlight;
};

const isInOrder = (one: Connection, other: Connection): boolean =>
  one.messages.every((message, at) => message.seq === other.messages[at]?.seq);
