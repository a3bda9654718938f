/**
 * `npm run deploy -- staging|production`: checks that it can be deployed, deploys it, and waits until the new version answers and a
 * message arrives there (O3).
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { awaitReady } from "./await-ready.ts";
import { makeConsole } from "./console-page.ts";
import { type Deployed, deployedOf } from "./deployed.ts";
import { runWrangler } from "./wrangler.ts";

const environments = ["staging", "production"];
const [environment, ...options] = process.argv.slice(2);
/**
 * A Durable Object that is busy may run the code of the version before for 300 s more ("deferred", the platform's default), and the
 * Monitor, which says the version, is one: time for that, and for two checks of the schedule.
 */
const DEADLINE_SECONDS = 420;
/** An object that nobody calls takes the new code as it falls asleep, after some 10 s: who asks more often keeps it from that. */
const EVERY_MS = 15_000;

if (environment === undefined || !environments.includes(environment)) {
  console.error(`Which environment? npm run deploy -- ${environments.join("|")} [options]

  --ready-url URL        where the deployment answers, if not where wrangler says
  --ready-seconds N      how long to wait until it does; ${DEADLINE_SECONDS}
  all others             are wrangler deploy's`);
  process.exit(1);
}

const rollback = `To go back: npx wrangler rollback --env ${environment}`;
const failed = (why: string): never => {
  console.error(`\n${why}`);
  process.exit(1);
};

/** Ours, and what wrangler is passed: all others, as they came. */
const ours = ["--ready-url", "--ready-seconds"];
const isOurs = (at: number): boolean =>
  ours.some((name) => options[at] === name || options[at]?.startsWith(`${name}=`));
const passed = options.filter((_, at) => !isOurs(at) && !ours.includes(options[at - 1] ?? ""));
const { values } = parseArgs({
  args: options.filter((_, at) => isOurs(at) || ours.includes(options[at - 1] ?? "")),
  options: { "ready-url": { type: "string" }, "ready-seconds": { type: "string" } },
});
const seconds = Number(values["ready-seconds"] ?? DEADLINE_SECONDS);
const said = values["ready-url"];
if (!(seconds > 0)) failed("--ready-seconds is a number of seconds. Nothing was deployed.");
if (said !== undefined && !URL.canParse(said)) failed("--ready-url is no URL. Nothing was deployed.");

console.log(`These secrets must stand in ${environment}; without them it answers 503 not_configured:

  TOKEN_SECRET     openssl rand -base64 48 | npx wrangler secret put TOKEN_SECRET --env ${environment}
  API_KEY_<NAME>   npm run key -- NAME --scopes send --env ${environment}

Which do:          npx wrangler secret list --env ${environment}
`);

// What is deployed beside the Worker.
await makeConsole();

// A dry run bundles and checks everything that needs no account: what fails here has touched nothing.
const target = ["deploy", "--env", environment, ...passed];
if (runWrangler([...target, "--dry-run"]) !== 0) failed("Nothing was deployed.");

/** Wrangler writes what it did as lines of JSON; its words to people are no interface. */
const deploy = (): Deployed => {
  const dir = mkdtempSync(join(tmpdir(), "restante-deploy-"));
  try {
    const report = join(dir, "wrangler.ndjson");
    if (runWrangler(target, { WRANGLER_OUTPUT_FILE_PATH: report }) !== 0) {
      failed(`The deployment failed. What ran before runs on. ${rollback}`);
    }
    return deployedOf(readFileSync(report, "utf8"));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};

const { version, urls } = deploy();
const url = said ?? urls[0];
if (version === undefined || url === undefined) {
  failed(
    `Deployed, but wrangler does not say ${version === undefined ? "which version" : "where it answers: pass --ready-url"}. Whether it is ready is not known. ${rollback}`,
  );
} else {
  console.log(`\nVersion ${version} is deployed. Waiting until ${url}/ready answers with it …`);
  const arrival = await awaitReady({
    ...{ url: new URL(url), version, deadlineMs: 1_000 * seconds, everyMs: EVERY_MS },
    say: (line) => console.log(`  ${line}`),
  });
  if (!arrival.ok) failed(`${arrival.why}\n\nThe new version is deployed and not ready. ${rollback}`);
  else console.log(`Ready after a check of ${arrival.outcome.duration_ms} ms. ${rollback}`);
}
