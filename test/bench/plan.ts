/** What is measured of whom: each row of the table, and how it is taken. */
import type { Contender } from "./contenders.ts";
import { batches, type Rate, sending, sendToReceive } from "./measures.ts";
import { producing } from "./own-measures.ts";
import { confirming, draining, pipelining } from "./peers/measures.ts";
import type { Peer } from "./peers/peer.ts";

/** The parts of the table, as they stand in it. */
export const GROUPS = {
  one: "1 sender to one user",
  many: "64 senders to one user",
  spread: "200 users, a sender each",
  piped: "one producer, who does not wait for each reply",
  grouped: "batches of 100, and a producer for each of 200 users",
  waited: "Prefer: wait, 1 sender: the reply says what the client has",
  waitedMany: "Prefer: wait, 64 senders to one user",
  backlog: "a backlog of 10,000 to a client that comes back",
} as const;
export type Group = keyof typeof GROUPS;

/** What is measured, but is no row: how long a message takes to its reader. */
type Path = "path" | "waitedPath";

export interface Measurement {
  readonly group: Group | Path;
  readonly name: string;
  readonly durable: string;
  take(): Promise<Partial<Rate>>;
}

export interface Effort {
  readonly forMs: number;
  readonly latencySamples: number;
}

/** What everybody of ours and the runtime's is asked. */
export const ofContender = (contender: Contender, { forMs, latencySamples }: Effort): readonly Measurement[] => {
  const of = (group: Measurement["group"], take: () => Promise<Rate>): Measurement => ({ ...contender, group, take });
  return [
    of("one", () => sending(contender, { users: 1, senders: 1 }, forMs)),
    of("many", () => sending(contender, { users: 1, senders: 64 }, forMs)),
    of("spread", () => sending(contender, { users: 200, senders: 200 }, forMs)),
    of("path", () => sendToReceive(contender, latencySamples)),
  ];
};

/** Replies that wait for the client: ours, and the floor's. */
export const ofWaiting = (contender: Contender, durable: string, effort: Effort): readonly Measurement[] => {
  const of = (group: Measurement["group"], take: () => Promise<Rate>): Measurement => ({
    name: contender.name,
    durable,
    group,
    take,
  });
  const wait = true;
  return [
    of("waited", () => sending(contender, { users: 1, senders: 1, wait }, effort.forMs)),
    of("waitedMany", () => sending(contender, { users: 1, senders: 64, wait }, effort.forMs)),
    of("waitedPath", () => sendToReceive(contender, effort.latencySamples, wait)),
  ];
};

/** The names of ours that the targets ask for. */
export const PRODUCER_OF_1 = "frames of 1";
export const PRODUCER_OF_20 = "frames of 20";
export const PRODUCER_WITH_IDS = "frames of 20, with ids";
export const BATCHES = "batches over 200 users";

/** What only ours has. */
export const ofOurs = (us: Contender, { forMs }: Effort): readonly Measurement[] => {
  const of = (group: Group, what: string, take: () => Promise<Partial<Rate>>): Measurement => ({
    group,
    name: what === "" ? us.name : `${us.name}: ${what}`,
    durable: us.durable,
    take,
  });
  return [
    of("piped", PRODUCER_OF_1, () => producing(us, { perFrame: 1 }, forMs)),
    of("piped", PRODUCER_OF_20, () => producing(us, { perFrame: 20 }, forMs)),
    of("piped", PRODUCER_WITH_IDS, () => producing(us, { perFrame: 20, withIds: true }, forMs)),
    of("grouped", "200 producers, frames of 1", () => producing(us, { perFrame: 1, users: 200 }, forMs)),
    of("grouped", "200 producers, frames of 20", () => producing(us, { perFrame: 20, users: 200 }, forMs)),
    of("grouped", "batches to one user", () => batches(us, 1, forMs)),
    of("grouped", BATCHES, () => batches(us, 200, forMs)),
  ];
};

/** The same of the other systems, as far as they have it. */
export const ofPeer = (peer: Peer, { forMs }: Effort): readonly Measurement[] => {
  const of = (group: Group, take: () => Promise<Partial<Rate>>): Measurement => ({
    name: peer.name,
    durable: peer.durable,
    group,
    take,
  });
  return [
    of("one", () => confirming(peer, 1, forMs)),
    of("many", () => confirming(peer, 64, forMs)),
    of("piped", () => pipelining(peer, 20, forMs)),
    ...(peer.holdsBacklog ? [of("backlog", async () => ({ perSecond: await draining(peer, 10_000) }))] : []),
  ];
};
