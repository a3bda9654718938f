/** What a soak has seen: counts, and what follows from them. */
import type { Measures } from "./objects.ts";

export interface SoakReport {
  readonly seed: number;
  readonly durationMs: number;
  readonly sent: number;
  readonly accepted: number;
  /** Never answered, and without an id to ask with: there once, or not at all. */
  readonly unknown: number;
  readonly refused: number;
  /** Given up by their senders before the answer came. */
  readonly hangUps: number;
  /** Accepted before, under an id whose reply was lost. */
  readonly replayed: number;
  readonly ways: Readonly<Record<string, number>>;
  readonly answers: Readonly<Record<string, number>>;
  /** Of waits for a user who was all there: delivered in time, and of these without a write to the disk. */
  readonly direct: { readonly delivered: number; readonly unwritten: number };
  readonly producers: { readonly sockets: number; readonly frames: number; readonly streams: number };
  /** Messages processed by a device, each once for each device; and those of them that came joined with others. */
  readonly delivered: number;
  readonly folded: number;
  /** Messages that came again to a reader, and were dropped. */
  readonly redelivered: number;
  readonly gaps: number;
  /** Tabs that found, and were told, that another tab of their device had gone on. */
  readonly passed: number;
  readonly deadLetters: number;
  readonly kills: number;
  readonly deploys: number;
  /** Those of them with sends that had no answer yet. */
  readonly inFlight: { readonly kills: number; readonly deploys: number };
  /** Mailboxes that fell asleep with a connection, and those of them that woke again before the server was stopped. */
  readonly hibernations: number;
  readonly wakes: number;
  readonly connections: number;
  /** Users who came for the first time while they were sent to, and got all of it. */
  readonly newcomers: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly vandals: Readonly<Record<string, number>>;
  /** From the send to the SDK's handler, of messages to who was connected; in milliseconds. */
  readonly latencyMs: { readonly count: number; readonly p50: number; readonly p99: number; readonly max: number };
  /** From the end of all sends and faults until everything was everywhere. */
  readonly catchUpMs: number;
  /** Of workerd: when it started, in the middle, at the end, and at its most. */
  readonly memoryMb: Measures;
  readonly handles: Measures;
  readonly violations: readonly string[];
  /** What happened when, by `performance.now()`: to find out why. */
  readonly timeline: readonly string[];
}

/** With 95 % confidence, where none of `n` failed: the rule of three. */
const bound = (n: number): string => (n === 0 ? "none" : `${Math.min(1, 3 / n).toPrecision(2)} = 3/${n}`);

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, n) => total + n, 0);

/** For a soak without violations: how often, at most, each thing may go wrong that never did. */
export const boundsOf = (report: SoakReport): string => {
  const { inFlight, hibernations, wakes, faults, vandals, direct, producers } = report;
  const tries: readonly (readonly [what: string, count: number])[] = [
    ["a SIGKILL with sends in flight", inFlight.kills],
    ["a deploy with sends in flight", inFlight.deploys],
    ["a hibernation", hibernations],
    ["a wake", wakes],
    ["a sender that hung up", report.hangUps],
    ["a fault of the network", sum(faults)],
    ["a broken client", sum(vandals)],
    ["a first connect beside sends", report.newcomers],
    ["a direct delivery (no write seen)", direct.unwritten],
    ["a producer's frame", producers.frames],
    ["a stream of the SDK", producers.streams],
    ["a message for a device", report.delivered],
  ];
  const width = Math.max(...tries.map(([what]) => what.length));
  return tries.map(([what, count]) => `  ${what.padEnd(width)}  ${bound(count)}`).join("\n");
};
