/** Bad paths, queries and methods over raw TCP, since `fetch` mends most of them on the way (E2). Each has its code, and nothing changes. */
import { describe, expect, test } from "vitest";
import { BadInputGround, INVALID, type Meant, NOT_FOUND } from "../support/fuzz-ground.ts";
import { requestBytes } from "../support/fuzz-http.ts";
import { ALL_SCOPES } from "../support/fuzz-keys.ts";

const ground = new BadInputGround();
const USER = ground.user;
const MESSAGES = ground.messages;
const INVALID_USER: Meant = [400, "invalid_user"];

describe("paths", () => {
  test.each<readonly [string, Meant]>([
    [`/v1/users/x/../${USER}`, NOT_FOUND],
    [`/v1/users/x/%2e%2e/${USER}`, NOT_FOUND],
    ["/v1/users/..", INVALID_USER],
    ["/v1/users/.", INVALID_USER],
    ["/v1/users/%2e%2e", INVALID_USER],
    ["/v1/users/%2E.", INVALID_USER],
    ["/v1/users/%2e/messages", INVALID_USER],
    ["/v1/users/../messages", INVALID_USER],
    ["/v1/users/%00", INVALID_USER],
    ["/v1/users/a%00b", INVALID_USER],
    ["/v1/users/%0d%0aX-Evil:1", INVALID_USER],
    ["/v1/users/%7f", INVALID_USER],
    ["/v1/users/%c2%85", INVALID_USER],
    ["/v1/users/%ff", INVALID_USER],
    ["/v1/users/%c3", INVALID_USER],
    ["/v1/users/%c0%ae%c0%ae", INVALID_USER],
    ["/v1/users/%ed%a0%80", INVALID_USER],
    ["/v1/users/%", INVALID_USER],
    ["/v1/users/%zz", INVALID_USER],
    ["/v1/users/%u0041", INVALID_USER],
    [`/v1/users/${"a".repeat(257)}`, INVALID_USER],
    [`/v1/users/${"%F0%9F%93%AC".repeat(65)}`, INVALID_USER],
    [`/v1/users/${USER}/`, NOT_FOUND],
    [`/v1/users/${USER}//messages`, NOT_FOUND],
    [`/v1//users/${USER}`, NOT_FOUND],
    [`//v1/users/${USER}`, NOT_FOUND],
    [`/v1/users/${USER}/messages/`, NOT_FOUND],
    [`/v1/users/${USER}%2Fmessages/x/y`, NOT_FOUND],
    [`/v1%2Fusers%2F${USER}`, NOT_FOUND],
    [`/%76%31/users/${USER}`, NOT_FOUND],
    [`/v1\\users\\${USER}`, NOT_FOUND],
    [`/v1/users/${USER};a=1/messages`, [200, "undefined"]],
    [`${MESSAGES}/%ff`, INVALID],
    [`${MESSAGES}/%00`, INVALID],
    [`${MESSAGES}/%c3%a9`, INVALID],
    [`${MESSAGES}/~0`, INVALID],
    [`${MESSAGES}/~01`, INVALID],
    [`${MESSAGES}/~x`, INVALID],
    [`${MESSAGES}/${"i".repeat(129)}`, INVALID],
    [`${MESSAGES}/.`, [400, "invalid_request"]],
    [`${MESSAGES}/..`, [400, "invalid_request"]],
    [`${MESSAGES}/%2e%2e`, [400, "invalid_request"]],
    [`${MESSAGES}/kept%20`, [404, "unknown_message"]],
    [`${MESSAGES}/KEPT`, [404, "unknown_message"]],
    [`${MESSAGES}/%256bept`, [404, "unknown_message"]],
    ["/v1/users/a b", "runtime"],
    ["/v1/users/\xff\xfe", "runtime"],
    ["/v1/users/a\x00b", "runtime"],
    [`/v1/users/${"a".repeat(200_000)}`, "runtime"],
    ["health", NOT_FOUND],
  ])("[E2, A6] GET %j", async (target, meant) => {
    if (meant[0] === 200) {
      // A parameter of a path is part of the name: that of another user, whom nobody has sent to.
      const reply = await ground.raw(ground.get(target));
      expect([reply.status, reply.text]).toEqual([200, '{"messages":[]}']);
    } else await ground.meets(ground.get(target), meant);
  });

  test("[A6] encoded twice is another user, and a name with a slash reaches no route of another", async () => {
    const mailbox = async (target: string) => JSON.parse((await ground.raw(ground.get(target))).text).mailbox;
    const names = [
      await mailbox(`/v1/users/${USER}`),
      await mailbox(`/v1/users/%2562ad-input`),
      await mailbox(`/v1/users/${USER}%2Fmessages`),
      await mailbox(`/v1/users/x%2F..%2F${USER}`),
      await mailbox("/v1/users/%252e%252e"),
      await mailbox(`/v1/users/${USER}+`),
      await mailbox("/v1/users/sys:ready"),
    ];
    expect(new Set(names).size).toBe(names.length);
    expect(await mailbox("/v1/users/%62ad-input")).toBe(names[0]);
    expect(await mailbox(`http://elsewhere/v1/users/${USER}`)).toBe(names[0]);
  });

  test.each([
    ["DELETE", "0"],
    ["DELETE", "-1"],
    ["DELETE", "1e3"],
    ["DELETE", "1.0"],
    ["DELETE", "0x10"],
    ["DELETE", "9007199254740992"],
    ["DELETE", "99999999999999999999"],
    ["DELETE", "NaN"],
    ["DELETE", "%31%00"],
    ["DELETE", ".."],
    ["POST", "Infinity/requeue"],
    ["POST", "+1/requeue"],
  ])("[E2] %s a dead letter with the seq %s", async (method, seq) => {
    await ground.meets(
      requestBytes(method, `/v1/users/${USER}/dead-letters/${seq}`, { headers: [ALL_SCOPES] }),
      INVALID,
    );
  });
});

describe("queries", () => {
  test.each([
    "/v1/users/bad-input?x=1",
    "/v1/users/bad-input?constructor=1",
    "/v1/users/bad-input?__proto__=1",
    "/v1/users/bad-input?location=mars",
    "/v1/users/bad-input?location=",
    "/v1/users/bad-input?location=weur&location=weur",
    "/v1/users/bad-input?location=weur&loc%61tion=enam",
    "/v1/users/bad-input?=",
    "/v1/users/bad-input?a?b",
    `${MESSAGES}?after=-1`,
    `${MESSAGES}?after=NaN`,
    `${MESSAGES}?after=1e3`,
    `${MESSAGES}?after=9007199254740993`,
    `${MESSAGES}?after=%00`,
    `${MESSAGES}?limit=0`,
    `${MESSAGES}?limit=1.5`,
    `${MESSAGES}?limit=`,
    `${MESSAGES}?limit=١`,
    "/v1/users/bad-input/dead-letters?reason=lost",
    "/v1/users/bad-input/dead-letters?reason=",
    "/health?x",
  ])("[E2] %s", async (target) => {
    await ground.meets(ground.get(Buffer.from(target).toString("latin1")), INVALID);
  });

  test("[E2] a page above the longest is the longest, and a bare question mark is no parameter", async () => {
    for (const query of ["?", "?limit=9999999999999999", "?limit=99999&after=0", "?&&"]) {
      const reply = await ground.raw(
        ground.get(MESSAGES + (query === "?limit=9999999999999999" ? "?limit=9007199254740991" : query)),
      );
      expect([query, reply.status]).toEqual([query, 200]);
    }
  });
});

describe("methods", () => {
  test("[E1, E2] what is no method of HTTP is the runtime's to refuse, and any other is 405 or 404", async () => {
    for (const method of ["FOO", "get", "G\x00T", ""]) {
      await ground.meets(requestBytes(method, `/v1/users/${USER}`, { headers: [ALL_SCOPES] }), "runtime");
    }
    for (const method of ["PATCH", "TRACE", "PROPFIND", "PURGE", "LOCK"]) {
      await ground.meets(requestBytes(method, `/v1/users/${USER}`, { headers: [ALL_SCOPES] }), [
        405,
        "method_not_allowed",
      ]);
      await ground.meets(requestBytes(method, "/nowhere", { headers: [ALL_SCOPES] }), NOT_FOUND);
    }
  });

  test.each(["X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", "X-Original-URL: /v1/users/bad-input"])(
    "[E2] %s changes nothing about a request",
    async (header) => {
      const reply = await ground.raw(ground.get(MESSAGES, header));
      expect([reply.status, reply.text]).toEqual([200, JSON.stringify((await ground.backend.list(USER)).body)]);
    },
  );
});
