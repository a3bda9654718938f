/** Which pages may use the user plane, and what CORS tells them (A4), at the real runtime. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { raw, requestBytes } from "../support/fuzz-http.ts";
import { ALL_SCOPES } from "../support/fuzz-keys.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const SETTINGS = {
  listed: { ALLOWED_ORIGINS: "https://app.example.com,https://*.example.org, capacitor://localhost, null" },
  development: { ENVIRONMENT: "development" },
  production: { ENVIRONMENT: "production" },
} as const;
type Setting = keyof typeof SETTINGS;

const runtimes = new Map<Setting, Runtime>();
beforeAll(async () => {
  for (const [name, vars] of Object.entries(SETTINGS)) runtimes.set(name as Setting, await startRuntime({ vars }));
});
afterAll(async () => {
  for (const runtime of runtimes.values()) await runtime.stop();
});
const at = (name: Setting): Runtime => runtimes.get(name) as Runtime;

test.each<readonly [Setting, string, boolean]>([
  ["listed", "https://app.example.com", true],
  ["listed", "https://a.example.org", true],
  ["listed", "https://a.b.example.org", true],
  ["listed", "capacitor://localhost", true],
  ["listed", "null", true],
  ["listed", "https://example.org", false],
  ["listed", "https://example.com", false],
  ["listed", "http://app.example.com", false],
  ["listed", "https://app.example.com:8443", false],
  ["listed", "https://app.example.com.evil.example", false],
  ["listed", "https://evil.example/https://app.example.com", false],
  ["listed", "https://evil.example#.example.org", false],
  ["listed", "https://evil.example/.example.org", false],
  ["listed", "https://evilexample.org", false],
  ["listed", "https://.example.org", false],
  ["listed", "https://APP.example.com", false],
  ["listed", "https://app.example.com ", true],
  ["listed", "https://app.example.com, https://app.example.com", false],
  ["listed", "http://localhost:5173", false],
  ["development", "http://localhost:5173", true],
  ["development", "https://127.0.0.1", true],
  ["development", "http://[::1]:3000", true],
  ["development", "http://localhost.evil.example", false],
  ["development", "http://localhost:5173@evil.example", false],
  ["development", "null", false],
  ["production", "http://localhost:5173", false],
  ["production", "null", false],
  ["production", "OWN", true],
])("[A4] %s: the origin %j is %s", async (setting, written, isAllowed) => {
  const runtime = at(setting);
  const origin = written === "OWN" ? runtime.url : written;
  const user = `${setting} ${written}`;
  const attempt = await Connection.attempt(runtime.url, { token: await mintLocally(user), headers: { origin } });
  if (isAllowed) {
    expect(attempt.outcome).toBe("established");
    if (attempt.outcome === "established") await attempt.connection.close();
    return;
  }
  expect(attempt).toMatchObject({ outcome: "refused", status: 403, body: { code: "origin_not_allowed", origin } });
  if (attempt.outcome !== "refused") return;
  const { detail } = attempt.body as { readonly detail: string };
  expect(detail).toContain("ALLOWED_ORIGINS");
  expect(detail).toContain(origin);
  expect(attempt.headers["access-control-allow-origin"]).toBeUndefined();
  expect((await new Backend(runtime.url).user(user)).body.devices).toEqual([]);
});

test("[A4] an entry that is no origin lets no page in, and says which", async () => {
  const broken = await startRuntime({ vars: { ALLOWED_ORIGINS: "https://app.example.com, *" } });
  try {
    const token = await mintLocally("page");
    const page = await Connection.attempt(broken.url, { token, origin: "https://app.example.com" });
    expect(page).toMatchObject({ outcome: "refused", status: 503, body: { code: "not_configured" } });
    expect(JSON.stringify(page)).toContain("ALLOWED_ORIGINS");
    expect((await Connection.attempt(broken.url, { token })).outcome).toBe("established");
  } finally {
    await broken.stop();
  }
});

const cors = (headers: Readonly<Record<string, string>>) =>
  Object.keys(headers).filter((name) => name.startsWith("access-control"));

test("[A4] the preflight of a token's renewal, and the reply to it, are for allowed pages only", async () => {
  const runtime = at("listed");
  const user = "cors";
  const connection = await Connection.open(runtime.url, { token: await mintLocally(user) });
  const path = `/v1/connections/${connection.established.connection_id}/token`;
  const ask = ["Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: authorization"];
  const page = "Origin: https://app.example.com";

  const preflight = await raw(runtime.port, requestBytes("OPTIONS", path, { headers: [page, ...ask] }));
  expect([preflight.status, preflight.text]).toEqual([204, ""]);
  expect(preflight.headers).toMatchObject({
    "access-control-allow-origin": "https://app.example.com",
    "access-control-allow-methods": "PUT",
    "access-control-allow-headers": "authorization, content-type, last-event-id",
    vary: "Origin",
  });
  expect(preflight.headers["access-control-allow-credentials"]).toBeUndefined();
  const stranger = ["Origin: https://evil.example", ...ask];
  const refused = await raw(runtime.port, requestBytes("OPTIONS", path, { headers: stranger }));
  expect([refused.status, refused.code, cors(refused.headers)]).toEqual([403, "origin_not_allowed", []]);

  const token = `Authorization: Bearer ${await mintLocally(user)}`;
  const put = await raw(runtime.port, requestBytes("PUT", path, { headers: [page, token] }));
  expect([put.status, put.headers["access-control-allow-origin"]]).toEqual([200, "https://app.example.com"]);
  // A page may read why it was refused.
  const bad = await raw(runtime.port, requestBytes("PUT", path, { headers: [page, "Authorization: Bearer x"] }));
  expect([bad.status, bad.headers["access-control-allow-origin"], bad.headers.vary]).toEqual([
    401,
    "https://app.example.com",
    "Origin",
  ]);
  const evil = await raw(runtime.port, requestBytes("PUT", path, { headers: ["Origin: https://evil.example", token] }));
  expect([evil.status, evil.code, cors(evil.headers)]).toEqual([403, "origin_not_allowed", []]);
  await connection.close();
});

test("[A4] the backend plane says nothing of CORS to any page, not even an allowed one", async () => {
  const runtime = at("listed");
  for (const method of ["GET", "OPTIONS", "POST", "DELETE"]) {
    for (const path of [
      "/v1/users/cors/messages",
      "/v1/users/cors",
      "/v1/users/cors/tokens",
      "/v1/users/cors/dead-letters",
    ]) {
      for (const credential of [[ALL_SCOPES], []]) {
        const headers = ["Origin: https://app.example.com", "Access-Control-Request-Method: POST", ...credential];
        const reply = await raw(runtime.port, requestBytes(method, path, { headers }));
        expect([method, path, cors(reply.headers)]).toEqual([method, path, []]);
        if (method === "OPTIONS") expect(reply.status).toBe(405);
      }
    }
  }
});
