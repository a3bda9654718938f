import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { apiKeySetting } from "../../src/operate/api-key.ts";
import { START_UP_LIMITS, startUpLimits } from "../../src/settings/start-up.ts";
import { API_KEY, defaultVars, mintLocally, TOKEN_SECRET } from "../support/credentials.ts";
import { type Reply, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

type Vars = Readonly<Record<string, string | undefined>>;

const ask = async (vars: Vars, method: string, path: string, credential: string): Promise<Reply> => {
  const worker = workerUnderTest(vars);
  const reply = await worker.fetch(method, path, { headers: { authorization: `Bearer ${credential}` } });
  expect(worker.touches).toEqual([]);
  return reply;
};
const backendPlane = (vars: Vars, credential = API_KEY) => ask(vars, "DELETE", "/v1/users/ada/tokens?x", credential);
const userPlane = async (vars: Vars) =>
  ask(vars, "PUT", "/v1/connections/0123456789abcdef.x/token", await mintLocally("ada"));

const expectNotConfigured = (reply: Reply, ...named: readonly string[]) => {
  expect(reply.body).toMatchObject({ status: 503, code: "not_configured", retry: "later" });
  for (const name of named) expect(reply.body.detail).toContain(name);
};

describe("[A5] API keys", () => {
  test("[A5] without any, the backend plane is 503 and says how to make one", async () => {
    for (const path of ["/v1/users/ada", "/v1/users/ada/messages", "/v1/users/ada/dead-letters"]) {
      expectNotConfigured(
        await ask({ TOKEN_SECRET }, "GET", path, API_KEY),
        "npm run key",
        "wrangler secret put API_KEY_",
      );
    }
  });

  test.each([
    "",
    "send",
    "send:",
    ":".concat("a".repeat(64)),
    `send:${"a".repeat(63)}`,
    `send:${"g".repeat(64)}`,
    `admin:${"a".repeat(64)}`,
    `send,:${"a".repeat(64)}`,
    `constructor:${"a".repeat(64)}`,
    API_KEY,
  ])("[A5] the setting %o lets nobody in, and is named", async (setting) => {
    expectNotConfigured(await backendPlane({ TOKEN_SECRET, API_KEY_BROKEN: setting }), "API_KEY_BROKEN");
  });

  test("[A5] a broken one beside a good one: the good key works, any other is told of the broken one", async () => {
    const vars = { ...defaultVars, API_KEY_BROKEN: "send:abc" };
    expect((await backendPlane(vars)).body.code).toBe("invalid_request");
    expectNotConfigured(await backendPlane(vars, "rk_other"), "API_KEY_BROKEN");
    expect((await ask(vars, "GET", "/v1/users/ada", "")).body.code).toBe("missing_key");
  });

  test("[A1] scopes may be written with spaces, digests in capitals, and each key can be taken away alone", async () => {
    const one = apiKeySetting(["send", "manage"], "rk_one")
      .toUpperCase()
      .replace(/^[A-Z,]+:/, " send , manage : ");
    const vars = { ...defaultVars, API_KEY_ONE: one };
    expect((await backendPlane(vars, "rk_one")).body.code).toBe("invalid_request");
    expect((await backendPlane({ ...vars, API_KEY_ONE: undefined }, "rk_one")).body.code).not.toBe("invalid_request");
    expect((await backendPlane(defaultVars, "rk_one")).body.code).toBe("invalid_key");
  });

  test("[A1] the digest itself opens nothing", async () => {
    const digest = defaultVars.API_KEY_TEST?.split(":")[1] ?? "";
    expect((await backendPlane(defaultVars, digest)).body.code).toBe("invalid_key");
  });
});

describe("[A5] user tokens", () => {
  const keys = { API_KEY_TEST: defaultVars.API_KEY_TEST };
  const provider = { JWKS_URL: "https://id.test/keys", JWT_ISSUER: "https://id.test/", JWT_AUDIENCE: "app" };

  test.each<readonly [string, Vars, readonly string[]]>([
    ["no secret at all", {}, ["TOKEN_SECRET", "JWKS_URL", "wrangler secret put"]],
    ["an empty secret", { TOKEN_SECRET: "" }, ["TOKEN_SECRET"]],
    ["a secret of 31 bytes", { TOKEN_SECRET: "x".repeat(31) }, ["TOKEN_SECRET", "32"]],
    ["an old secret of 31 bytes", { TOKEN_SECRET, TOKEN_SECRET_OLD: "x".repeat(31) }, ["TOKEN_SECRET_OLD"]],
    ["the old secret alone", { TOKEN_SECRET_OLD: TOKEN_SECRET }, ["TOKEN_SECRET"]],
    ["a provider without audience", { ...provider, TOKEN_SECRET, JWT_AUDIENCE: undefined }, ["JWT_AUDIENCE"]],
    ["a provider without issuer", { ...provider, JWT_ISSUER: "" }, ["JWT_ISSUER"]],
    ["a provider without URL", { ...provider, JWKS_URL: undefined }, ["JWKS_URL"]],
    ["a provider that is no URL", { ...provider, JWKS_URL: "id.test/keys" }, ["JWKS_URL", "https"]],
    ["a provider over http", { ...provider, JWKS_URL: "http://id.test/keys" }, ["JWKS_URL", "https"]],
    ["a provider with this service's issuer", { ...provider, JWT_ISSUER: "restante" }, ["JWT_ISSUER"]],
  ])("[A5] with %s the user plane is 503", async (_, vars, named) => {
    expectNotConfigured(await userPlane({ ...keys, ...vars }), ...named);
    const worker = workerUnderTest({ ...keys, ...vars });
    const upgrade = { upgrade: "websocket", authorization: `Bearer ${await mintLocally("ada")}` };
    expectNotConfigured(await worker.fetch("GET", "/v1/socket", { headers: upgrade }), ...named);
    expect(worker.touches).toEqual([]);
  });

  test("[A5] minting needs TOKEN_SECRET, also beside a provider, and a secret of 32 bytes will do", async () => {
    for (const vars of [{}, { TOKEN_SECRET: "short" }, provider]) {
      expectNotConfigured(await ask({ ...keys, ...vars }, "POST", "/v1/users/ada/tokens", API_KEY), "TOKEN_SECRET");
    }
    const enough = { ...keys, TOKEN_SECRET: "x".repeat(32) };
    expect((await ask(enough, "POST", "/v1/users/ada/tokens", API_KEY)).status).toBe(200);
  });
});

test.each([
  ["JURISDICTION", "mars"],
  ["ACK_TIMEOUT_MS", "20s"],
  ["OUTBOX_MAX_MESSAGES", "0"],
  ["READY_STEP_MS", "3s"],
  ["READY_CHECK_MS", "0"],
])("[A5, M5, S12] %s that is not well formed lets nobody in, and is named", async (name, value) => {
  const worker = workerUnderTest({ ...defaultVars, [name]: value });
  for (const path of ["/v1/users/ada", "/v1/users/ada/messages"]) {
    const reply = await worker.backend("GET", path);
    expect(reply.body).toMatchObject({ status: 503, code: "not_configured" });
    expect(JSON.stringify(reply.body)).toContain(name);
  }
});

test("[M5] the start-up check's limits are by environment, strictest in production and where the name is another; each can be set", () => {
  const limits = ["development", "staging", "production", "qa", "constructor", undefined].map(
    (ENVIRONMENT) => startUpLimits({ ENVIRONMENT }).settings,
  );
  const { development, staging, production } = START_UP_LIMITS;
  expect(limits).toEqual([development, staging, production, production, production, production]);
  for (const key of ["stepMs", "checkMs"] as const) {
    expect(development[key]).toBeGreaterThan(staging[key]);
    expect(staging[key]).toBeGreaterThan(production[key]);
  }
  const set = startUpLimits({ ENVIRONMENT: "staging", READY_STEP_MS: "700", READY_CHECK_MS: "2000" });
  expect(set).toEqual({ settings: { stepMs: 700, checkMs: 2_000 }, faults: [] });
});
