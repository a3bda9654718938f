/** Tokens of a customer's identity provider (A2), verified by the real runtime against a real JWKS endpoint. */
import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally, TOKEN_SECRET } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const ISSUER = "https://id.example.com/";
const AUDIENCE = "restante-app";
const ALGORITHMS = ["RS256", "ES256", "EdDSA"] as const;
type Algorithm = (typeof ALGORITHMS)[number];

interface Signer {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}
const signer = async (alg: string, kid: string): Promise<Signer> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
};

/** What the endpoint answers, and how often it was asked. */
interface Endpoint {
  readonly url: string;
  readonly server: Server;
  served: readonly JWK[];
  isDown: boolean;
  fetches: number;
}
const endpoint = async (): Promise<Endpoint> => {
  const server = createServer((_, response) => {
    at.fetches += 1;
    response.statusCode = at.isDown ? 502 : 200;
    response.setHeader("content-type", "application/json");
    response.end(at.isDown ? "<html>" : JSON.stringify({ keys: at.served }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/.well-known/jwks.json`;
  const at: Endpoint = { url, server, served: [], isDown: false, fetches: 0 };
  return at;
};

const vars = (url: string) => ({ JWKS_URL: url, JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE });
const seconds = () => Math.floor(Date.now() / 1_000);
const sign = (by: Signer, user: string, claims: object = {}, header: object = {}): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: user, iat: seconds(), exp: seconds() + 300, ...claims })
    .setProtectedHeader({ alg: by.alg, typ: "JWT", kid: by.kid, ...header })
    .sign(by.privateKey);

let keys: Endpoint;
let runtime: Runtime;
let backend: Backend;
let signers: Record<Algorithm, Signer>;
beforeAll(async () => {
  keys = await endpoint();
  const [rs, es, ed] = await Promise.all(ALGORITHMS.map((alg) => signer(alg, `key-${alg}`)));
  signers = { RS256: rs as Signer, ES256: es as Signer, EdDSA: ed as Signer };
  keys.served = Object.values(signers).map(({ jwk }) => jwk);
  runtime = await startRuntime({ vars: vars(keys.url) });
  backend = new Backend(runtime.url);
});
afterAll(async () => {
  await runtime?.stop();
  keys?.server.close();
});

/** The status and code of a refused attach; `[101]` where it was let in. */
const outcome = async (url: string, token: string): Promise<readonly unknown[]> => {
  const attempt = await Connection.attempt(url, { token });
  if (attempt.outcome === "established") {
    await attempt.connection.close();
    return [101];
  }
  if (attempt.outcome === "closed") return ["closed", attempt.code];
  expect(JSON.stringify(attempt.body)).not.toContain(token.slice(-20));
  return [attempt.status, (attempt.body as { readonly code: string }).code];
};
const INVALID = [401, "invalid_token"];

for (const alg of ALGORITHMS) {
  test(`[A2] ${alg}: a token of the provider opens its user's stream, and brings what waits`, async () => {
    const user = `idp|${alg}`;
    const sent = (await backend.send(user, { type: "waiting" })).body;
    const token = await sign(signers[alg], user, { device: "laptop" });
    const connection = await Connection.open(runtime.url, { token, ack: "each" });
    expect(connection.established).toMatchObject({ user, device: "laptop" });
    expect((await connection.receive(1))[0]?.seq).toBe(sent.seq);
    const longer = await sign(signers[alg], user, { exp: seconds() + 600 });
    const path = `/v1/connections/${connection.established.connection_id}/token`;
    expect((await new Backend(runtime.url, longer).call("PUT", path)).status).toBe(200);
    await connection.close();
    expect(await outcome(runtime.url, await sign(signers[alg], user, { exp: seconds() - 1 }))).toEqual([
      401,
      "token_expired",
    ]);
    // Under another's key, or with another algorithm than the key has.
    const other = ALGORITHMS.find((a) => a !== alg) as Algorithm;
    expect(await outcome(runtime.url, await sign({ ...signers[alg], kid: `key-${other}` }, user))).toEqual(INVALID);
    const stranger = await signer(alg, `key-${alg}`);
    expect(await outcome(runtime.url, await sign(stranger, user))).toEqual(INVALID);
  });
}

test("[A2] the endpoint was asked once for all of them, and own tokens still open streams", async () => {
  expect(keys.fetches).toBe(1);
  expect(await outcome(runtime.url, await mintLocally("own"))).toEqual([101]);
  expect(await outcome(runtime.url, await backend.token("own"))).toEqual([101]);
  expect(keys.fetches).toBe(1);
});

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const hmac = (header: object, claims: object, secret: string | Buffer): string => {
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
};

test("[A2] RFC 8725's attacks: none, a public key as secret, keys in the header, other classes of tokens, changed claims", async () => {
  const { RS256: rs, ES256: es } = signers;
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: "victim", iat: seconds(), exp: seconds() + 300 };
  const evil = await signer("ES256", "key-ES256");
  const good = await sign(es, "somebody");
  const [header = "", , signature = ""] = good.split(".");
  const pem = await exportSPKI(rs.publicKey);
  const attacks: Readonly<Record<string, string>> = {
    "2.1 alg none": `${base64url({ alg: "none", typ: "JWT" })}.${base64url(claims)}.`,
    "2.1 alg nOnE": `${base64url({ alg: "nOnE", typ: "JWT", kid: es.kid })}.${base64url(claims)}.${signature}`,
    "2.1 no alg": `${base64url({ typ: "JWT" })}.${base64url(claims)}.${signature}`,
    "2.1 RS to HS by PEM": hmac({ alg: "HS256", typ: "JWT", kid: rs.kid }, claims, pem),
    "2.1 RS to HS by JWK": hmac({ alg: "HS256", typ: "JWT", kid: rs.kid }, claims, JSON.stringify(rs.jwk)),
    "2.1 RS to HS by modulus": hmac(
      { alg: "HS256", typ: "JWT", kid: rs.kid },
      claims,
      Buffer.from(rs.jwk.n ?? "", "base64url"),
    ),
    "2.1 own issuer, public key": hmac({ alg: "HS256", typ: "restante-user+jwt" }, { ...claims, iss: "restante" }, pem),
    "2.1 own secret, provider's issuer": hmac({ alg: "HS256", typ: "JWT" }, claims, TOKEN_SECRET),
    "2.2 a weak secret": hmac({ alg: "HS256", typ: "restante-user+jwt" }, { ...claims, iss: "restante" }, "secret"),
    "2.2 an empty secret": hmac({ alg: "HS256", typ: "restante-user+jwt" }, { ...claims, iss: "restante" }, ""),
    "2.7 another audience": await sign(es, "victim", { aud: "other" }),
    "2.7 no audience": await sign(es, "victim", { aud: undefined }),
    "2.8 another issuer": await sign(es, "victim", { iss: "https://evil.example/" }),
    "2.8 no issuer": await sign(es, "victim", { iss: undefined }),
    "2.8 a typ of another kind": await sign(es, "victim", {}, { typ: "logout+jwt" }),
    "2.8 no typ": await sign(es, "victim", {}, { typ: undefined }),
    "2.9 a jwk of one's own": await sign(evil, "victim", {}, { jwk: evil.jwk }),
    "2.9 a jku of one's own": await sign(evil, "victim", {}, { jku: `${keys.url}?evil` }),
    "2.9 an x5u of one's own": await sign(evil, "victim", {}, { x5u: `${keys.url}?evil` }),
    "2.9 a kid that is a path": await sign(evil, "victim", {}, { kid: "../../../dev/null" }),
    "2.9 a kid that is SQL": await sign(evil, "victim", {}, { kid: "x' UNION SELECT 'k" }),
    "2.9 a kid that is a URL": await sign(evil, "victim", {}, { kid: `${keys.url}?evil` }),
    "a crit that nobody knows": await sign(es, "victim", {}, { typ: "JWT" }).then((token) => {
      const [, payload = "", mark = ""] = token.split(".");
      return `${base64url({ alg: "ES256", typ: "JWT", kid: es.kid, crit: ["x"], x: 1 })}.${payload}.${mark}`;
    }),
    "changed claims": `${header}.${base64url(claims)}.${signature}`,
    "no signature": `${header}.${base64url(claims)}.`,
    "an ES256 signature of zeros": `${header}.${base64url(claims)}.${Buffer.alloc(64).toString("base64url")}`,
    "no exp": await sign(es, "victim", { exp: undefined }),
    "no iat": await sign(es, "victim", { iat: undefined }),
    "no sub": await sign(es, "victim", { sub: undefined }),
    "a sub that is a list": await sign(es, "victim", { sub: ["victim"] as unknown as string }),
    "iat in an hour": await sign(es, "victim", { iat: seconds() + 3_600, exp: seconds() + 7_200 }),
    "nbf in an hour": await sign(es, "victim", { nbf: seconds() + 3_600 }),
  };
  const wrong: string[] = [];
  for (const [name, token] of Object.entries(attacks)) {
    const found = await outcome(runtime.url, token);
    if (JSON.stringify(found) !== JSON.stringify(INVALID)) wrong.push(`${name}: ${found}`);
  }
  expect(wrong).toEqual([]);
  expect((await backend.user("victim")).body).toMatchObject({ devices: [], connections: [] });
});

test("[A2] keys that cannot be had are 503, or 1013 for a page, and no key is needed for own tokens", async () => {
  const down = await endpoint();
  down.isDown = true;
  const other = await startRuntime({ vars: { ...vars(down.url), ALLOWED_ORIGINS: "https://app.example.com" } });
  try {
    const token = await sign(signers.ES256, "unlucky");
    expect(await outcome(other.url, token)).toEqual([503, "unavailable"]);
    const page = await Connection.attempt(other.url, { token, origin: "https://app.example.com" });
    expect(page).toMatchObject({ outcome: "closed", code: 1013, reason: "unavailable" });
    expect(await outcome(other.url, await mintLocally("lucky"))).toEqual([101]);
    down.isDown = false;
    down.served = keys.served;
    expect(await outcome(other.url, token)).toEqual([101]);
    expect(other.logs).toContain("jwks_unreachable");
    expect(other.logs).not.toMatch(/unlucky|eyJ/);
  } finally {
    await other.stop();
    down.server.close();
  }
});

test("[A2] a key that the provider takes into use works after the cooldown, and made-up kids cause no storm of fetches", async () => {
  const fresh = await signer("ES256", "fresh");
  const before = keys.fetches;
  for (let at = 0; at < 20; at += 1) {
    expect(await outcome(runtime.url, await sign({ ...fresh, kid: `made-up-${at}` }, "stranger"))).toEqual(INVALID);
  }
  expect(keys.fetches - before).toBeLessThanOrEqual(1);
});
