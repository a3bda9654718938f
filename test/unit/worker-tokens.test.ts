/** User tokens of this service's own: minted, signed by a backend, forged, and given to an open connection. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { defaultVars, mintLocally } from "../support/credentials.ts";
import { accepted, base64url, claims, forged, now, OWN, present, refused } from "./presented-token.ts";
import { mailboxNameOf, workerUnderTest } from "./worker-under-test.ts";

const DAY_S = 86_400;

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

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
