/** What may stand on the command line beside a command's arguments. */
import { parseArgs } from "node:util";
import { instantOf, secondsOf } from "./times.ts";
import { UsageError } from "./usage-error.ts";

/** One spelling and one meaning for all commands; each names those that it takes. */
export const OPTIONS = {
  url: { type: "string", value: "URL", help: "the deployment; else RESTANTE_URL, else http://localhost:8787" },
  key: {
    type: "string",
    value: "KEY",
    help: "an API key; else RESTANTE_API_KEY, which other users of the machine cannot see",
  },
  json: { type: "boolean", help: "the API's own objects on stdout, one a line, and nothing else there" },
  timeout: { type: "string", value: "SECONDS", help: "how long to try: 15 unless said" },
  help: { type: "boolean", short: "h", help: "what this command does" },
  version: { type: "boolean", help: "which version of restante this is" },

  data: { type: "string", value: "JSON|@FILE|-", help: "the message's data: JSON, or in a file, or on stdin" },
  id: { type: "string", value: "ID", help: "the same id and content never make a second message" },
  ttl: { type: "string", value: "SPAN", help: "how long it is held: 3600, 90s, 15m, 2h, 7d" },
  topic: { type: "string", value: "TOPIC", help: "replaces a message of this topic that nobody has acked" },
  wait: { type: "string", value: "SECONDS", help: "wait so long, at most 30, for a client to process it" },
  fallback: { type: "string", value: "SPAN|none", help: "where nobody acks it in time, tell the webhook" },
  device: { type: "string", value: "DEVICE", help: "bind the token to this device" },
  reason: { type: "string", value: "REASON", help: "those that ended, or need somebody, for this reason" },
  since: { type: "string", value: "TIME", help: "ended from then on: 02:10, 15m (ago), 2026-11-27T02:10Z" },
  until: { type: "string", value: "TIME", help: "ended until then: now unless said" },
  all: { type: "boolean", help: "all of them" },
  yes: { type: "boolean", help: "do not ask" },
  "dry-run": { type: "boolean", help: "only say whom it would be about" },
  detach: { type: "boolean", help: "begin it, and do not wait for its end" },
  follow: { type: "boolean", help: "show how far it is, until it is over" },
  stop: { type: "boolean", help: "stop it; what is done stays done" },
  retry: { type: "boolean", help: "begin anew with those that were given up" },
  discard: { type: "boolean", help: "throw away those that were given up" },
  range: { type: "string", value: "RANGE", help: "the last 15m, 6h or 7d: 15m unless said" },
} as const satisfies Readonly<Record<string, Option>>;

interface Option {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** What stands for its value in the help. */
  readonly value?: string;
  readonly help: string;
}

export type OptionName = keyof typeof OPTIONS;
export type Options = {
  readonly [Name in OptionName]?:
    | ((typeof OPTIONS)[Name] extends { readonly type: "boolean" } ? boolean : string)
    | undefined;
};

/** Those of every command. */
export const COMMON: readonly OptionName[] = ["url", "key", "json", "timeout", "help"];

export interface Parsed {
  readonly options: Options;
  readonly words: readonly string[];
}

/** @throws UsageError */
export const parsed = (args: readonly string[]): Parsed => {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    return { options: values, words: positionals };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node's own words, without its advice on how to write an argument that begins with a dash.
    throw new UsageError(error.message.replace(/\. To specify [\s\S]*$/, "."));
  }
};

/** A span of time in seconds. */
export const seconds = (options: Options, name: "ttl" | "wait" | "timeout" | "fallback"): number | undefined => {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = secondsOf(text);
  if (value === undefined) throw new UsageError(`--${name} ${text}: a number of seconds, or 90s, 15m, 2h, 7d.`);
  return value;
};

/** From when until when. */
export const times = (
  { since, until }: Options,
  now = new Date(),
): { readonly since?: Date; readonly until?: Date } => {
  const from = instant("since", since, now);
  const to = instant("until", until, now, from);
  if (from !== undefined && to !== undefined && to < from) throw new UsageError("--until is before --since.");
  return { ...(from === undefined ? {} : { since: from }), ...(to === undefined ? {} : { until: to }) };
};

const instant = (name: string, text: string | undefined, now: Date, from?: Date): Date | undefined => {
  if (text === undefined) return undefined;
  const at = instantOf(text, now, from);
  if (at === undefined) {
    throw new UsageError(`--${name} ${text}: a time such as 02:10, 15m (ago), 2026-11-27, or 2026-11-27T02:10:00Z.`);
  }
  return at;
};

/** One of a closed list. */
export const oneOf = <T extends string>(
  name: OptionName,
  value: string | undefined,
  known: readonly T[],
): T | undefined => {
  if (value === undefined) return undefined;
  const found = known.find((one) => one === value);
  if (found === undefined) throw new UsageError(`--${name} ${value}: one of ${known.join(", ")}.`);
  return found;
};
