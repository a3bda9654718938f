/** Users, ids and seqs in a path: each is decoded once, checked, and addresses no Mailbox but its own. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { mintLocally } from "../support/credentials.ts";
import { mailboxNameOf, ROUTES, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

describe("[A6] the user in the path", () => {
  test("[A6] no request addresses a reserved Mailbox, whatever its path says: each name is a hash", async () => {
    const worker = workerUnderTest();
    for (const name of ["sys:startup_test", "sys%3Astartup_test", "%73ys:startup_test", mailboxNameOf("x"), "u:ada"]) {
      for (const { method, path } of ROUTES.filter(
        ({ plane, path }) => plane === "backend" && path.includes(":user"),
      )) {
        const target = path.replace(/:user/, name).replace(/:\w+/g, "7");
        await worker.backend(method, target, method === "POST" ? { type: "a" } : undefined);
      }
      const token = { headers: { authorization: `Bearer ${await mintLocally("sys:startup_test")}` } };
      await worker.fetch("PUT", `/v1/connections/${name}.x/token`, token);
      await worker.fetch("PUT", "/v1/connections/sys:startup_tes.x/token", token);
    }
    expect(worker.touches.length).toBeGreaterThan(20);
    expect(worker.touches.filter(({ mailbox }) => !/^[0-9a-f]{64}$/.test(mailbox))).toEqual([]);
  });

  test.each([
    ["%2e%2e", undefined],
    ["..", undefined],
    [".", undefined],
    ["%2E", undefined],
    ["%00", undefined],
    ["%0a", undefined],
    ["%c2%80", undefined],
    ["%ff", undefined],
    ["%c3", undefined],
    ["%ed%a0%80", undefined],
    ["%c0%af", undefined],
    ["%zz", undefined],
    ["100%", undefined],
    ["a".repeat(257), undefined],
    ["%C3%A9".repeat(129), undefined],
    ["a".repeat(256), "a".repeat(256)],
    ["%C3%A9".repeat(128), "é".repeat(128)],
    ["%2f", "/"],
    ["a%2Fmessages", "a/messages"],
    ["%252e%252e", "%2e%2e"],
    ["%2525", "%25"],
    ["...", "..."],
    ["a+b%20c", "a+b c"],
    ["sys:ready", "sys:ready"],
    ["constructor", "constructor"],
    ["%F0%9F%93%AC", "📬"],
    ["%3Fx%23", "?x#"],
  ])("[A6, E2] %s is decoded exactly once, strictly", async (segment, user) => {
    const worker = workerUnderTest();
    const reply = await worker.backend("GET", `/v1/users/${segment}`);
    if (user === undefined) {
      expect([reply.status, reply.body.code]).toEqual([400, "invalid_user"]);
      expect(worker.touches).toEqual([]);
    } else {
      expect(worker.touches.map((touch) => touch.mailbox)).toEqual([mailboxNameOf(user)]);
    }
  });

  test("[E2] ids and seqs in the path are checked before a Mailbox is touched", async () => {
    const worker = workerUnderTest();
    for (const [method, path] of [
      ["GET", "/v1/users/ada/messages/%ff"],
      ["GET", "/v1/users/ada/messages/~x"],
      ["GET", "/v1/users/ada/messages/~0"],
      ["GET", "/v1/users/ada/messages/%C3%A9"],
      ["DELETE", `/v1/users/ada/messages/${"a".repeat(129)}`],
      ["DELETE", "/v1/users/ada/dead-letters/0"],
      ["DELETE", "/v1/users/ada/dead-letters/-1"],
      ["DELETE", "/v1/users/ada/dead-letters/1e3"],
      ["DELETE", "/v1/users/ada/dead-letters/9007199254740992"],
      ["POST", "/v1/users/ada/dead-letters/x/requeue"],
      ["DELETE", "/v1/users/ada/dead-letters/requeue"],
    ] as const) {
      const reply = await worker.backend(method, path);
      expect([path, reply.status, reply.body.code]).toEqual([path, 400, "invalid_request"]);
    }
    expect(worker.touches).toEqual([]);
    await worker.backend("GET", "/v1/users/ada/messages/a%2Fb%3F%25");
    await worker.backend("GET", "/v1/users/ada/messages/~1795456854049");
    await worker.backend("DELETE", "/v1/users/ada/dead-letters/9007199254740991");
    expect(worker.touches.map((touch) => touch.args[0])).toEqual([
      "a/b?%",
      "~1795456854049",
      { seq: 9_007_199_254_740_991 },
    ]);
  });
});
