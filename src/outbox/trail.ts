/** A message's trail (N3): what is known of its way, oldest first, as the JSON text that it is on the wire. */
import { rfc3339 } from "../protocol/instant.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { DeadLetterReason } from "../protocol/message.ts";
import type { TrailStep } from "../protocol/trail.ts";
import { type ConnectionTrail, stretchOf } from "./stretches.ts";

/** What a trail tells of the message itself. */
export interface Traced {
  readonly seq: number;
  readonly acceptedAt: number;
  readonly expiresAt: number;
  readonly requeuedFrom: number | null;
  readonly rejectReason: string | null;
  readonly escalatedAt: number | null;
}

/** How it ended as a dead letter. */
export interface TrailEnd {
  readonly reason: DeadLetterReason;
  readonly at: number;
}

/** Tells one message's trail. */
export type TrailTeller = (message: Traced, end?: TrailEnd) => string;

/** `connections`: those that have ended first, in order, then those that are open. */
export const trailOf = (message: Traced, connections: readonly ConnectionTrail[], end?: TrailEnd): string => {
  const { acceptedAt, requeuedFrom, escalatedAt } = message;
  const at = rfc3339(acceptedAt);
  const first: TrailStep =
    requeuedFrom === null ? { at, event: "accepted" } : { at, event: "requeued", from: requeuedFrom };
  const steps = connections.flatMap((connection) => passage(connection, message));
  // What is over is over at its instant (D8), whatever came before it was swept away.
  const until = end?.reason === "expired" ? rfc3339(end.at) : undefined;
  const rest = until === undefined ? steps : steps.filter((step) => step.at <= until);
  if (escalatedAt !== null) rest.push({ at: rfc3339(escalatedAt), event: "fallback" });
  // Instants on the wire sort as texts; and of one instant, in the order of what led to what.
  rest.sort(byTime);
  const told = [first, ...ended(withReason(rest, message.rejectReason), message, end)];
  const { trailStepsMax } = LIMITS;
  return JSON.stringify(told.length <= trailStepsMax ? told : [first, ...told.slice(1 - trailStepsMax)]);
};

/** What became of it on one connection. */
const passage = (connection: ConnectionTrail, message: Traced): TrailStep[] => {
  const stretch = stretchOf(connection, message);
  if (stretch === undefined) return [];
  const { sentAt, answer } = stretch;
  const on = { connection_id: connection.connection, device: connection.device };
  const steps: TrailStep[] = [];
  // Of a run the first one's time is known: nothing is sent before it is accepted.
  if (sentAt !== undefined) {
    steps.push({ at: rfc3339(Math.max(sentAt, message.acceptedAt)), event: "sent", ...on });
  }
  if (answer !== undefined) steps.push({ at: rfc3339(answer.at), event: answer.as, ...on });
  else if (connection.ended !== undefined) {
    steps.push({ at: rfc3339(connection.ended.at), event: "closed", ...on, code: connection.ended.code });
  }
  return steps;
};

/** The words that count are the last one's. */
const withReason = (steps: readonly TrailStep[], reason: string | null): TrailStep[] => {
  const last = reason === null ? undefined : steps.findLast(({ event }) => event === "rejected");
  return steps.map((step) => (step === last && reason !== null ? { ...last, reason } : step));
};

const ended = (steps: TrailStep[], { rejectReason }: Traced, end: TrailEnd | undefined): readonly TrailStep[] => {
  if (end === undefined) return steps;
  const at = rfc3339(end.at);
  switch (end.reason) {
    case "expired":
    case "undeliverable":
      return [...steps, { at, event: end.reason } as const].sort(byTime);
    case "rejected":
      // Whose rejection it was is known no more.
      if (steps.some(({ event }) => event === "rejected")) return steps;
      return [...steps, { at, event: "rejected", ...(rejectReason === null ? {} : { reason: rejectReason }) }];
  }
};

const byTime = (a: TrailStep, b: TrailStep): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0);
