/** A message's trail (N3), as a line below it. */
import { dim, type Part } from "./screen.ts";
import { age } from "./times.ts";

interface Step {
  readonly at: string;
  readonly event: string;
  readonly connectionId?: string;
  readonly device?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly from?: number;
}

/** Nothing where there is none. Events that a later service has are shown by their names. */
export const trail = (message: object): readonly Part[] => {
  const steps = "trail" in message && Array.isArray(message.trail) ? (message.trail as readonly Step[]) : [];
  return steps.flatMap((step, at) => [dim(at === 0 ? "" : " → "), worded(step), dim(` ${age(step.at)}`)]);
};

const worded = ({ event, device, code, reason, from }: Step): string =>
  [
    event,
    device === undefined
      ? ""
      : ` by ${device}`.replace("by", event === "sent" ? "to" : event === "closed" ? "on" : "by"),
    code === undefined ? "" : ` with ${code}`,
    reason === undefined ? "" : ` (${reason})`,
    from === undefined ? "" : ` from ${from}`,
  ].join("");
