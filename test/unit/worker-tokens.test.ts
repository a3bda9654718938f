import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  SignJWT,
} from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { defaultVars, mintLocally, TOKEN_SECRET } from "../support/credentials.ts";
import { mailboxNameOf, type Reply, type WorkerUnderTest, workerUnderTest } from "./worker-under-test.ts";

const DAY_S = 86_400;
const now = () => Date.now() / 1_000;

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Presents a token where one is verified, and nothing else happens before a Mailbox is touched. */
const present = (worker: WorkerUnderTest, token: string, user = "ada"): Promise<Reply> =>
  worker.fetch("PUT", `/v1/connections/${mailboxNameOf(user).slice(0, 16)}.abc/token`, {
    headers: { authorization: `Bearer ${token}` },
  });

/** What a Mailbox is told of an accepted token. */
const accepted = async (token: string, vars = defaultVars, user = "ada"): Promise<unknown> => {
  const worker = workerUnderTest(vars, (touch) => ({
    ok: true,
    expiresAt: (touch.args[1] as { expiresAt: number }).expiresAt,
  }));
  const reply = await present(worker, token, user);
  expect(reply.body).toHaveProperty("expires_at");
  return worker.touches[0]?.args[1];
};

const refused = async (token: string, vars = defaultVars): Promise<string> => {
  const worker = workerUnderTest(vars);
  const reply = await present(worker, token);
  expect(worker.touches).toEqual([]);
  if (token.length > 20) expect(JSON.stringify(reply.body)).not.toContain(token.slice(-20));
  if (reply.status === 401) expect(reply.headers.get("www-authenticate")).toContain('error="invalid_token"');
  return reply.body.code;
};

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
/** A JWT put together by hand, so that what no library would sign can be tried. */
const forged = (header: unknown, claims: unknown, secret: string | Buffer = TOKEN_SECRET): string => {
  const input = `${base64url(header)}.${base64url(claims)}`;
  const hash = (header as { readonly alg?: string }).alg === "HS512" ? "sha512" : "sha256";
  return `${input}.${createHmac(hash, secret).update(input).digest("base64url")}`;
};
const OWN = { alg: "HS256", typ: "restante-user+jwt" };
const claims = (more: object = {}) => ({ iss: "restante", sub: "ada", iat: now(), exp: now() + 60, ...more });

describe("[U2] minting", () => {
  test("[U2] says user, device and milliseconds in the documented claims, and verifies", async () => {
    const worker = workerUnderTest();
    const reply = await worker.backend("POST", "/v1/users/%C3%A9va/tokens", { device: "phone", ttl: 90.5 });
    expect(reply.status).toBe(200);
    expect(worker.touches).toEqual([]);
    const { token, expires_at } = reply.body;
    expect(decodeProtectedHeader(token)).toEqual(OWN);
    const payload = decodeJwt(token);
    expect(payload).toEqual({
      iss: "restante",
      sub: "éva",
      device: "phone",
      iat: expect.any(Number),
      exp: expect.any(Number),
    });
    const [issuedAt, expiresAt] = [payload.iat, payload.exp].map((seconds) => Math.round((seconds ?? 0) * 1_000));
    expect((expiresAt ?? 0) - (issuedAt ?? 0)).toBe(90_500);
    expect(Date.parse(expires_at)).toBe(expiresAt);
    expect(await accepted(token, defaultVars, "éva")).toEqual({ issuedAt, expiresAt, device: "phone" });
  });

  test.each([
    [undefined, 3_600],
    ["{}", 3_600],
    ['{"ttl":86400}', DAY_S],
    ['{"ttl":86401}', DAY_S],
    ['{"ttl":1e300}', DAY_S],
    ['{"ttl":0.001}', 0.001],
  ])("[U2] the body %s is granted %s seconds", async (body, seconds) => {
    const reply = await workerUnderTest().backend("POST", "/v1/users/ada/tokens", body);
    const { iat = 0, exp = 0 } = decodeJwt(reply.body.token);
    expect(exp - iat).toBeCloseTo(seconds, 3);
  });

  test.each([
    '{"ttl":0}',
    '{"ttl":-1}',
    '{"ttl":"60"}',
    '{"device":"a b"}',
    '{"device":""}',
    '{"user":"x"}',
    "[]",
    "null",
    "7",
  ])("[U2, E2] the body %s is 400", async (body) => {
    const reply = await workerUnderTest().backend("POST", "/v1/users/ada/tokens", body);
    expect([reply.status, reply.body.code]).toEqual([400, "invalid_request"]);
  });

  test("[S12] with a location the Mailbox is born there, and without one none is touched", async () => {
    const worker = workerUnderTest();
    for (const [query, body, status] of [
      ["", { location: "weur" }, 200],
      ["?location=apac", {}, 200],
      ["?location=me", { location: "me" }, 200],
      ["?location=me", { location: "oc" }, 400],
      ["?location=mars", {}, 400],
      ["", {}, 200],
    ] as const) {
      const reply = await worker.backend("POST", `/v1/users/ada/tokens${query}`, body);
      expect([query, reply.status]).toEqual([query, status]);
    }
    expect(new Set(worker.touches.map((touch) => touch.options.locationHint))).toEqual(new Set(["weur", "apac", "me"]));
    expect(new Set(worker.touches.map((touch) => touch.mailbox))).toEqual(new Set([mailboxNameOf("ada")]));
  });
});

describe("[A2] own tokens", () => {
  test("[A2] TOKEN_SECRET_OLD still verifies, and another secret does not", async () => {
    const old = "an-old-secret-of-more-than-32-bytes-in-length";
    const token = await mintLocally("ada", { secret: old });
    expect(await refused(token)).toBe("invalid_token");
    expect(await accepted(token, { ...defaultVars, TOKEN_SECRET_OLD: old })).toMatchObject({
      issuedAt: expect.any(Number),
    });
    const minted = await workerUnderTest({ ...defaultVars, TOKEN_SECRET_OLD: old }).backend(
      "POST",
      "/v1/users/ada/tokens",
    );
    expect(await accepted(minted.body.token)).toBeDefined();
  });

  test("[A2] a token ends at its exp, or 24 hours after its iat, to the millisecond", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_500 });
    const iat = 1_800_000_000.25;
    const at = (more: object) => forged(OWN, { iss: "restante", sub: "ada", iat, ...more });
    expect(await accepted(at({ exp: 1_800_000_000.501 }))).toEqual({
      issuedAt: 1_800_000_000_250,
      expiresAt: 1_800_000_000_501,
    });
    expect(await refused(at({ exp: 1_800_000_000.5 }))).toBe("token_expired");
    expect(await accepted(at({ exp: iat + 365 * DAY_S }))).toEqual({
      issuedAt: 1_800_000_000_250,
      expiresAt: 1_800_000_000_250 + DAY_S * 1_000,
    });
    const old = (ms: number) =>
      forged(OWN, { iss: "restante", sub: "ada", iat: (1_800_000_000_500 - ms) / 1_000, exp: 9e9 });
    expect(await refused(old(DAY_S * 1_000))).toBe("token_expired");
    expect(await accepted(old(DAY_S * 1_000 - 1))).toBeDefined();
    const ahead = (ms: number) =>
      forged(OWN, { iss: "restante", sub: "ada", iat: (1_800_000_000_500 + ms) / 1_000, exp: 9e9 });
    expect(await accepted(ahead(60_000))).toBeDefined();
    expect(await refused(ahead(60_001))).toBe("invalid_token");
  });

  test.each<readonly [string, unknown, unknown]>([
    ["alg none", { ...OWN, alg: "none" }, claims()],
    ["alg in other letters", { ...OWN, alg: "hs256" }, claims()],
    ["alg HS512", { ...OWN, alg: "HS512" }, claims()],
    ["no alg", { typ: OWN.typ }, claims()],
    ["typ JWT", { ...OWN, typ: "JWT" }, claims()],
    ["no typ", { alg: "HS256" }, claims()],
    ["crit that nobody knows", { ...OWN, crit: ["x"], x: 1 }, claims()],
    ["no exp", OWN, claims({ exp: undefined })],
    ["no iat", OWN, claims({ iat: undefined })],
    ["no sub", OWN, claims({ sub: undefined })],
    ["exp as text", OWN, claims({ exp: "9999999999" })],
    ["iat as text", OWN, claims({ iat: "1" })],
    ["iat null", OWN, claims({ iat: null })],
    ["another issuer", OWN, claims({ iss: "other" })],
    ["no issuer", OWN, claims({ iss: undefined })],
    ["issuers in a list", OWN, claims({ iss: ["restante"] })],
    ["nbf far off", OWN, claims({ nbf: now() + 3_600 })],
    ["an empty sub", OWN, claims({ sub: "" })],
    ["a sub with a control character", OWN, claims({ sub: "a\u0000" })],
    ["a sub that is a dot", OWN, claims({ sub: ".." })],
    ["a sub that is a list", OWN, claims({ sub: ["ada"] })],
    ["a sub over 256 bytes", OWN, claims({ sub: "é".repeat(129) })],
    ["a device that is none", OWN, claims({ device: "a b" })],
    ["a device that is a number", OWN, claims({ device: 7 })],
    ["claims that are a list", OWN, [1]],
    ["claims that are text", OWN, "not json"],
    ["a header that is text", "not json", claims()],
  ])("[A2] a token with %s is invalid, though rightly signed", async (_, header, payload) => {
    expect(await refused(forged(header, payload))).toBe("invalid_token");
  });

  test("[A2] a signature that is cut, empty or of other content is invalid", async () => {
    const [header, payload, signature = ""] = forged(OWN, claims()).split(".");
    const other = base64url(claims({ sub: "eve" }));
    for (const token of [
      `${header}.${payload}.`,
      `${header}.${payload}.${signature.slice(0, -4)}`,
      `${header}.${other}.${signature}`,
      `${base64url({ alg: "none" })}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.${signature}`,
      "rk_an-api-key",
    ]) {
      expect(await refused(token)).toBe("invalid_token");
    }
  });
});

describe("[A2] an identity provider's tokens", () => {
  const issuer = "https://id.example.com/";
  const audience = "restante-app";
  let server: Server;
  let vars: Record<string, string>;
  let served: readonly JWK[] = [];
  let answer: "keys" | "down" | "html" = "keys";
  let fetches = 0;

  beforeAll(async () => {
    server = createServer((_, response) => {
      fetches += 1;
      response.statusCode = answer === "down" ? 502 : 200;
      response.end(answer === "html" ? "<html>" : JSON.stringify({ keys: served }));
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  });
  afterAll(() => void server.close());
  // A URL of its own for each test: the keys of a URL are kept.
  beforeEach((context) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${context.task.id}`;
    vars = { ...defaultVars, JWKS_URL: url, JWT_ISSUER: issuer, JWT_AUDIENCE: audience };
    answer = "keys";
    fetches = 0;
  });

  const pair = async (alg: string, kid: string) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
  };
  const sign = (key: CryptoKey, alg: string, kid: string | undefined, more: object = {}, header: object = {}) =>
    new SignJWT({
      iss: issuer,
      aud: audience,
      sub: "ada",
      iat: Math.floor(now()),
      exp: Math.floor(now()) + 60,
      ...more,
    })
      .setProtectedHeader({ alg, typ: "JWT", ...(kid === undefined ? {} : { kid }), ...header })
      .sign(key);

  test.each(["RS256", "PS256", "ES256", "EdDSA"])("[A2] %s is taken, and its keys are fetched once", async (alg) => {
    const { privateKey, jwk } = await pair(alg, "one");
    served = [jwk];
    const token = await sign(privateKey, alg, "one", { device: "tablet" }, { typ: "at+jwt" });
    expect(await accepted(token, vars)).toMatchObject({ device: "tablet" });
    expect(await accepted(await sign(privateKey, alg, undefined), vars)).toBeDefined();
    expect(fetches).toBe(1);
    expect(await accepted(await mintLocally("ada"), vars)).toBeDefined();
  });

  test.each(["RS384", "ES384", "RS512"])("[A2] %s is not taken, though its key is served", async (alg) => {
    const { privateKey, jwk } = await pair(alg, "one");
    served = [jwk];
    expect(await refused(await sign(privateKey, alg, "one"), vars)).toBe("invalid_token");
  });

  test("[A2] a new key works soon after it is served, and one taken away ends with the next fetch", async () => {
    const [first, second] = [await pair("ES256", "first"), await pair("ES256", "second")];
    served = [first.jwk];
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const token = (which: typeof first, kid: string) => sign(which.privateKey, "ES256", kid);
    expect(await accepted(await token(first, "first"), vars)).toBeDefined();
    served = [first.jwk, second.jwk];
    // Strangers with made-up kids do not make us fetch all the time.
    for (let attempt = 0; attempt < 5; attempt += 1) {
      expect(await refused(await token(second, `made-up-${attempt}`), vars)).toBe("invalid_token");
    }
    expect(fetches).toBe(1);
    vi.setSystemTime(Date.now() + 11_000);
    expect(await accepted(await token(second, "second"), vars)).toBeDefined();
    expect(fetches).toBe(2);
    served = [second.jwk];
    vi.setSystemTime(Date.now() + 11 * 60_000);
    expect(await refused(await token(first, "first"), vars)).toBe("invalid_token");
    expect(fetches).toBe(3);
  });

  test("[A2] keys that cannot be fetched are 503 and to be tried again, never 401", async () => {
    const { privateKey, jwk } = await pair("ES256", "one");
    served = [jwk];
    const token = await sign(privateKey, "ES256", "one");
    for (const how of ["down", "html"] as const) {
      answer = how;
      const worker = workerUnderTest(vars);
      const reply = await present(worker, token);
      expect(reply.body).toMatchObject({ status: 503, code: "unavailable", retry: "later" });
      expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(worker.touches).toEqual([]);
    }
    answer = "keys";
    expect(await accepted(token, vars)).toBeDefined();
    const nowhere = { ...vars, JWKS_URL: "http://127.0.0.1:9/keys" };
    expect((await present(workerUnderTest(nowhere), token)).body.code).toBe("unavailable");
  });

  test("[A2] a public key is no secret: HS256 with it, or with a served oct key, is invalid", async () => {
    const { publicKey, jwk } = await pair("RS256", "one");
    const oct: JWK = { kty: "oct", kid: "two", k: Buffer.from(TOKEN_SECRET).toString("base64url"), alg: "HS256" };
    served = [jwk, oct];
    const payload = { iss: issuer, aud: audience, sub: "ada", iat: now(), exp: now() + 60 };
    const pem = await exportSPKI(publicKey);
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk), Buffer.from(jwk.n ?? "", "base64url")]) {
      expect(await refused(forged({ alg: "HS256", typ: "JWT", kid: "one" }, payload, secret), vars)).toBe(
        "invalid_token",
      );
    }
    expect(await refused(forged({ alg: "HS256", typ: "JWT", kid: "two" }, payload), vars)).toBe("invalid_token");
    // And the other way about: a provider's token does not pass for one of this service's own.
    expect(await refused(forged({ ...OWN, kid: "one" }, { ...payload, iss: "restante" }, pem), vars)).toBe(
      "invalid_token",
    );
  });

  test("[A2] keys and places of keys in the header are not looked at", async () => {
    const [good, evil] = [await pair("ES256", "good"), await pair("ES256", "evil")];
    served = [good.jwk];
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/evil`;
    for (const header of [{ jwk: evil.jwk }, { jku: url }, { x5u: url }, { x5c: ["MIIB"] }]) {
      const token = await sign(evil.privateKey, "ES256", "good", {}, header as object);
      expect(await refused(token, vars)).toBe("invalid_token");
    }
    for (const kid of ["../../dev/null", "good' OR '1'='1", "", "http://127.0.0.1/", "__proto__", "a".repeat(5_000)]) {
      expect(await refused(await sign(evil.privateKey, "ES256", kid), vars)).toBe("invalid_token");
    }
    expect(fetches).toBe(1);
  });

  test.each<readonly [string, object, object]>([
    ["another audience", { aud: "other" }, {}],
    ["no audience", { aud: undefined }, {}],
    ["another issuer", { iss: "https://evil.example/" }, {}],
    ["the issuer without its slash", { iss: "https://id.example.com" }, {}],
    ["own issuer", { iss: "restante" }, {}],
    ["no exp", { exp: undefined }, {}],
    ["no iat", { iat: undefined }, {}],
    ["no sub", { sub: undefined }, {}],
    ["a sub that is no user", { sub: "a\nb" }, {}],
    ["iat in an hour", { iat: now() + 3_600, exp: now() + 7_200 }, {}],
    ["nbf in an hour", { nbf: now() + 3_600 }, {}],
    ["no typ", {}, { typ: undefined }],
    ["typ of an id token of our own", {}, { typ: "restante-user+jwt" }],
    ["typ of a logout token", {}, { typ: "logout+jwt" }],
  ])("[A2] one with %s is invalid", async (_, more, header) => {
    const { privateKey, jwk } = await pair("EdDSA", "one");
    served = [jwk];
    expect(await refused(await sign(privateKey, "EdDSA", "one", more, header), vars)).toBe("invalid_token");
  });

  test("[A2] an audience among several, a typ in other letters and one set by JWT_TYPES are taken", async () => {
    const { privateKey, jwk } = await pair("ES256", "one");
    served = [jwk];
    const several = await sign(privateKey, "ES256", "one", { aud: ["x", audience] }, { typ: "application/AT+JWT" });
    expect(await accepted(several, vars)).toBeDefined();
    const own = await sign(privateKey, "ES256", "one", {}, { typ: "acme+jwt" });
    expect(await refused(own, vars)).toBe("invalid_token");
    expect(await accepted(own, { ...vars, JWT_TYPES: "JWT, acme+jwt" })).toBeDefined();
    const expired = await sign(privateKey, "ES256", "one", { iat: now() - 120, exp: now() - 1 });
    expect(await refused(expired, vars)).toBe("token_expired");
  });
});

describe("[C9] the token of an open connection", () => {
  test("[C9, A4] one of another user is 403 and touches no Mailbox; an id that is none is 400", async () => {
    const worker = workerUnderTest();
    const mismatch = await present(worker, await mintLocally("eve"), "ada");
    expect(mismatch.body).toMatchObject({ status: 403, code: "token_mismatch" });
    for (const id of [
      "abc",
      "%2e%2e",
      "0123456789abcdef",
      "0123456789abcdef.",
      "0123456789ABCDEF.x",
      "0123456789abcdef.%ff",
    ]) {
      const headers = { authorization: `Bearer ${await mintLocally("ada")}` };
      const reply = await worker.fetch("PUT", `/v1/connections/${id}/token`, { headers });
      expect([id, reply.status]).toEqual([id, 400]);
    }
    expect(worker.touches).toEqual([]);
  });

  test("[C9] a good one reaches the Mailbox, and the reply says until when", async () => {
    const worker = workerUnderTest(defaultVars, () => ({ ok: true, expiresAt: 1_800_000_000_123 }));
    const reply = await present(worker, await mintLocally("ada", { device: "phone" }));
    expect([reply.status, reply.body]).toEqual([200, { expires_at: "2027-01-15T08:00:00.123Z" }]);
    expect(worker.touches).toMatchObject([
      {
        mailbox: mailboxNameOf("ada"),
        method: "prolong",
        args: [`${mailboxNameOf("ada").slice(0, 16)}.abc`, { device: "phone" }],
      },
    ]);
  });
});
