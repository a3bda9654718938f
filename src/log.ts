/**
 * Structured logs (M2): one JSON line an event, with a fixed set of fields.
 *
 * What is not a field here cannot be logged: no token, no key, no user, no body, no path and no query (A3, A6).
 */
import type { ErrorCode } from "./protocol/errors.ts";

interface LogFields {
  readonly code?: ErrorCode;
  readonly status?: number;
  readonly method?: string;
  /** The route's pattern, never the path. */
  readonly route?: string;
  /** The Mailbox's name, a hash. */
  readonly mailbox?: string;
  readonly duration_ms?: number;
  readonly reason?: string;
  readonly version?: string;
  /** Of an alert: `firing` or `resolved`, and what happens (M3). */
  readonly alert?: string;
  readonly detail?: string;
  /** Name and message of an exception, and where it was thrown. */
  readonly error?: string;
  readonly stack?: string;
}

export const log = (level: "info" | "warn" | "error", event: string, fields: LogFields = {}): void => {
  console.log(JSON.stringify({ level, event, ...fields }));
};

/** A thrown thing as fields. Bounded, since a message may quote what it stumbled over. */
export const thrown = (error: unknown): Pick<LogFields, "error" | "stack"> => {
  if (!(error instanceof Error)) return { error: `thrown: ${typeof error}` };
  const frames = error.stack?.split("\n").filter((line) => line.startsWith("    at ")) ?? [];
  return { error: `${error.name}: ${error.message}`.slice(0, 200), stack: frames.slice(0, 10).join("\n") };
};
