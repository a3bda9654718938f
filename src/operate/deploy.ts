/** `npm run deploy -- staging|production`: checks that it can be deployed, deploys it, and says which secrets it stands on. */
import { runWrangler } from "./wrangler.ts";

const environments = ["staging", "production"];
const [environment, ...passed] = process.argv.slice(2);

if (environment === undefined || !environments.includes(environment)) {
  console.error(`Which environment? npm run deploy -- ${environments.join("|")} [options of wrangler deploy]`);
  process.exit(1);
}

console.log(`These secrets must stand in ${environment}; without them it answers 503 not_configured:

  TOKEN_SECRET     openssl rand -base64 48 | npx wrangler secret put TOKEN_SECRET --env ${environment}
  API_KEY_<NAME>   npm run key -- NAME --scopes send --env ${environment}

Which do:          npx wrangler secret list --env ${environment}
`);

// A dry run bundles and checks everything that needs no account: what fails here has touched nothing.
const target = ["deploy", "--env", environment, ...passed];
if (runWrangler([...target, "--dry-run"]) !== 0) {
  console.error("\nNothing was deployed.");
  process.exit(1);
}
if (runWrangler(target) !== 0) {
  console.error(
    `\nThe deployment failed. What ran before runs on. To go back: npx wrangler rollback --env ${environment}`,
  );
  process.exit(1);
}
console.log(`\nDeployed. To go back: npx wrangler rollback --env ${environment}`);
