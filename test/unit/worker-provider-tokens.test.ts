/** User tokens of a customer's identity provider, whose keys are fetched. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { defaultVars, mintLocally, TOKEN_SECRET } from "../support/credentials.ts";
import { accepted, forged, now, OWN, present, refused } from "./presented-token.ts";
import { workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
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
