/** What a sender did and was told, and what follows from that for the order of seqs (D2, S13). */
import { performance } from "node:perf_hooks";
import type { Backend, CallOptions, Reply } from "../support/backend.ts";

/** One message as its sender knows it: answered with 200 or 202. */
export interface Accepted {
  /** In `data.token`: names the content, whatever id it travels under. */
  readonly token: string;
  readonly id: string;
  readonly seq: number;
  /** Of the last reply. */
  readonly status: string;
  /** True for `ttl: 0`: nobody promised to keep it. */
  readonly ephemeral: boolean;
  /** By the server's clock, which on one machine is ours: Unix milliseconds. */
  readonly expiresAt: number;
  /** When its first request began and its answer was there, by `performance.now()`. */
  readonly beganAt: number;
  readonly answeredAt: number;
  readonly attempts: number;
}

export interface Sending {
  readonly token: string;
  readonly id?: string;
  readonly ttl?: number;
  readonly topic?: string;
  /** In seconds (N1); absent is the setting's. */
  readonly fallback?: number;
  /** Bytes of filling beside the token. */
  readonly padding?: number;
}

export const bodyOf = ({ token, id, ttl, topic, fallback, padding }: Sending) => ({
  type: "proof",
  data: padding === undefined ? { token } : { token, padding: "x".repeat(padding) },
  ...(id === undefined ? {} : { id }),
  ...(ttl === undefined ? {} : { ttl }),
  ...(topic === undefined ? {} : { topic }),
  ...(fallback === undefined ? {} : { fallback: { after: fallback } }),
});

/** The reply as an acceptance; undefined where it is none. */
export const acceptedOf = (
  sending: Sending,
  reply: Reply,
  beganAt: number,
  answeredAt: number,
  attempts = 1,
): Accepted | undefined => {
  if (reply.status !== 200 && reply.status !== 202) return undefined;
  const { id, seq, status, expires_at } = reply.body as { id: string; seq: number; status: string; expires_at: string };
  const ephemeral = sending.ttl === 0;
  const expiresAt = Date.parse(expires_at);
  return { token: sending.token, id, seq, status, ephemeral, expiresAt, beganAt, answeredAt, attempts };
};

/** Sends once; throws at any answer but 200 and 202. */
export const sendOnce = async (
  backend: Backend,
  user: string,
  sending: Sending,
  options?: CallOptions,
): Promise<Accepted> => {
  const beganAt = performance.now();
  const reply = await backend.send(user, bodyOf(sending), options);
  const accepted = acceptedOf(sending, reply, beganAt, performance.now());
  if (accepted === undefined) throw new Error(`Refused: ${reply.status} ${JSON.stringify(reply.body)}`);
  return accepted;
};

/**
 * Whoever began to send after another was answered must lie above it. Gives one line for each violation.
 * A message's beginning is that of its first attempt, its answer that of the last.
 */
export const orderViolations = (accepted: readonly Accepted[]): readonly string[] => {
  const found: string[] = [];
  const answered = [...accepted].sort((a, b) => a.answeredAt - b.answeredAt);
  let next = 0;
  let highest: Accepted | undefined;
  for (const later of [...accepted].sort((a, b) => a.beganAt - b.beganAt)) {
    while (next < answered.length && (answered[next] as Accepted).answeredAt < later.beganAt) {
      const earlier = answered[next] as Accepted;
      if (highest === undefined || earlier.seq > highest.seq) highest = earlier;
      next += 1;
    }
    if (highest !== undefined && later.seq <= highest.seq) {
      found.push(
        `[S13] ${later.token} has seq ${later.seq}, though ${highest.token} had ${highest.seq} before it was sent`,
      );
    }
  }
  return found;
};
