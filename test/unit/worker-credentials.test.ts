import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { defaultVars, mintLocally } from "../support/credentials.ts";
import { mailboxNameOf, type Reply, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

interface AttachInit {
  readonly headers: Readonly<Record<string, string>>;
}
interface Attempt {
  readonly authorization?: string;
  readonly protocols?: string;
  readonly query?: string;
  readonly origin?: string;
}

const connect = async (attempt: Attempt): Promise<{ readonly reply: Reply; readonly attached: unknown }> => {
  const worker = workerUnderTest();
  const headers: Record<string, string> = { upgrade: "WebSocket", connection: "Upgrade" };
  if (attempt.authorization !== undefined) headers.authorization = attempt.authorization;
  if (attempt.protocols !== undefined) headers["sec-websocket-protocol"] = attempt.protocols;
  if (attempt.origin !== undefined) headers.origin = attempt.origin;
  const reply = await worker.fetch("GET", `/v1/socket${attempt.query ?? ""}`, { headers });
  const [touch] = worker.touches;
  if (touch === undefined) return { reply, attached: undefined };
  expect(touch).toMatchObject({ mailbox: mailboxNameOf("ada"), method: "fetch" });
  const passed = (touch.args[1] as AttachInit).headers;
  // Nothing of the client's own reaches a Mailbox, so that no header of it can be forged (A4).
  expect(Object.keys(passed).toSorted()).toEqual(["restante-attach", "upgrade"]);
  return { reply, attached: JSON.parse(decodeURIComponent(passed["restante-attach"] ?? "")) };
};

const codeOf = async (attempt: Attempt): Promise<string> => {
  const { reply, attached } = await connect(attempt);
  expect(attached).toBeUndefined();
  return reply.body.code;
};

test("[A3] a token travels as Bearer, as a subprotocol, or in the query, and as several that are the same", async () => {
  const token = await mintLocally("ada");
  for (const attempt of [
    { authorization: `Bearer ${token}` },
    { authorization: `bearer  ${token}` },
    { protocols: `restante.v1, bearer.${token}` },
    { protocols: `bearer.${token},restante.v1` },
    { protocols: `bearer.${token}` },
    { query: `?access_token=${token}` },
    { authorization: `Bearer ${token}`, protocols: `restante.v1, bearer.${token}`, query: `?access_token=${token}` },
    { authorization: "Basic YTpi", query: `?access_token=${token}` },
  ] satisfies readonly Attempt[]) {
    expect((await connect(attempt)).attached).toMatchObject({ user: "ada", device: "default", window: 256 });
  }
});

test("[A3] several that differ are 400, wherever they stand, though each is good", async () => {
  const [one, two] = [await mintLocally("ada"), await mintLocally("ada", { ttlSeconds: 60 })];
  for (const attempt of [
    { authorization: `Bearer ${one}`, query: `?access_token=${two}` },
    { authorization: `Bearer ${one}`, protocols: `restante.v1, bearer.${two}` },
    { protocols: `restante.v1, bearer.${one}, bearer.${two}` },
    { protocols: `bearer.${one}`, query: `?access_token=${two}` },
    { authorization: `Bearer ${one}, Bearer ${two}` },
  ] satisfies readonly Attempt[]) {
    expect(await codeOf(attempt)).toBe("conflicting_credentials");
  }
  expect(await codeOf({ query: `?access_token=${one}&access_token=${one}` })).toBe("invalid_request");
});

test("[A3, A4] who has no token is 401, and what is none is invalid; no Mailbox is touched", async () => {
  expect(await codeOf({})).toBe("missing_token");
  expect(await codeOf({ query: "?access_token=" })).toBe("missing_token");
  expect(await codeOf({ authorization: "Bearer " })).toBe("missing_token");
  expect(await codeOf({ protocols: "restante.v1, bearer." })).toBe("missing_token");
  expect(await codeOf({ query: "?access_token=%ff%00" })).toBe("invalid_token");
  expect(await codeOf({ authorization: `Bearer ${await mintLocally("ada", { ttlSeconds: -1 })}` })).toBe(
    "token_expired",
  );
});

test("[C] other subprotocols are refused, and the refusal says which is known", async () => {
  const token = await mintLocally("ada");
  for (const protocols of ["mqtt", "restante.v2", `restante.v2, bearer.${token}`]) {
    const { reply, attached } = await connect({ protocols, query: `?access_token=${token}` });
    expect([reply.status, attached]).toEqual([400, undefined]);
    expect(reply.body.detail).toContain("restante.v1");
  }
  expect((await connect({ protocols: `mqtt, restante.v1, bearer.${token}` })).attached).toBeDefined();
});

test("[C] what is not an upgrade is 426 and says to what", async () => {
  const worker = workerUnderTest();
  const headers = { authorization: `Bearer ${await mintLocally("ada")}` };
  for (const [method, upgrade] of [
    ["GET", {}],
    ["GET", { upgrade: "h2c" }],
    ["HEAD", { upgrade: "websocket" }],
  ] as const) {
    const reply = await worker.fetch(method, "/v1/socket", { headers: { ...headers, ...upgrade } });
    expect([reply.status, reply.headers.get("upgrade")]).toEqual([426, "websocket"]);
  }
  expect(worker.touches).toEqual([]);
});

test.each([
  ["", { window: 256, device: "default" }],
  ["window=1", { window: 1 }],
  ["window=256", { window: 256 }],
  ["window=257", { window: 256 }],
  ["window=999999999", { window: 256 }],
  ["window=0", undefined],
  ["window=-1", undefined],
  ["window=1.5", undefined],
  ["window=1e2", undefined],
  ["window=", undefined],
  ["window=+5", undefined],
  ["window=0x10", undefined],
  ["after=0", { after: 0 }],
  ["after=9007199254740991", { after: 9_007_199_254_740_991 }],
  ["after=9007199254740992", undefined],
  ["after=-1", undefined],
  ["after=x", undefined],
  ["attempt=3&connect_ms=12.5", { attempt: 3, connectMs: 12.5 }],
  ["attempt=-1", undefined],
  ["connect_ms=-1", undefined],
  ["connect_ms=Infinity", undefined],
  ["device=phone.2_a~b-C", { device: "phone.2_a~b-C" }],
  [`device=${"d".repeat(64)}`, { device: "d".repeat(64) }],
  [`device=${"d".repeat(65)}`, undefined],
  ["device=", undefined],
  ["device=a%20b", undefined],
  ["device=a&device=a", undefined],
  ["colour=red", undefined],
  ["__proto__=1", undefined],
  ["constructor=1", undefined],
  ["toString", undefined],
  ["Device=phone", undefined],
])("[C, E2] the query ?%s", async (query, expected) => {
  const { reply, attached } = await connect({
    authorization: `Bearer ${await mintLocally("ada")}`,
    query: `?${query}`,
  });
  if (expected === undefined) {
    expect([reply.status, reply.body.code, attached]).toEqual([400, "invalid_request", undefined]);
    expect(reply.body.errors?.[0]?.detail ?? reply.body.detail).toEqual(expect.any(String));
  } else {
    expect(attached).toMatchObject(expected);
  }
});

test("[C] the token's device goes before the query's, and another in the query is 403", async () => {
  const authorization = `Bearer ${await mintLocally("ada", { device: "phone" })}`;
  expect((await connect({ authorization })).attached).toMatchObject({ device: "phone", token: { device: "phone" } });
  expect((await connect({ authorization, query: "?device=phone" })).attached).toMatchObject({ device: "phone" });
  expect(await codeOf({ authorization, query: "?device=tablet" })).toBe("token_mismatch");
});

test("[C9, A6] the Mailbox is told whose connections it names, without a name in the header's bytes", async () => {
  const worker = workerUnderTest(defaultVars);
  const headers = {
    upgrade: "websocket",
    authorization: `Bearer ${await mintLocally("éva 📬")}`,
    "restante-attach": "forged",
  };
  await worker.fetch("GET", "/v1/socket", { headers });
  const sent = (worker.touches[0]?.args[1] as AttachInit | undefined)?.headers["restante-attach"] ?? "";
  expect(sent).toMatch(/^[\x21-\x7e]+$/);
  expect(JSON.parse(decodeURIComponent(sent))).toMatchObject({
    user: "éva 📬",
    tag: mailboxNameOf("éva 📬").slice(0, 16),
  });
});
