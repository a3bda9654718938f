/** Part of `npm run check`: every environment of wrangler.toml can be deployed, without an error and without a warning. */
import { makeConsole } from "./console-page.ts";
import { runQuietly } from "./wrangler.ts";

// Its assets: wrangler takes no folder that is not there.
await makeConsole();

/** Side by side: most of it is wrangler's own start. */
const check = async (environment: string): Promise<void> => {
  const { code, output } = await runQuietly(["deploy", "--dry-run", `--env=${environment}`]);
  if (code === 0 && !/warning/i.test(output)) return;
  console.error(`wrangler deploy --dry-run --env="${environment}":\n${output}`);
  process.exitCode = 1;
};

// The empty name is the default environment, said aloud so that wrangler does not ask which one is meant.
await Promise.all(["", "staging", "production"].map(check));
