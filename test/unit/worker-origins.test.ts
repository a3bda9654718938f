import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { defaultVars, mintLocally } from "../support/credentials.ts";
import { mailboxNameOf, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const RENEWAL = `/v1/connections/${mailboxNameOf("ada").slice(0, 16)}.abc/token`;

/** Whether a page of this origin gets past the check of origins, on both routes of the user plane. */
const isAllowed = async (origin: string, vars: Readonly<Record<string, string>>): Promise<boolean> => {
  const worker = workerUnderTest({ ...defaultVars, ...vars });
  const renewal = await worker.fetch("PUT", RENEWAL, { headers: { origin } });
  // No upgrade, and nothing else is wrong with it.
  const authorization = `Bearer ${await mintLocally("ada")}`;
  const upgrade = await worker.fetch("GET", "/v1/socket", { headers: { origin, authorization } });
  const preflight = await worker.fetch("OPTIONS", RENEWAL, {
    headers: { origin, "access-control-request-method": "PUT", "access-control-request-headers": "authorization" },
  });
  expect(worker.touches).toEqual([]);
  const allowed = renewal.status === 401;
  expect([renewal.status, upgrade.status, preflight.status]).toEqual(allowed ? [401, 426, 204] : [403, 403, 403]);
  for (const reply of [renewal, preflight]) {
    expect(reply.headers.get("access-control-allow-origin")).toBe(allowed ? origin : null);
    expect(reply.headers.get("access-control-allow-credentials")).toBeNull();
    if (allowed) expect(reply.headers.get("vary")).toBe("Origin");
    else expect(reply.body.detail).toContain(origin);
  }
  if (!allowed) {
    expect(upgrade.body).toMatchObject({ code: "origin_not_allowed", origin });
    expect(upgrade.body.detail).toContain("ALLOWED_ORIGINS");
  }
  return allowed;
};

const listed = {
  ALLOWED_ORIGINS:
    "https://app.example.com, https://*.example.org,https://*.dev.test:8443/ ,capacitor://localhost,null",
};
const own = { ENVIRONMENT: "production" };
const development = { ENVIRONMENT: "development" };

describe("[A4] origins", () => {
  test.each<readonly [string, Readonly<Record<string, string>>, boolean]>([
    ["https://app.example.com", listed, true],
    ["https://app.example.com:444", listed, false],
    ["http://app.example.com", listed, false],
    ["https://app.example.com.evil.test", listed, false],
    ["https://evil-app.example.com", listed, false],
    ["https://xapp.example.com", listed, false],
    ["https://a.example.org", listed, true],
    ["https://a.b-c.example.org", listed, true],
    ["https://example.org", listed, false],
    ["https://.example.org", listed, false],
    ["https://evilexample.org", listed, false],
    ["https://evil.test/.example.org", listed, false],
    ["https://evil.test#.example.org", listed, false],
    ["https://evil.test@a.example.org", listed, false],
    ["http://a.example.org", listed, false],
    ["https://a.example.org:8443", listed, false],
    ["https://a.dev.test:8443", listed, true],
    ["https://a.dev.test", listed, false],
    ["capacitor://localhost", listed, true],
    ["ionic://localhost", listed, false],
    ["null", listed, true],
    ["https://restante.test", listed, false],
    ["http://localhost:3000", { ...listed, ...development }, false],
    ["https://restante.test", own, true],
    ["http://restante.test", own, false],
    ["https://restante.test:8443", own, false],
    ["http://localhost:3000", own, false],
    ["null", own, false],
    ["https://restante.test", development, true],
    ["http://localhost:3000", development, true],
    ["https://localhost", development, true],
    ["http://127.0.0.1:5173", development, true],
    ["http://[::1]:5173", development, true],
    ["http://localhost.evil.test", development, false],
    ["http://127.0.0.1.evil.test", development, false],
    ["http://localhost:3000@evil.test", development, false],
    ["null", development, false],
    ["https://app.example.com", { ALLOWED_ORIGINS: "HTTPS://App.Example.Com:443" }, true],
    ["https://xn--bcher-kva.example", { ALLOWED_ORIGINS: "https://bücher.example" }, true],
  ])("[A4] %s with %o: %s", async (origin, vars, expected) => {
    expect(await isAllowed(origin, vars)).toBe(expected);
  });

  test("[A4] who sends no Origin is no browser, and needs no permission", async () => {
    const reply = await workerUnderTest({ ...defaultVars, ...listed }).fetch("PUT", RENEWAL);
    expect([reply.status, reply.headers.get("access-control-allow-origin")]).toEqual([401, null]);
  });

  test.each(["*", "https://*", "app.example.com", "https://a.*.example.com", "https://example.com/app", "https://a b"])(
    "[A4, A5] the entry %s of ALLOWED_ORIGINS is named as what is wrong",
    async (entry) => {
      const vars = { ...defaultVars, ALLOWED_ORIGINS: `https://app.example.com,${entry}` };
      const reply = await workerUnderTest(vars).fetch("PUT", RENEWAL, {
        headers: { origin: "https://app.example.com" },
      });
      expect(reply.body).toMatchObject({ status: 503, code: "not_configured" });
      expect(reply.body.detail).toContain(entry);
    },
  );
});

describe("[A4] CORS", () => {
  test("[A4, C9] a preflight says what the page may send, and an answer that it may read it", async () => {
    const origin = "https://app.example.com";
    const worker = workerUnderTest({ ...defaultVars, ...listed }, () => ({ ok: true, expiresAt: 0 }));
    const preflight = await worker.fetch("OPTIONS", RENEWAL, { headers: { origin } });
    expect(preflight.headers.get("access-control-allow-methods")).toBe("PUT");
    expect(preflight.headers.get("access-control-allow-headers")).toContain("authorization");
    expect(Number(preflight.headers.get("access-control-max-age"))).toBeGreaterThan(0);
    const headers = { origin, authorization: `Bearer ${await mintLocally("ada")}` };
    const reply = await worker.fetch("PUT", RENEWAL, { headers });
    expect([reply.status, reply.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
  });

  test("[A4] the backend plane has none", async () => {
    const worker = workerUnderTest({ ...defaultVars, ...listed });
    const headers = { origin: "https://app.example.com" };
    for (const method of ["OPTIONS", "POST", "GET"]) {
      const reply = await worker.fetch(method, "/v1/users/ada/messages", { headers });
      expect([...reply.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
    expect((await worker.fetch("OPTIONS", "/v1/users/ada/messages", { headers })).status).toBe(405);
  });
});
