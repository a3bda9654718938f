/** Asking the person before what cannot be undone, or touches everyone. */
import { createInterface } from "node:readline/promises";
import { plain } from "./plain.ts";
import type { Surroundings } from "./surroundings.ts";
import { UsageError } from "./usage-error.ts";

/** What was typed. @throws UsageError where nobody is there to be asked; `instead` says what to do then. */
export const asked = async ({ stdin, stderr }: Surroundings, question: string, instead: string): Promise<string> => {
  if (!stdin.isTTY || !stderr.isTTY) throw new UsageError(`Nobody can be asked here: ${instead}.`);
  const asking = createInterface({ input: stdin, output: stderr });
  // In its own mode the terminal sends no signal.
  asking.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  try {
    return (await asking.question(`${plain(question)} `)).trim();
  } finally {
    asking.close();
  }
};
