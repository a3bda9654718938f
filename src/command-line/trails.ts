/** A message's trail (N3), as a line below it. */
import { dim, type Part } from "./screen.ts";
import { age } from "./times.ts";

interface Step {
  readonly at: string;
  readonly event: string;
  readonly device?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly from?: number;
}

/** Nothing where there is none. Events that a later service has are shown by their names. */
export const trail = (message: { readonly trail?: readonly Step[] } | object): readonly Part[] => {
  const steps = ("trail" in message ? message.trail : undefined) ?? [];
  return steps.flatMap((step, at) => [dim(at === 0 ? "" : " → "), worded(step), dim(` ${age(step.at)}`)]);
};

/** `sent to phone`, `closed on phone with 4408`, `rejected by phone (no such order)`. */
const worded = ({ event, device, code, reason, from }: Step): string =>
  [
    event,
    device === undefined ? "" : ` ${PREPOSITIONS[event] ?? "by"} ${device}`,
    code === undefined ? "" : ` with ${code}`,
    reason === undefined ? "" : ` (${reason})`,
    from === undefined ? "" : ` from ${from}`,
  ].join("");

const PREPOSITIONS: Readonly<Record<string, string>> = { sent: "to", closed: "on" };
