/** Many messages of one user that are over at the same instant, and what that does to sends meanwhile (issue 6, D8). */
import { performance } from "node:perf_hooks";
import type { Backend } from "../support/backend.ts";
import { instant } from "./clock.ts";

export interface StormReport {
  readonly messages: number;
  /** Between the first and the last instant of expiry. */
  readonly spreadMs: number;
  /** Of sends in the second before the storm. */
  readonly usualMs: number;
  /** How much longer than usual a send took at most, to the same user and to another, and when: milliseconds after the instant. */
  readonly sameUser: Delay;
  readonly otherUser: Delay;
  readonly heldAfter: number;
  readonly probes: number;
}

interface Delay {
  readonly ms: number;
  readonly atMs: number;
}

const SENDERS = 16;
/** So many are sent first, twice, to see how long the rest will take. */
const TRIAL = 300;
/** How much slower the machine may become. */
const SPARE = 1.4;
const BEFORE_MS = 1_000;
/** By then it is over: 10,000 messages are ended within half a second on a quiet machine. */
const AFTER_MS = 800;
const EVERY_MS = 3;

/** Gives undefined where the machine became so busy that the storm could not be prepared in time. */
export const expiryStorm = async (
  backend: Backend,
  user: string,
  messages: number,
): Promise<StormReport | undefined> => {
  // The outbox has to have room for the sends that are measured: a tenth is another user's.
  const of = (n: number) => (n % 10 === 0 ? `${user}-other` : user);
  const trial = (count: number) =>
    inParallel(count, () => sendShortLived(backend, `${user}-trial`, Date.now() + BEFORE_MS));
  await trial(TRIAL);
  const trialBeganAt = performance.now();
  await trial(TRIAL);
  const sendMs = (performance.now() - trialBeganAt) / TRIAL;
  const overAt = Date.now() + SPARE * sendMs * messages + 2 * BEFORE_MS;
  const isTooLate = () => Date.now() > overAt - BEFORE_MS;
  const expiries: number[] = [];
  await inParallel(messages, async (n) => {
    if (!isTooLate()) expiries.push(await sendShortLived(backend, of(n), overAt));
  });
  if (isTooLate()) return undefined;

  const [same, other] = await Promise.all([probe(backend, user, overAt), probe(backend, `${user}-other`, overAt)]);
  const usual = [...same, ...other].filter((p) => p.atMs < 0).map((p) => p.ms);
  const usualMs = usual.sort((a, b) => a - b)[Math.floor(usual.length / 2)] ?? 0;
  const worst = (probes: readonly Delay[]): Delay =>
    probes
      .filter((p) => p.atMs + p.ms > 0)
      .map((p) => ({ ms: p.ms - usualMs, atMs: p.atMs }))
      .reduce((a, b) => (b.ms > a.ms ? b : a));
  const state = await backend.user(user);
  return {
    messages,
    spreadMs: expiries.reduce((a, b) => Math.max(a, b)) - expiries.reduce((a, b) => Math.min(a, b)),
    usualMs,
    sameUser: worst(same),
    otherUser: worst(other),
    heldAfter: state.body.held.count - same.length,
    probes: same.length + other.length,
  };
};

const inParallel = async (count: number, work: (n: number) => Promise<unknown>): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, worker));
};

/** Gives the instant at which it is over. */
const sendShortLived = async (backend: Backend, user: string, overAt: number): Promise<number> => {
  const reply = await backend.send(user, { type: "short-lived", ttl: Math.max(1, overAt - Date.now()) / 1_000 });
  if (reply.status !== 202) throw new Error(`Answered ${reply.status}.`);
  return Date.parse(reply.body.expires_at);
};

/** Sends one after the other, from before the instant until after it. */
const probe = async (backend: Backend, user: string, overAt: number): Promise<readonly Delay[]> => {
  const probes: Delay[] = [];
  await instant(performance.now() + overAt - BEFORE_MS - Date.now());
  while (Date.now() < overAt + AFTER_MS) {
    const atMs = Date.now() - overAt;
    const beganAt = performance.now();
    const { status } = await backend.send(user, { type: "probe" });
    if (status !== 202) throw new Error(`Answered ${status}.`);
    probes.push({ ms: performance.now() - beganAt, atMs });
    await instant(performance.now() + EVERY_MS);
  }
  return probes;
};
