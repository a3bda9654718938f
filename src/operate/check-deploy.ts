/** Part of `npm run check`: every environment of wrangler.toml can be deployed, without an error and without a warning. */
import { makeConsole } from "./console-page.ts";
import { runQuietly } from "./wrangler.ts";

// Its assets: wrangler takes no folder that is not there.
await makeConsole();

// The empty name is the default environment, said aloud so that wrangler does not ask which one is meant.
for (const environment of ["", "staging", "production"]) {
  const { code, output } = runQuietly(["deploy", "--dry-run", `--env=${environment}`]);
  if (code === 0 && !/warning/i.test(output)) continue;
  console.error(`wrangler deploy --dry-run --env="${environment}":\n${output}`);
  process.exitCode = 1;
}
