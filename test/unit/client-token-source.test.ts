import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect } from "../../src/client/client.ts";
import { InboxError } from "../../src/client/inbox-error.ts";
import { renewInMs, TokenSource } from "../../src/client/token-source.ts";
import { mintLocally } from "../support/credentials.ts";

const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A source whose function counts its calls, and what it gives. */
const counted = (mint: (call: number) => Promise<string> | string) => {
  const token = vi.fn(() => mint(token.mock.calls.length));
  return { source: new TokenSource(token), token };
};
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const unsigned = (claims: unknown): string => `${part({ alg: "none" })}.${part(claims)}.c2ln`;

test("[C9] a token is asked for once, and again when three quarters of its life are over", async () => {
  const { source, token } = counted(() => mintLocally("ada", { issuedAtMs: Date.now() }));
  const first = await source.get();
  vi.setSystemTime(Date.now() + 0.75 * HOUR_MS - 1_000);
  expect(await source.get()).toBe(first);
  vi.setSystemTime(Date.now() + 1_000);
  expect((await source.get()).text).not.toBe(first.text);
  expect(token).toHaveBeenCalledTimes(2);
});

test("[C9] a token that was refused is forgotten: the next is a new one", async () => {
  const { source, token } = counted((call) => mintLocally(`ada-${call}`));
  expect((await source.get()).claims.sub).toBe("ada-1");
  source.forget();
  expect((await source.get()).claims.sub).toBe("ada-2");
  expect(token).toHaveBeenCalledTimes(2);
});

test("[C9] a token alone cannot be renewed", async () => {
  const text = await mintLocally("ada");
  const source = new TokenSource(text);
  expect(source.canRenew).toBe(false);
  expect((await source.get()).text).toBe(text);
  source.forget();
  expect((await source.get()).text).toBe(text);
  expect(new TokenSource(() => text).canRenew).toBe(true);
});

test("[C9] renewals come between 65 and 75 % of what is left, spread", () => {
  const random = vi.spyOn(Math, "random");
  random.mockReturnValue(0);
  expect(renewInMs(HOUR_MS)).toBe(0.75 * HOUR_MS);
  random.mockReturnValue(1);
  expect(renewInMs(HOUR_MS)).toBeCloseTo(0.65 * HOUR_MS);
});

test("[A2] reads user and device of any JWT, whatever its alphabet and padding", async () => {
  for (const sub of ["ada", "ä", "名前", "🙂🙂", "a~?>b"]) {
    const { claims } = await new TokenSource(unsigned({ sub, device: "phone", iat: 1, exp: 2 })).get();
    expect(claims).toEqual({ sub, device: "phone", iat: 1, exp: 2 });
  }
});

test.each(["nonsense", "a.b.c", "a.b", `a.${part("text")}.c`, `a.${part(null)}.c`, `a.${part(7)}.c`, "..", "a.=.c"])(
  "[A2] what is no JWT, such as %s, has no claims: the server will say what is wrong",
  async (text) => {
    const { source, token } = counted(() => text);
    const got = await source.get();
    expect([got.claims.sub, got.claims.device, got.claims.exp]).toEqual([undefined, undefined, undefined]);
    // How long it is good for is not known: it is asked for each time.
    await source.get();
    expect(token).toHaveBeenCalledTimes(2);
  },
);

test.each<[string, () => unknown]>([
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
  ["gives nothing", () => undefined],
  ["gives an empty text", () => ""],
  ["gives an object, such as the reply itself", () => Promise.resolve({ token: "a.b.c" })],
])("[C9] a function that %s is `token_failed`, and asked again", async (_, token) => {
  const source = new TokenSource(token as () => string);
  for (let call = 0; call < 2; call += 1) {
    const error = await source.get().then(
      () => undefined,
      (found: unknown) => found,
    );
    expect(error).toBeInstanceOf(InboxError);
    expect(error).toMatchObject({ code: "token_failed" });
  }
});

test("[C9] a function that does not answer within 15 s is `token_failed`, and is asked again", async () => {
  const codes: string[] = [];
  let asked = 0;
  const inbox = connect({
    url: "http://localhost:1",
    token: () => {
      asked += 1;
      return new Promise(() => {});
    },
    onMessage: () => {},
    onStatus: (status) => {
      if (status.state === "waiting") codes.push(status.cause.code);
    },
  });
  await vi.advanceTimersByTimeAsync(14_999);
  expect(codes).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(codes).toEqual(["token_failed"]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toBe(2);
  inbox.close();
});
