/**
 * One user's race: devices and tabs attach, are cut and come back, while messages are sent within 50 ms around each attach.
 * What each connection must have seen follows from what the senders were told.
 */
import { performance } from "node:perf_hooks";
import type { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import type { Random } from "../support/random.ts";
import { instant } from "./clock.ts";
import { type Accepted, orderViolations, type Sending, sendOnce } from "./sends.ts";

/** How far from an attach a message is sent, either side. */
const OFFSET_MS = 50;
const TAIL_DEADLINE_MS = 10_000;

/** One connection, with what its client knew when it asked for it. */
interface Attached {
  readonly device: string;
  readonly connection: Connection;
  readonly acks: boolean;
  readonly after: number | undefined;
  /** By `performance.now()`. */
  readonly askedAt: number;
  readonly confirmedAt: number;
  /** The highest seq that an acking connection of this user had received when the confirmation was there. */
  readonly ackedAtMost: number;
  readonly stays: boolean;
}

export interface RoundReport {
  readonly attaches: number;
  readonly accepted: number;
  /** Messages received, over all connections. */
  readonly received: number;
  /** Of those, what came before `caught_up`, and after. */
  readonly backlog: number;
  readonly live: number;
  /** Instants of sends relative to the attach they were meant for, as they really were. */
  readonly offsetsMs: readonly number[];
  readonly violations: readonly string[];
}

export const raceRound = async (backend: Backend, user: string, random: Random): Promise<RoundReport> => {
  const token = await mintLocally(user);
  const attached: Attached[] = [];
  const accepted: Accepted[] = [];
  const offsetsMs: number[] = [];
  const violations: string[] = [];
  const startAt = performance.now() + OFFSET_MS;
  const sends: Promise<void>[] = [];
  let sent = 0;

  const send = async (at: number, attachAt: number): Promise<void> => {
    sent += 1;
    const sending: Sending = {
      token: `${user}#${sent}`,
      ...(random.chance(0.5) ? { id: `id-${sent}` } : {}),
      ...(random.chance(0.1) ? { ttl: 0 } : {}),
    };
    const options = random.chance(0.25) ? { wait: 2 } : {};
    const twice = sending.id !== undefined && random.chance(0.3);
    await instant(at);
    offsetsMs.push(performance.now() - attachAt);
    try {
      const replies = await Promise.all([
        sendOnce(backend, user, sending, options),
        ...(twice ? [sendOnce(backend, user, sending)] : []),
      ]);
      if (new Set(replies.map((r) => r.seq)).size > 1) violations.push(`[S4] ${sending.token} has two seqs`);
      accepted.push(replies[0] as Accepted);
    } catch (error) {
      violations.push(`[S1] ${sending.token}: ${error instanceof Error ? error.message : error}`);
    }
  };

  /** Attaches at its instant, with messages around it. */
  const attach = async (device: string, at: number, stays: boolean, last?: Attached): Promise<Attached> => {
    const count = random.int(2, 5);
    for (let i = 0; i < count; i += 1) sends.push(send(at + random.int(-OFFSET_MS, OFFSET_MS), at));
    const acks = random.chance(0.7);
    const window = acks && random.chance(0.4) ? random.int(1, 4) : undefined;
    const remembers = last !== undefined && random.chance(0.5);
    await instant(at);
    const after = remembers ? last.connection.lastSeq : undefined;
    const askedAt = performance.now();
    const connection = await Connection.open(backend.url, {
      token,
      device,
      tolerant: true,
      ack: acks ? (window === undefined && random.chance(0.5) ? { every: 3 } : "each") : "none",
      ...(window === undefined ? {} : { window }),
      ...(after === undefined ? {} : { after }),
    });
    const known = [...attached.filter((a) => a.acks).map((a) => a.connection.lastSeq), after ?? 0];
    const one: Attached = {
      device,
      connection,
      acks,
      after,
      askedAt,
      confirmedAt: performance.now(),
      ackedAtMost: Math.max(0, ...known),
      stays,
    };
    attached.push(one);
    return one;
  };

  /** A tab that comes once, or is lost and comes back. */
  const tab = async (device: string): Promise<void> => {
    const at = startAt + random.int(0, 150);
    const isLost = random.chance(0.4);
    const first = await attach(device, at, !isLost);
    if (!isLost) return;
    await instant(at + random.int(20, 80));
    // Half of them say good-bye, half just go.
    if (random.chance(0.5)) await first.connection.close();
    else await first.connection.cut();
    await attach(device, performance.now() + OFFSET_MS + random.int(5, 60), true, first);
  };

  const tabs = [...Array(random.int(1, 3)).keys()].flatMap((device) =>
    [...Array(random.int(1, 3)).keys()].map(() =>
      tab(`device-${device}`).catch((error: Error) => violations.push(`[C1] device-${device}: ${error.message}`)),
    ),
  );
  await Promise.all(tabs);
  // A tab may have asked for messages while the list was walked.
  while (sends.length > 0) await Promise.all(sends.splice(0));
  const stored = accepted.filter((m) => !m.ephemeral).sort((a, b) => a.seq - b.seq);
  const lastSeq = stored.at(-1)?.seq ?? 0;
  await Promise.all(
    attached.filter((a) => a.stays).map((a) => tail(a, lastSeq).catch((error: Error) => violations.push(`${error}`))),
  );

  const judged = [
    ...violations,
    ...orderViolations(accepted),
    ...attached.flatMap((a) => connectionViolations(a, accepted)),
    ...deviceViolations(attached, stored),
    ...ackedViolations(attached, accepted),
  ];
  for (const { connection } of attached) connection.socket.terminate();
  const backlog = attached.reduce((sum, a) => sum + backlogOf(a).length, 0);
  const received = attached.reduce((sum, a) => sum + a.connection.messages.length, 0);
  return {
    attaches: attached.length,
    accepted: accepted.length,
    received,
    backlog,
    live: received - backlog,
    offsetsMs,
    violations: judged.map((v) => `${user}: ${v}`),
  };
};

/** Waits for all that the connection must get, and that nothing follows. */
const tail = async ({ connection }: Attached, lastSeq: number): Promise<void> => {
  await connection.until(() => connection.lastSeq >= lastSeq, TAIL_DEADLINE_MS);
  await connection.settle();
};

const backlogOf = ({ connection }: Attached) => {
  const caughtUpAt = connection.frames.findIndex((f) => f.type === "caught_up");
  const before = caughtUpAt < 0 ? connection.frames : connection.frames.slice(0, caughtUpAt);
  return before.flatMap((f) => (f.type === "messages" ? f.messages : []));
};

/** What a single connection shows to be wrong. */
const connectionViolations = (a: Attached, accepted: readonly Accepted[]): readonly string[] => {
  const { connection, device } = a;
  const found: string[] = connection.violations.map((v) => `${device}: ${v}`);
  const say = (what: string) => found.push(`${device}/${connection.established.connection_id}: ${what}`);
  const { cursor, pending } = connection.established;
  const bySeq = new Map(accepted.map((m) => [m.seq, m]));
  const seen = new Set<number>();
  for (const message of connection.messages) {
    const m = bySeq.get(message.seq);
    if (seen.has(message.seq)) say(`[D2] ${message.seq} came twice`);
    seen.add(message.seq);
    if (m === undefined) say(`[S1] ${message.seq} (${message.data?.token}) was never accepted`);
    else if (m.token !== message.data?.token || m.id !== message.id) say(`[D2] ${message.seq} is not ${m.token}`);
  }
  if (connection.gaps.length > 0) say(`[C4] a gap where nothing ended: ${JSON.stringify(connection.gaps)}`);

  const stored = accepted.filter((m) => !m.ephemeral && m.seq > cursor);
  const before = stored.filter((m) => m.answeredAt < a.askedAt);
  const isBacklog = new Set(backlogOf(a).map((m) => m.seq));
  const isCaughtUp = connection.frames.some((f) => f.type === "caught_up");
  if (isCaughtUp) {
    for (const m of before) if (!isBacklog.has(m.seq)) say(`[C2] ${m.token} was due before caught_up`);
  } else if (a.stays) say("[C2] no caught_up");
  const atMost = stored.filter((m) => m.beganAt < a.confirmedAt).length;
  if (pending < before.length || pending > atMost) {
    say(`[C1] pending is ${pending}, and must be from ${before.length} to ${atMost}`);
  }
  if (a.after !== undefined && cursor < a.after) say(`[C1] cursor ${cursor} lies below after ${a.after}`);
  if (a.stays) {
    for (const m of stored) if (!seen.has(m.seq)) say(`[C2] ${m.token} (${m.seq}) is missing above cursor ${cursor}`);
  }
  return found;
};

/** What a device was never shown, on any of its connections; and a start above what anybody had acked. */
const deviceViolations = (attached: readonly Attached[], stored: readonly Accepted[]): readonly string[] =>
  [...new Set(attached.map((a) => a.device))].flatMap((device) => {
    const own = attached.filter((a) => a.device === device);
    const from = Math.min(...own.map((a) => a.connection.established.cursor));
    const seen = new Set(own.flatMap((a) => a.connection.messages.map((m) => m.seq)));
    const missing = stored.filter((m) => m.seq > from && !seen.has(m.seq));
    return [
      ...missing.map((m) => `[D5] ${device} never got ${m.token} (${m.seq}), above ${from}`),
      ...own
        .filter((a) => a.connection.established.cursor > a.ackedAtMost)
        .map((a) => `[D5] ${device} starts at ${a.connection.established.cursor}, above ${a.ackedAtMost}`),
    ];
  });

/** A sender was told `delivered` though nobody could have acked it. */
const ackedViolations = (attached: readonly Attached[], accepted: readonly Accepted[]): readonly string[] => {
  const acked = new Set(attached.filter((a) => a.acks).flatMap((a) => a.connection.messages.map((m) => m.seq)));
  // A client that comes back with its memory acks by that, even what its last connection did not (C5).
  const byMemory = Math.max(0, ...attached.map((a) => a.after ?? 0));
  return accepted
    .filter((m) => m.status === "delivered" && !acked.has(m.seq) && m.seq > byMemory)
    .map((m) => `[S1] ${m.token} is delivered, says its reply; nobody acked it`);
};
