import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { apiKeySetting, newApiKey, SCOPES } from "../../src/operate/api-key.ts";
import { deployedOf } from "../../src/operate/deployed.ts";
import { ensureDevVars } from "../../src/operate/dev-vars.ts";
import { accessSettings, SCOPES as serverScopes } from "../../src/settings/access.ts";
import { API_KEY, defaultVars } from "../support/credentials.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "restante-unit-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("[A1] the setting that npm run key prints is one that the server reads, with the same scopes", () => {
  expect(SCOPES).toEqual(serverScopes);
  const { apiKeys } = accessSettings({ API_KEY_ONE: apiKeySetting(["send", "monitor"], "rk_x") });
  expect(apiKeys).toMatchObject({ ok: true, value: { keys: [{ scopes: ["send", "monitor"] }], broken: [] } });
  expect(defaultVars.API_KEY_TEST).toBe(apiKeySetting(SCOPES, API_KEY));
  expect(newApiKey()).toMatch(/^rk_[A-Za-z0-9_-]{43}$/);
  expect(newApiKey()).not.toBe(newApiKey());
});

test("[A5] npm start makes secrets that the server takes, for their owner's eyes alone, and never changes them", () => {
  const path = join(dir, ".dev.vars");
  expect(ensureDevVars(path)).toEqual({ made: true, missing: [] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const text = readFileSync(path, "utf8");
  const values = Object.fromEntries([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map((m) => [m[1], m[2]]));
  const access = accessSettings(values);
  expect([access.apiKeys.ok, access.userTokens.ok, access.mintSecret.ok]).toEqual([true, true, true]);

  expect(ensureDevVars(path)).toEqual({ made: false, missing: [] });
  expect(readFileSync(path, "utf8")).toBe(text);
});

test("[A5] npm start says what a file of secrets lacks, and leaves it as it is", () => {
  const path = join(dir, ".dev.vars");
  writeFileSync(path, "# TOKEN_SECRET=commented out\nAPI_KEY_MINE=send:00\nRESTANTE_API_KEY=\n");
  const { missing } = ensureDevVars(path);
  expect(missing.join("\n")).toMatch(/^TOKEN_SECRET .*\nRESTANTE_API_KEY /);
  expect(readFileSync(path, "utf8")).toContain("API_KEY_MINE=send:00");
});

test("[O3] npm run deploy takes the version and the place from what wrangler reports", () => {
  const session = { type: "wrangler-session", version: 1, command_line_args: ["deploy"] };
  const report = (...targets: string[]) =>
    [session, { type: "deploy", version: 1, version_id: "7c1f", targets }].map((one) => JSON.stringify(one)).join("\n");
  expect(deployedOf(`${report("https://restante-staging.acme.workers.dev", "schedule: * * * * *")}\n`)).toEqual({
    version: "7c1f",
    urls: ["https://restante-staging.acme.workers.dev"],
  });
  expect(deployedOf(report("*.example.com/*", "push.example.com/v1/* (zone name: example.com)")).urls).toEqual([
    "https://push.example.com",
  ]);
  expect(deployedOf(report("push.example.com (custom domain)")).urls).toEqual(["https://push.example.com"]);
  expect(deployedOf(JSON.stringify(session))).toEqual({ version: undefined, urls: [] });
});
