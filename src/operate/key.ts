/** `npm run key`: makes an API key (A1). The key itself is shown once and kept nowhere; the deployment holds its hash. */
import { parseArgs } from "node:util";
import { apiKeySetting, newApiKey, SCOPES } from "./api-key.ts";

const help = `Makes an API key for a backend.

  npm run key -- NAME --scopes ${SCOPES.join(",")} [--env staging|production]

NAME      tells keys apart, so that one can be revoked alone: letters, digits and _
--scopes  what it may do, one or more of:
            send     send messages, read a user's state, mint user tokens
            manage   recall, dead letters, revoke and erase users
            monitor  read only
--env     the environment it is for; without it, for npm start on this machine
`;

const giveUp = (why: string): never => {
  console.error(`${why}\n\n${help}`);
  process.exit(1);
};

const options = {
  scopes: { type: "string" },
  env: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

const readArguments = (): { readonly names: readonly string[]; readonly scopes?: string; readonly env?: string } => {
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help === true) {
      console.log(help);
      process.exit(0);
    }
    return {
      names: positionals,
      ...(values.scopes === undefined ? {} : { scopes: values.scopes }),
      ...(values.env === undefined ? {} : { env: values.env }),
    };
  } catch (error) {
    return giveUp(error instanceof Error ? error.message : String(error));
  }
};

const { names, scopes: wanted, env } = readArguments();
const [given, ...more] = names;
if (given === undefined || more.length > 0) giveUp("One NAME is needed.");
const name = given?.toUpperCase().replaceAll("-", "_") ?? "";
if (!/^[A-Z0-9_]+$/.test(name)) giveUp(`${JSON.stringify(given)} is no NAME: letters, digits and _ make one.`);
if (wanted === undefined) giveUp("--scopes is needed.");
const scopes = [...new Set((wanted ?? "").split(",").map((scope) => scope.trim()))];
const unknown = scopes.filter((scope) => !SCOPES.some((known) => known === scope));
if (unknown.length > 0) giveUp(`Not a scope: ${unknown.map((scope) => JSON.stringify(scope)).join(", ")}.`);

const setting = `API_KEY_${name}`;
const key = newApiKey();
const value = apiKeySetting(scopes, key);
console.log(`
The key, for the backend alone. It is shown this once:

  ${key}

The setting that lets it in; it holds only a hash:

  ${setting}=${value}
`);
if (env === undefined || env === "development") {
  console.log(`Set     add that line to .dev.vars, and start again
List    grep ^API_KEY_ .dev.vars
Revoke  take the line away, and start again

For a deployment: npm run key -- ${name} --scopes ${scopes.join(",")} --env production
`);
} else {
  console.log(`Set     echo '${value}' | npx wrangler secret put ${setting} --env ${env}
List    npx wrangler secret list --env ${env}
Revoke  npx wrangler secret delete ${setting} --env ${env}
`);
}
