/** What another Worker cannot have by RPC (S11): a problem as over HTTP, and never an exception of the runtime's. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { probe, start, stopAll, worker } from "../support/bound.ts";
import { defaultVars } from "../support/credentials.ts";
import type { Runtime } from "../support/runtime.ts";

afterAll(stopAll);

describe("[S11, E2] what a call may not say", () => {
  let runtime: Runtime;
  let backend: Backend;
  beforeAll(async () => {
    runtime = await start("probe");
    backend = new Backend(runtime.url);
  });
  const sdk = (method: string, ...args: readonly unknown[]) => probe(runtime, { by: "sdk", method, args });

  test.each([
    ["attention", [{ reason: "sad" }], "invalid_request"],
    ["attention", [{ after: 7 }], "invalid_request"],
    ["requeueAll", [], "invalid_request"],
    ["requeueAll", [{}], "invalid_request"],
    ["requeueAll", [{ since: "02:10" }], "invalid_request"],
    ["requeueAll", [{ since: 7 }], "invalid_request"],
    ["requeueAll", [{ all: true }, { ttl: 0 }], "invalid_request"],
    ["discardAll", [{ all: false }], "invalid_request"],
    ["job", ["../health"], "invalid_request"],
    ["job", ["6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11"], "unknown_job"],
    ["stopJob", [7], "invalid_request"],
    ["webhooks", ["..", {}], "invalid_user"],
    ["monitor", [{ range: "1d" }], "invalid_request"],
    ["send", ["..", { type: "t" }], "invalid_user"],
    ["send", [7, { type: "t" }], "invalid_user"],
    ["send", ["a\u0000b", { type: "t" }], "invalid_user"],
    ["send", [], "invalid_request"],
    ["send", ["ada"], "invalid_request"],
    ["send", ["ada", null], "invalid_request"],
    ["send", ["ada", []], "invalid_request"],
    ["send", ["ada", "text"], "invalid_request"],
    ["send", ["ada", { type: "t", colour: 1 }], "invalid_request"],
    ["send", ["ada", { type: "t" }, { wait: "10" }], "invalid_request"],
    ["send", ["ada", { type: "t" }, { wait: -1 }], "invalid_request"],
    ["send", ["ada", { type: "t" }, { patience: 1 }], "invalid_request"],
    ["send", ["ada", { type: "t", data: 2 ** 60 }], "invalid_request"],
    ["send", ["ada", { type: "t", data: "x".repeat(300_000) }], "message_too_large"],
    ["message", ["ada", ".."], "invalid_request"],
    ["message", ["ada", 7], "invalid_request"],
    ["message", ["ada", "never"], "unknown_message"],
    ["recall", ["ada"], "invalid_request"],
    ["held", ["ada", { limit: 0 }], "invalid_request"],
    ["held", ["ada", { after: "1" }], "invalid_request"],
    ["requeue", ["ada"], "invalid_request"],
    ["requeue", ["ada", { all: false }], "invalid_request"],
    ["requeue", ["ada", { seq: 1, all: true }], "invalid_request"],
    ["requeue", ["ada", { seq: 1 }], "unknown_dead_letter"],
    ["discard", ["ada", { reason: "boredom" }], "invalid_request"],
    ["mintToken", ["ada", { device: "ü" }], "invalid_request"],
    ["state", ["ada", { location: "moon" }], "invalid_request"],
  ])("[S11, E2] %s with %j is %s: a problem, and no exception", async (method, args, code) => {
    const told = await probe(runtime, { by: "rpc", method, args });
    expect(told.value).toMatchObject({ code, retry: "no", detail: expect.any(String) });
    expect(told.value.http_status).toBe(told.value.status);
  });

  test.each([
    ["undefined", {}],
    ["date", { a: "1970-01-01T00:00:00.000Z" }],
  ])("[S11] %s in a message becomes what JSON makes of it", async (here, expected) => {
    const user = `clone ${here}`;
    await probe(runtime, { by: "rpc", method: "send", args: [user, { type: "t", data: { a: "<here>" } }], here });
    expect((await backend.list(user)).body.messages).toMatchObject([{ data: expected }]);
    expect((await backend.list(user)).body.messages[0].data).toEqual(expected);
  });

  test.each([
    "nan",
    "infinity",
    "bigint",
    "invalidDate",
    "map",
    "set",
    "bytes",
    "regexp",
    "error",
    "cycle",
    "hole",
    "callback",
    "deep",
  ])("[S11, E2] %s in a message, which JSON cannot hold as it is, is refused with its place", async (here) => {
    const args = [`clone ${here}`, { type: "t", data: { a: "<here>" } }];
    const told = await probe(runtime, { by: "rpc", method: "send", args, here });
    expect(told.value).toMatchObject({ code: "invalid_request", http_status: 400 });
    expect(told.value.errors[0].pointer).toMatch(/^\/data\/a/);
    // As the message itself, and as the options.
    for (const args of [
      ["ada", "<here>"],
      ["ada", { type: "t" }, "<here>"],
    ]) {
      const told = await probe(runtime, { by: "rpc", method: "send", args, here });
      expect(told.value).toMatchObject({ code: "invalid_request", http_status: 400 });
    }
    expect((await backend.list(`clone ${here}`)).body.messages).toEqual([]);
  });

  test.each(["bomb", "large"])(
    "[S11, E2] %s is more than a message may be, and is seen to be so at once",
    async (here) => {
      for (const args of [
        ["ada", { type: "t", data: "<here>" }],
        ["ada", "<here>"],
      ]) {
        const told = await probe(runtime, { by: "rpc", method: "send", args, here });
        expect(told.value).toMatchObject({ code: "message_too_large", http_status: 413 });
      }
    },
  );

  test("[S11, E1] the SDK's errors are the same as over HTTP, and its own", async () => {
    expect((await sdk("send", "err", { type: "t", data: "x".repeat(300_000) })).error).toMatchObject({
      name: "SendError",
      code: "message_too_large",
      status: 413,
      attempts: 1,
    });
    // The app's own objects go as `JSON.stringify` writes them, as they do over HTTP.
    const args = ["err", { type: "t", data: { a: "<here>" } }];
    const cycle = await probe(runtime, { by: "sdk", method: "send", args, here: "cycle" });
    expect(cycle.error).toMatchObject({ code: "invalid_request", retry: "no" });
    expect((await probe(runtime, { by: "sdk", method: "send", args, here: "instance" })).value).toMatchObject({
      status: "queued",
    });
    expect((await backend.list("err")).body.messages).toMatchObject([{ data: { a: { secret: 1 } } }]);
  });
});

describe("[S11, A5] a deployment that is not well configured", () => {
  test("[S11, A5] lets nobody in with a malformed setting, and names it", async () => {
    const runtime = await start("probe", { vars: { ACK_TIMEOUT_MS: "soon" } });
    const { value } = await probe(runtime, { by: "rpc", method: "send", args: ["ada", { type: "t" }] });
    expect(value).toMatchObject({ code: "not_configured", http_status: 503, retry_after: expect.any(Number) });
    expect(value.detail).toContain("ACK_TIMEOUT_MS");
    const { error } = await probe(runtime, { by: "sdk", method: "ready", args: [{ timeoutMs: 500 }] });
    expect(error).toMatchObject({ code: "not_configured" });
  });

  test("[S11, O2] whose entry point lacks the methods is said to, and is not asked again", async () => {
    const runtime = await start("probe", { entry: worker("without-methods") });
    const { error } = await probe(runtime, { by: "sdk", method: "send", args: ["ada", { type: "t" }] });
    expect(error).toMatchObject({ code: "foreign_reply", retry: "no", attempts: 1 });
    expect(error.detail).toMatch(/`entrypoint` in wrangler.toml must be "Sender"/);
  });

  test("[S11, A1] needs no API key; what needs a secret says which", async () => {
    const vars = Object.fromEntries(Object.keys(defaultVars).map((name) => [name, undefined]));
    const runtime = await start("probe", { vars });
    const sent = await probe(runtime, { by: "rpc", method: "send", args: ["ada", { type: "t" }] });
    expect(sent.value).toMatchObject({ status: "queued" });
    const { value } = await probe(runtime, { by: "rpc", method: "mintToken", args: ["ada"] });
    expect(value).toMatchObject({ code: "not_configured", http_status: 503 });
    expect(value.detail).toContain("TOKEN_SECRET");
  });
});
