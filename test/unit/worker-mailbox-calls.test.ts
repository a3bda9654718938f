import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { defaultVars } from "../support/credentials.ts";
import { workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

/** As the runtime marks what it throws at the caller of an object that it lost. */
const lost = (mark: "retryable" | "overloaded" | "durableObjectReset") =>
  Object.assign(new Error("Network connection lost."), { [mark]: true });

const ROUTES = [
  ["GET", "/v1/users/ada", undefined, "read"],
  ["GET", "/v1/users/ada/messages", undefined, "read"],
  ["GET", "/v1/users/ada/messages/a", undefined, "read"],
  ["GET", "/v1/users/ada/dead-letters", undefined, "read"],
  ["POST", "/v1/users/ada/messages", { type: "x", id: "a" }, "repeatable"],
  ["DELETE", "/v1/users/ada/tokens", undefined, "repeatable"],
  ["DELETE", "/v1/users/ada", undefined, "repeatable"],
  ["DELETE", "/v1/users/ada/dead-letters", undefined, "once"],
  ["DELETE", "/v1/users/ada/dead-letters/7", undefined, "once"],
  ["POST", "/v1/users/ada/messages", { type: "x" }, "once"],
  ["DELETE", "/v1/users/ada/messages/a", undefined, "once"],
  ["POST", "/v1/users/ada/dead-letters/requeue", undefined, "once"],
  ["POST", "/v1/users/ada/dead-letters/7/requeue", undefined, "once"],
] as const;

test.each(ROUTES)(
  "[S13] %s %s %o: a Mailbox that is lost is asked again as far as that is safe (%s)",
  async (...route) => {
    const [method, path, body, kind] = route;
    const worker = workerUnderTest(defaultVars, () => {
      throw lost("retryable");
    });
    const reply = await worker.backend(method, path, body);
    expect(worker.touches).toHaveLength(kind === "once" ? 1 : 4);
    expect(reply.body).toMatchObject(
      kind === "read"
        ? { status: 503, code: "unavailable", retry: "later" }
        : { status: 503, code: "outcome_unknown", retry: "same_id" },
    );
  },
);

test.each(ROUTES)("[S13] %s %s %o: an overloaded Mailbox is never asked again by us", async (method, path, body) => {
  const worker = workerUnderTest(defaultVars, () => {
    throw Object.assign(lost("retryable"), { overloaded: true });
  });
  const reply = await worker.backend(method, path, body);
  expect(worker.touches).toHaveLength(1);
  expect([reply.body.code, reply.headers.get("retry-after")]).toEqual(["overloaded", "1"]);
});

test("[S13] what is asked again gets the answer that then comes", async () => {
  const worker = workerUnderTest(defaultVars, (_, count) => {
    if (count < 3) throw lost("durableObjectReset");
    return undefined;
  });
  const reply = await worker.backend("DELETE", "/v1/users/ada/tokens");
  expect([reply.status, reply.body, worker.touches.length]).toEqual([200, { status: "revoked" }, 3]);
});

test("[E1] a refusal of the Mailbox becomes a problem; one to be tried later says when", async () => {
  const full = {
    ok: false,
    code: "outbox_full",
    detail: "Wait.",
    retryAfterSeconds: 30,
    extra: { held: 10_000, status: 7 },
  };
  const reply = await workerUnderTest(defaultVars, () => [full]).backend("POST", "/v1/users/ada/messages", {
    type: "x",
  });
  expect(reply.headers.get("retry-after")).toBe("30");
  expect(reply.body).toMatchObject({
    type: "urn:restante:error:outbox_full",
    status: 429,
    code: "outbox_full",
    detail: "Wait.",
    retry: "later",
    held: 10_000,
  });
});

test("[S1, S7] the reply of a send", async () => {
  const message = { id: "a/b", seq: 7, devices: 1, sentTo: 2, acceptedAt: 0, expiresAt: 1 };
  const replies = async (state: object, replayed: boolean, headers: Readonly<Record<string, string>> = {}) =>
    workerUnderTest(defaultVars, () => [{ ok: true, replayed, message: { ...message, ...state } }]).backend(
      "POST",
      "/v1/users/%C3%A9%2F/messages",
      { type: "x" },
      headers,
    );
  const queued = await replies({ status: "queued" }, false);
  expect([queued.status, queued.headers.get("location")]).toEqual([202, "/v1/users/%C3%A9%2F/messages/a%2Fb"]);
  expect(queued.headers.get("idempotency-replayed")).toBeNull();
  expect(queued.headers.get("preference-applied")).toBeNull();
  expect(queued.body).toEqual({
    id: "a/b",
    seq: 7,
    status: "queued",
    devices: 1,
    sent_to: 2,
    accepted_at: "1970-01-01T00:00:00.000Z",
    expires_at: "1970-01-01T00:00:00.001Z",
  });
  const delivered = await replies({ status: "delivered", deliveredAt: 5 }, true, { prefer: "wait=99" });
  expect([delivered.status, delivered.body.delivered_at]).toEqual([200, "1970-01-01T00:00:00.005Z"]);
  expect(delivered.headers.get("idempotency-replayed")).toBe("true");
  expect(delivered.headers.get("preference-applied")).toBe("wait=30");
});

test("[S13] a caller that hangs up lets its wait go, and nothing else", async () => {
  const hangUp = new AbortController();
  let finish: (value: unknown) => void = () => {};
  const worker = workerUnderTest(defaultVars, (touch) => {
    if (touch.method === "stopWaiting") return finish([{ ok: false, code: "internal", detail: "" }]);
    queueMicrotask(() => hangUp.abort());
    return new Promise((done) => {
      finish = done;
    });
  });
  const headers = { authorization: "Bearer rk_for-tests-and-nothing-else", prefer: "wait=30" };
  const body = new TextEncoder().encode('{"type":"x"}');
  await worker.fetch("POST", "/v1/users/ada/messages", { headers, body, signal: hangUp.signal });
  expect(worker.touches.map((touch) => touch.method)).toEqual(["send", "stopWaiting"]);
  const [sent, stopped] = worker.touches.map((touch) => touch.args[0]);
  expect(sent).toMatchObject({ waitId: stopped });
  expect((sent as { waitMs: number }).waitMs).toBeGreaterThan(29_000);
});
