/** Every route: who is let in, what it touches, and what is said where there is none. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { apiKeySetting, SCOPES } from "../../src/operate/api-key.ts";
import { attentionShards } from "../../src/protocol/attention.ts";
import { defaultVars, mintLocally } from "../support/credentials.ts";
import { mailboxNameOf, ROUTES, workerUnderTest } from "./worker-under-test.ts";

const lines: string[] = [];
beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
});
afterEach(() => vi.restoreAllMocks());

/** Of a user, or of users whom the body names. */
const ofUser = (route: string): boolean => route.includes(":user") || route.endsWith("/v1/messages");
/** Monitors that take and give what is measured, on the way of every call. */
const isMeasuring = (name: string): boolean => /^(?:start-up|sys:monitor:\d+)$/.test(name);

/** What the contract says (A1), written apart from the table that is tested. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "POST /v1/users/:user/messages": ["send"],
  "GET /v1/users/:user/messages": ["send", "monitor"],
  "GET /v1/users/:user/messages/:id": ["send", "monitor"],
  "DELETE /v1/users/:user/messages/:id": ["manage"],
  "POST /v1/messages": ["send"],
  "GET /v1/users/:user/publish": ["send"],
  "GET /v1/users/:user": ["send", "monitor"],
  "DELETE /v1/users/:user": ["manage"],
  "POST /v1/users/:user/tokens": ["send"],
  "DELETE /v1/users/:user/tokens": ["manage"],
  "GET /v1/users/:user/live": ["monitor"],
  "GET /v1/users/:user/dead-letters": ["manage", "monitor"],
  "DELETE /v1/users/:user/dead-letters": ["manage"],
  "POST /v1/users/:user/dead-letters/requeue": ["manage"],
  "DELETE /v1/users/:user/dead-letters/:seq": ["manage"],
  "POST /v1/users/:user/dead-letters/:seq/requeue": ["manage"],
  "GET /v1/users/:user/webhooks": ["manage", "monitor"],
  "POST /v1/users/:user/webhooks/retry": ["manage"],
  "DELETE /v1/users/:user/webhooks": ["manage"],
  // Of no user: they ask the Monitors.
  "GET /metrics": ["monitor"],
  "GET /v1/monitor": ["monitor"],
  "GET /v1/alerts": ["monitor"],
  // Of nobody.
  "GET /v1/key": ["send", "manage", "monitor"],
  "GET /v1/attention": ["monitor"],
  "POST /v1/dead-letters/requeue": ["manage"],
  "DELETE /v1/dead-letters": ["manage"],
  "GET /v1/jobs": ["manage", "monitor"],
  "GET /v1/jobs/:job": ["manage", "monitor"],
  "DELETE /v1/jobs/:job": ["manage"],
};

/** Which objects a call that is let in comes to, beside the Monitors that measure; minting asks none. */
const objectsOf = (route: string): readonly string[] => {
  if (route === "POST /v1/users/:user/tokens") return [];
  if (route === "GET /v1/attention" || route === "GET /metrics") return attentionShards;
  if (/\/v1\/(?:dead-letters|jobs)/.test(route)) return ["sys:jobs"];
  return ofUser(route) ? [mailboxNameOf("ada")] : [];
};
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];

const pathOf = (pattern: string): string =>
  pattern
    .replace(":user", "ada")
    .replace(":id", "m-1")
    .replace(":seq", "7")
    .replace(":job", "6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11")
    .replace(/dead-letters(\/requeue)?$/, (path) => (pattern.includes(":user") ? path : `${path}?reason=rejected`))
    .replace(":connection_id", `${mailboxNameOf("ada").slice(0, 16)}.abc`);
const bodyFor = (method: string, path: string) => {
  if (method !== "POST" || !path.endsWith("/messages")) return {};
  const body = path === "/v1/messages" ? '{"messages":[{"to":"ada","type":"hello"}]}' : '{"type":"hello"}';
  return { body: new TextEncoder().encode(body) };
};

const keys = Object.fromEntries(SCOPES.map((scope) => [scope, `rk_only-${scope}`]));
const vars = {
  ...defaultVars,
  ...Object.fromEntries(
    SCOPES.map((scope) => [`API_KEY_${scope.toUpperCase()}`, apiKeySetting([scope], keys[scope] ?? "")]),
  ),
};

describe("[A1] the backend plane", () => {
  test("[A1] has exactly the routes of the contract", () => {
    const registered = ROUTES.filter((route) => route.plane === "backend").map((r) => `${r.method} ${r.path}`);
    expect(registered.toSorted()).toEqual(Object.keys(allowed).toSorted());
  });

  for (const [route, scopes] of Object.entries(allowed)) {
    const [method = "", pattern = ""] = route.split(" ");
    const path = pathOf(pattern);

    for (const scope of SCOPES) {
      test(`[A1, A4] ${route} ${scopes.includes(scope) ? "lets in" : "refuses"} a key with ${scope} alone`, async () => {
        const worker = workerUnderTest(vars);
        const upgrade = path.endsWith("/publish") ? { upgrade: "websocket" } : {};
        const headers = { authorization: `Bearer ${keys[scope]}`, ...upgrade };
        const reply = await worker.fetch(method, path, { headers, ...bodyFor(method, path) });
        if (scopes.includes(scope)) {
          const touched = new Set(worker.touches.map((touch) => touch.mailbox));
          expect([...touched].filter((name) => !isMeasuring(name))).toEqual(objectsOf(route));
          expect(reply.body.code).not.toBe("missing_scope");
        } else {
          expect(reply.status).toBe(403);
          expect(reply.body).toMatchObject({ code: "missing_scope", scopes });
          expect(reply.headers.get("www-authenticate")).toContain("insufficient_scope");
          expect(worker.touches).toEqual([]);
        }
      });
    }

    test(`[A1, A4] ${route} refuses who has no key, an unknown key or a user token, and touches no Mailbox`, async () => {
      const worker = workerUnderTest(vars);
      const cases: readonly (readonly [string | undefined, string])[] = [
        [undefined, "missing_key"],
        ["Basic YTpi", "missing_key"],
        ["Bearer", "missing_key"],
        ["Bearer rk_guess", "invalid_key"],
        [`Bearer ${await mintLocally("ada")}`, "invalid_key"],
        [`Bearer ${keys.send}, Bearer ${keys.manage}`, "conflicting_credentials"],
      ];
      for (const [authorization, code] of cases) {
        const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
        const reply = await worker.fetch(method, path, { headers, ...bodyFor(method, path) });
        expect([authorization, reply.body.code]).toEqual([authorization, code]);
        if (reply.status === 401) expect(reply.headers.get("www-authenticate")).toMatch(/^Bearer/);
        expect(reply.headers.get("access-control-allow-origin")).toBeNull();
      }
      expect(worker.touches).toEqual([]);
    });
  }
});

describe("[A1] the user plane", () => {
  test("[A1, A4] no API key opens a stream, prolongs one or acks on it", async () => {
    const worker = workerUnderTest(vars);
    for (const key of Object.values(keys)) {
      const headers = { authorization: `Bearer ${key}`, upgrade: "websocket" };
      for (const [method, path] of [
        ["GET", "/v1/socket"],
        ["GET", "/v1/events"],
        ["PUT", pathOf("/v1/connections/:connection_id/token")],
        ["POST", pathOf("/v1/connections/:connection_id/ack")],
        ["POST", pathOf("/v1/connections/:connection_id/reject")],
      ] as const) {
        const reply = await worker.fetch(method, path, { headers });
        expect(reply.status).toBe(401);
        expect(reply.body.code).toBe("invalid_token");
        expect(reply.body.detail).toContain("API keys do not open");
      }
    }
    expect(worker.touches).toEqual([]);
  });
});

describe("[E1] every path and method", () => {
  test("[E1] a method that a path does not have is 405, and Allow says which it has", async () => {
    const worker = workerUnderTest(vars);
    const paths = [...new Set(ROUTES.map((route) => route.path))];
    for (const path of paths) {
      const known = ROUTES.filter((route) => route.path === path).map((route) => route.method as string);
      const isUserPlane = ROUTES.some((route) => route.path === path && route.plane === "user");
      for (const method of METHODS.filter((method) => !known.includes(method))) {
        if (method === "OPTIONS" && isUserPlane) continue;
        // `requeue` is a literal beside a seq: DELETE reaches the route of one dead letter.
        if (path.endsWith("/dead-letters/requeue") && method === "DELETE") continue;
        const reply = await worker.fetch(method, pathOf(path));
        expect([method, path, reply.status, reply.body.code]).toEqual([method, path, 405, "method_not_allowed"]);
        for (const allowed of known) expect(reply.headers.get("allow")).toContain(allowed);
      }
    }
    expect(worker.touches).toEqual([]);
  });

  test("[E1] what is no route is 404, also with a slash at the end, and redirects nowhere", async () => {
    const worker = workerUnderTest(vars);
    for (const path of [
      "/",
      "/v1",
      "/v1/users",
      "/v1/users/",
      "/v1/users/ada/",
      "/v1/users/ada/messages/",
      "/v1/users//messages",
      "/v1/users/ada/messages/a/b",
      "//v1/users/ada",
      "/V1/users/ada",
      "/v1/%75sers/ada",
      "/v1/socket/",
      "/v1/events/",
      "/v1/messages/",
      "/health/",
      "/ready/",
      "/v2/users/ada",
    ]) {
      const reply = await worker.backend("GET", path);
      expect([path, reply.status, reply.body.code]).toEqual([path, 404, "not_found"]);
    }
    expect(worker.touches).toEqual([]);
  });

  test("[M4] /health answers without a credential, a secret or a Mailbox; HEAD answers without a body", async () => {
    const worker = workerUnderTest({ CF_VERSION_METADATA: undefined, VERSION: "v42" });
    const reply = await worker.fetch("GET", "/health");
    expect([reply.status, reply.body]).toEqual([200, { status: "ok", version: "v42" }]);
    const head = await worker.fetch("HEAD", "/health");
    expect([head.status, head.body]).toEqual([200, undefined]);
    expect((await worker.fetch("HEAD", "/v1/users/ada/tokens")).status).toBe(405);
    expect(worker.touches).toEqual([]);
  });
});

describe("[M4] /ready before a Monitor", () => {
  const outcome = { status: "ready", version: "v1", checked_at: "2026-11-23T18:40:00.000Z", duration_ms: 1, steps: [] };
  const monitorKey = { headers: { authorization: `Bearer ${keys.monitor}` } };

  test("[M4] strangers reach it once in 5 seconds, and learn at once what a key's check has found", async () => {
    vi.useFakeTimers();
    let found: unknown = outcome;
    const worker = workerUnderTest(vars, () => found);
    for (let n = 0; n < 100; n += 1) expect((await worker.fetch("GET", "/ready")).body).toEqual(outcome);
    expect(worker.touches.map(({ mailbox, method }) => [mailbox, method])).toEqual([["start-up", "lastStartUp"]]);
    vi.advanceTimersByTime(5_000);
    await worker.fetch("GET", "/ready");
    expect(worker.touches).toHaveLength(2);
    found = { ...outcome, status: "not_ready" };
    expect((await worker.fetch("GET", "/ready", monitorKey)).status).toBe(503);
    expect(worker.touches.at(-1)?.method).toBe("checkStartUp");
    expect((await worker.fetch("GET", "/ready")).body).toEqual(found);
    expect(worker.touches).toHaveLength(3);
    vi.useRealTimers();
  });

  test("[M4, E1] a Monitor that cannot be reached is 503 unavailable, and logged", async () => {
    const worker = workerUnderTest(vars);
    for (const init of [{}, monitorKey]) {
      const reply = await worker.fetch("GET", "/ready", init);
      expect([reply.status, reply.body.code, reply.headers.get("retry-after")]).toEqual([503, "unavailable", "5"]);
    }
    expect(lines.filter((line) => line.includes("monitor_call_failed"))).toHaveLength(2);
  });

  test("[M4, E2] it takes no parameters", async () => {
    const worker = workerUnderTest(vars);
    expect((await worker.fetch("GET", "/ready?fresh=1")).body.code).toBe("invalid_request");
    expect(worker.touches).toEqual([]);
  });
});

describe("[M2] what is logged", () => {
  test("[M2, A3, A6] no key, token, user, body or query is in any line", async () => {
    const worker = workerUnderTest(vars);
    const secret = await mintLocally("zoe-secret-user", { device: "phone" });
    await worker.backend("POST", "/v1/users/zoe-secret-user/messages", { type: "private-type", data: "private-data" });
    await worker.backend("GET", "/v1/users/zoe-secret-user?location=weur");
    await worker.fetch("PUT", `/v1/connections/${mailboxNameOf("zoe-secret-user").slice(0, 16)}.abc/token`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(worker.touches.length).toBeGreaterThanOrEqual(3);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line).not.toMatch(/zoe|private|rk_|eyJ|weur/);
      expect(() => JSON.parse(line)).not.toThrow();
    }
  });

  test("[E1, E2] a Mailbox that throws gives a problem without a stack, marked as an unknown outcome where it wrote", async () => {
    const worker = workerUnderTest(vars);
    const write = await worker.backend("POST", "/v1/users/ada/messages", { type: "a" });
    expect(write.body).toMatchObject({ status: 503, code: "outcome_unknown", retry: "same_id" });
    const read = await worker.backend("GET", "/v1/users/ada");
    expect(read.body).toMatchObject({ status: 500, code: "internal" });
    expect(JSON.stringify([write.body, read.body])).not.toMatch(/touched|\bat /);
    expect(write.headers.get("content-type")).toBe("application/problem+json");
    expect(write.headers.get("cache-control")).toBe("no-store");
  });
});
