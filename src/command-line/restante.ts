#!/usr/bin/env node
/** `npx restante`: the command line as a program. */
import { main } from "./main.ts";

/** As shells have it: 128 and the number of SIGINT. */
const INTERRUPTED = 130;

let sayOnInterrupt: () => void = () => {};
process.on("SIGINT", () => {
  sayOnInterrupt();
  process.exit(INTERRUPTED);
});
// Whoever read it, such as `head`, has enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const { stdin, stdout, stderr, env } = process;
process.exitCode = await main(process.argv.slice(2), {
  ...{ stdin, stdout, stderr, env },
  folder: process.cwd(),
  onInterrupt: (say) => {
    sayOnInterrupt = say;
  },
});
