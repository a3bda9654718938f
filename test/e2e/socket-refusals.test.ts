/** Who is not let in to `GET /v1/socket`, and how each learns why (A3, A4, A5, C11). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { type Attempt, Connection, type ConnectionOptions } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { raw, requestBytes } from "../support/fuzz-http.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const PAGE = "https://app.example.com";
const ALLOWED = `${PAGE}, https://*.example.org, capacitor://localhost, null`;

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime({ vars: { ALLOWED_ORIGINS: ALLOWED } });
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const codeIn = (attempt: Attempt): readonly unknown[] => {
  switch (attempt.outcome) {
    case "established":
      attempt.connection.socket.terminate();
      return ["established"];
    case "closed":
      // Nothing comes before the close: no confirmation, and no error frame that a page would take for one.
      return [attempt.code, attempt.reason, attempt.frames.length];
    case "refused":
      return [attempt.status, (attempt.body as { readonly code?: string }).code];
  }
};

interface Case {
  readonly what: string;
  /** What is sent in the name of a user whom no Mailbox has ever heard of. */
  readonly options: (user: string) => Promise<ConnectionOptions>;
  readonly page: readonly [code: number, reason: string];
  readonly http: readonly [status: number, code: string];
}
const token = (what: string, of: (user: string) => Promise<string>, code = "invalid_token"): Case => ({
  what,
  options: async (user) => ({ token: await of(user) }),
  page: [4401, code],
  http: [401, code],
});
const query = (what: string, extra: Readonly<Record<string, string>>): Case => ({
  what,
  options: async (user) => ({ token: await mintLocally(user), query: extra }),
  page: [4400, "invalid_request"],
  http: [400, "invalid_request"],
});
const differing = (what: string, options: (one: string, other: string) => ConnectionOptions): Case => ({
  what,
  options: async (user) => options(await mintLocally(user), await mintLocally(user, { ttlSeconds: 60 })),
  page: [4400, "conflicting_credentials"],
  http: [400, "conflicting_credentials"],
});

const CASES: readonly Case[] = [
  { what: "no token", options: async () => ({}), page: [4401, "missing_token"], http: [401, "missing_token"] },
  {
    what: "an empty token",
    options: async () => ({ query: { access_token: "" } }),
    page: [4401, "missing_token"],
    http: [401, "missing_token"],
  },
  token("an API key", async () => API_KEY),
  token("nonsense", async () => "a.b.c"),
  token("a token of another secret", (user) => mintLocally(user, { secret: "another-secret-of-at-least-32-bytes!" })),
  token("a token of another type", (user) => mintLocally(user, { typ: "JWT" })),
  token("a token whose exp is a word", (user) => mintLocally(user, { claims: { exp: "soon" as unknown as number } })),
  token("a token whose user is two dots", () => mintLocally("..")),
  token("a token that is cut", async (user) => (await mintLocally(user)).slice(0, -5)),
  token("a token from the future", (user) => mintLocally(user, { issuedAtMs: Date.now() + 120_000 })),
  token("a token that is over", (user) => mintLocally(user, { ttlSeconds: -1 }), "token_expired"),
  token(
    "a token of two days ago",
    (user) => mintLocally(user, { issuedAtMs: Date.now() - 172_800_000, ttlSeconds: 9e6 }),
    "token_expired",
  ),
  query("an unknown parameter", { user: "eve" }),
  query("a device that is none", { device: "a b" }),
  query("an empty device", { device: "" }),
  query("a window of 0", { window: "0" }),
  query("a window of words", { window: "many" }),
  query("after -1", { after: "-1" }),
  query("after 1.5", { after: "1.5" }),
  query("after beyond what is safe", { after: "9007199254740992" }),
  query("an attempt that is no number", { attempt: "x" }),
  query("connect_ms that is no number", { connect_ms: "NaN" }),
  {
    what: "the device of another token",
    options: async (user) => ({ token: await mintLocally(user, { device: "phone" }), device: "tablet" }),
    page: [4403, "token_mismatch"],
    http: [403, "token_mismatch"],
  },
  differing("header and query that differ", (one, other) => ({ token: one, query: { access_token: other } })),
  differing("header and subprotocol that differ", (one, other) => ({
    token: one,
    protocols: ["restante.v1", `bearer.${other}`],
  })),
  differing("two subprotocols that differ", (one, other) => ({
    protocols: ["restante.v1", `bearer.${one}`, `bearer.${other}`],
  })),
  differing("subprotocol and query that differ", (one, other) => ({
    token: one,
    tokenBy: "protocol",
    query: { access_token: other },
  })),
];

describe("[C11, A4] a refusal", () => {
  test.each(CASES)(
    "[C11, A4] of $what is a close code for a page, a problem for others, and touches no Mailbox",
    async (c) => {
      const user = `refused ${c.what}`;
      expect(codeIn(await Connection.attempt(runtime.url, { ...(await c.options(user)), origin: PAGE }))).toEqual([
        ...c.page,
        0,
      ]);
      const attempt = await Connection.attempt(runtime.url, await c.options(user));
      expect(codeIn(attempt)).toEqual(c.http);
      if (attempt.outcome === "refused") {
        expect(attempt.headers["content-type"]).toBe("application/problem+json");
        expect(attempt.headers["access-control-allow-origin"]).toBeUndefined();
      }
      const { body } = await backend.user(user);
      expect(body).toMatchObject({ connected: false, devices: [], connections: [], held: { count: 0 } });
    },
  );

  test("[C11, U3] of a revoked token comes from the Mailbox, in the same words", async () => {
    const user = "revoked";
    const revoked = await mintLocally(user);
    await backend.revoke(user);
    expect(codeIn(await Connection.attempt(runtime.url, { token: revoked, origin: PAGE }))).toEqual([
      4403,
      "token_revoked",
      0,
    ]);
    expect(codeIn(await Connection.attempt(runtime.url, { token: revoked }))).toEqual([403, "token_revoked"]);
    expect((await backend.user(user)).body.devices).toEqual([]);
  });

  test("[A5, C11] of a deployment without its secret is 1013, or 503 that says how to set it", async () => {
    const bare = await startRuntime({ vars: { TOKEN_SECRET: undefined, ALLOWED_ORIGINS: ALLOWED } });
    try {
      const options = { token: await mintLocally("anybody") };
      expect(codeIn(await Connection.attempt(bare.url, { ...options, origin: PAGE }))).toEqual([
        1013,
        "not_configured",
        0,
      ]);
      const attempt = await Connection.attempt(bare.url, options);
      expect(attempt).toMatchObject({ outcome: "refused", status: 503, body: { code: "not_configured" } });
      expect(JSON.stringify(attempt)).toContain("wrangler secret put TOKEN_SECRET");
    } finally {
      await bare.stop();
    }
  });

  test("[C] without an upgrade it is 426, where nothing else is wrong: who asks why its handshake failed hears the reason", async () => {
    const user = "no-upgrade";
    const good = await mintLocally(user, { device: "phone" });
    const asks: readonly (readonly [string, readonly string[], number, string])[] = [
      ["", [], 401, "missing_token"],
      ["?access_token=x", [], 401, "invalid_token"],
      [`?access_token=${await mintLocally(user, { ttlSeconds: -1 })}`, [], 401, "token_expired"],
      [`?access_token=${good}&device=tablet`, [], 403, "token_mismatch"],
      [`?access_token=${good}&after=x`, [], 400, "invalid_request"],
      [`?access_token=${good}`, [`Authorization: Bearer ${await mintLocally(user)}`], 400, "conflicting_credentials"],
      [`?access_token=${good}`, ["Sec-WebSocket-Protocol: graphql-ws"], 400, "invalid_request"],
      [`?access_token=${good}`, [], 426, "upgrade_required"],
    ];
    for (const [query, headers, status, code] of asks) {
      // A page reads it, too: it is no handshake.
      for (const origin of [[], [`Origin: ${PAGE}`]]) {
        const bytes = requestBytes("GET", `/v1/socket${query}`, { headers: [...headers, ...origin] });
        const reply = await raw(runtime.port, bytes);
        expect([query.slice(0, 30), reply.status, reply.code]).toEqual([query.slice(0, 30), status, code]);
        expect(reply.headers["access-control-allow-origin"]).toBe(origin.length === 0 ? undefined : PAGE);
      }
    }
    expect((await backend.user(user)).body.devices).toEqual([]);
  });
});

describe("subprotocols", () => {
  const UPGRADE = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  test.each([
    ["nothing", "", undefined],
    ["the protocol", "restante.v1", "restante.v1"],
    ["the protocol and a token", "restante.v1, bearer.TOKEN", "restante.v1"],
    ["a token and the protocol", "bearer.TOKEN,restante.v1", "restante.v1"],
    ["a token alone", "bearer.TOKEN", undefined],
    ["others beside it", "chat, restante.v1, superchat", "restante.v1"],
  ])("[A3] of an offer of %s only restante.v1 is echoed", async (what, offered, echoed) => {
    for (const origin of [[], [`Origin: ${PAGE}`]]) {
      const user = `offer ${what}`;
      const bearer = await mintLocally(user);
      const headers = [
        ...UPGRADE,
        ...origin,
        ...(offered === "" ? [] : [`Sec-WebSocket-Protocol: ${offered.replace("TOKEN", bearer)}`]),
        ...(offered.includes("TOKEN") ? [] : [`Authorization: Bearer ${bearer}`]),
      ];
      const reply = await raw(runtime.port, requestBytes("GET", "/v1/socket", { headers }));
      expect([reply.status, reply.headers["sec-websocket-protocol"]]).toEqual([101, echoed]);
      expect(JSON.stringify(reply)).not.toContain(bearer);
      // A refusal by close code is a handshake, too, which a browser takes only with what it has offered.
      const refused = await raw(runtime.port, requestBytes("GET", "/v1/socket?x=1", { headers }));
      if (origin.length > 0) expect([refused.status, refused.headers["sec-websocket-protocol"]]).toEqual([101, echoed]);
      else expect([refused.status, refused.code]).toEqual([400, "invalid_request"]);
    }
  });

  test("[A3] an offer of other protocols only is refused", async () => {
    const headers = [
      ...UPGRADE,
      "Sec-WebSocket-Protocol: graphql-ws",
      `Authorization: Bearer ${await mintLocally("other")}`,
    ];
    const reply = await raw(runtime.port, requestBytes("GET", "/v1/socket", { headers }));
    expect([reply.status, reply.code]).toEqual([400, "invalid_request"]);
  });

  test("[A3] a token said several times the same is one", async () => {
    const same = await mintLocally("same");
    const options = { token: same, protocols: ["restante.v1", `bearer.${same}`], query: { access_token: same } };
    expect(codeIn(await Connection.attempt(runtime.url, options))).toEqual(["established"]);
  });
});

test("[A4] a client's own internal headers have no effect", async () => {
  const [me, victim] = ["forger", "forged"];
  await backend.send(victim, { type: "secret" });
  const call = { user: victim, device: "default", window: 256, token: { issuedAt: 9e12, expiresAt: 9e12 }, tag: "x" };
  const forged = encodeURIComponent(JSON.stringify(call));
  const headers = {
    "restante-attach": forged,
    "restante-refusal": encodeURIComponent('{"ok":false,"code":"internal"}'),
  };
  const connection = await Connection.open(runtime.url, { token: await mintLocally(me), headers });
  expect(connection.established.user).toBe(me);
  await connection.settle();
  expect(connection.messages).toEqual([]);
  await connection.close();
  expect(codeIn(await Connection.attempt(runtime.url, { headers }))).toEqual([401, "missing_token"]);
  expect((await backend.user(victim)).body.devices).toEqual([]);
});

test("[A3, A6, M2] after all of this no token, key, user or query is in the logs", async () => {
  const user = "zoe-in-no-log";
  const secret = await mintLocally(user, { device: "zoes-phone" });
  await backend.send(user, { type: "private-type", data: "private-data", id: "private-id" });
  const connection = await Connection.open(runtime.url, { token: secret, tokenBy: "query" });
  await connection.receive(1);
  connection.sendText('{"type":"reject","seq":9007199254740991,"reason":"private-reason"}');
  await connection.ended();
  for (const origin of [PAGE, "https://private-origin.example", undefined]) {
    await Connection.attempt(runtime.url, {
      token: `${secret}x`,
      tokenBy: "query",
      ...(origin === undefined ? {} : { origin }),
    });
    await Connection.attempt(runtime.url, {
      token: secret,
      query: { private_parameter: "1" },
      ...(origin === undefined ? {} : { origin }),
    });
  }
  await backend.call("POST", `/v1/users/${user}/messages?private_parameter=1`, "{private-body");
  expect(runtime.logs).toContain('"event":"queued"');
  expect(runtime.logs).not.toContain(API_KEY);
  expect(runtime.logs).not.toMatch(/zoe|private|refused |eyJ|rk_|access_token|bearer/i);
  for (const line of runtime.logs.split("\n").filter((text) => text.startsWith("{"))) {
    expect(() => JSON.parse(line)).not.toThrow();
  }
  expect(runtime.logs).not.toContain('"level":"error"');
});
