/** A message's trail (N3), as a line below it. */
import type { TrailStep } from "../sender/sender.ts";
import { dim, type Part } from "./screen.ts";
import { age } from "./times.ts";

/** Nothing where there is none. Events that a later service has are shown by their names. */
export const trail = ({ trail: steps = [] }: { readonly trail?: readonly TrailStep[] }): readonly Part[] =>
  steps.flatMap((step, at) => [dim(at === 0 ? "" : " → "), worded(step), dim(` ${age(step.at)}`)]);

/** `sent to phone`, `closed on phone with 4408`, `rejected by phone (no such order)`. */
const worded = ({ event, device, code, reason, from }: TrailStep): string =>
  [
    event,
    device === undefined ? "" : ` ${PREPOSITIONS[event] ?? "by"} ${device}`,
    code === undefined ? "" : ` with ${code}`,
    reason === undefined ? "" : ` (${reason})`,
    from === undefined ? "" : ` from ${from}`,
  ].join("");

const PREPOSITIONS: Readonly<Record<string, string>> = { sent: "to", closed: "on" };
