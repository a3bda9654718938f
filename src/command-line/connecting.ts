/** The deployment that a command asks, and the key with which. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createOperator, createSender, type Operator, type Sender } from "../sender/sender.ts";
import { type Options, seconds } from "./options.ts";
import type { Surroundings } from "./surroundings.ts";
import { UsageError } from "./usage-error.ts";

/** Where `npm start` has it. */
export const LOCAL_URL = "http://localhost:8787";
/** A person waits: what does not answer is said to, and soon. */
const TIMEOUT_SECONDS = 15;
const MAX_ATTEMPTS = 4;

export interface Connected {
  readonly url: string;
  readonly sender: Sender;
  readonly operator: Operator;
}

/** @throws UsageError */
export const connected = (options: Options, { env, folder }: Surroundings): Connected => {
  const url = options.url ?? (env.RESTANTE_URL || LOCAL_URL);
  const key = options.key ?? env.RESTANTE_API_KEY;
  if (!key) throw new UsageError(`There is no key: RESTANTE_API_KEY, or --key.${hint(folder)}`);
  const timeoutMs = (seconds(options, "timeout") ?? TIMEOUT_SECONDS) * 1_000;
  const effort = { url, key, timeoutMs, attemptTimeoutMs: timeoutMs, maxAttempts: MAX_ATTEMPTS };
  try {
    return { url, sender: createSender(effort), operator: createOperator(effort) };
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message);
    throw error;
  }
};

const hint = (folder: string): string => {
  if (!existsSync(join(folder, ".dev.vars"))) return " `npm run key` makes one.";
  return `\nnpm start has made one for the server here:\n  export RESTANTE_API_KEY=$(grep ^RESTANTE_API_KEY= .dev.vars | cut -d= -f2-)`;
};
