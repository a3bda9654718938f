import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { isPublicHost } from "../../src/settings/public-host.ts";
import { webhookSettings } from "../../src/settings/webhooks.ts";
import { attempt } from "../../src/webhooks/attempt.ts";
import { type Delivery, WEBHOOKS_TABLE, WebhookQueue } from "../../src/webhooks/queue.ts";
import { ATTEMPT_DELAYS_MS, nextAttemptAt } from "../../src/webhooks/schedule.ts";
import { signedHeaders } from "../../src/webhooks/signing.ts";
import { Receiver, SECRET } from "../support/receiver.ts";

describe("[N2] the schedule of a webhook", () => {
  test("is the one that Standard Webhooks publishes, and ends", () => {
    const seconds = ATTEMPT_DELAYS_MS.map((ms) => ms / 1_000);
    expect(seconds).toEqual([0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    expect(nextAttemptAt(1, 1_000, 0)).toBe(6_000);
    expect(nextAttemptAt(9, 0, 0)).toBe(86_400_000);
    expect(nextAttemptAt(10, 0, 0)).toBeUndefined();
  });

  test("is never earlier than published, and at most a tenth later", () => {
    for (const random of [0, 0.3, 0.999]) {
      const at = nextAttemptAt(2, 0, random) ?? 0;
      expect(at).toBeGreaterThanOrEqual(300_000);
      expect(at).toBeLessThanOrEqual(330_000);
    }
  });

  test("leaves a receiver alone for as long as it asks, up to a day", () => {
    expect(nextAttemptAt(1, 0, 0, 60_000)).toBe(60_000);
    expect(nextAttemptAt(1, 0, 0, 1e12)).toBe(86_400_000);
    expect(nextAttemptAt(3, 0, 0, 1_000)).toBe(1_800_000);
  });
});

describe("[N2] the queue", () => {
  const opened = (sql: NodeSql, note?: (what: string) => void) => {
    const [row] = sql.exec<{ stored: string }>(`SELECT ${WebhookQueue.STORED} AS stored`);
    return new WebhookQueue(sql, JSON.parse(row?.stored ?? ""), note);
  };
  const fresh = () => {
    const sql = new NodeSql();
    sql.exec(WEBHOOKS_TABLE);
    return { sql, queue: opened(sql) };
  };
  const webhook = (seq: number) => ({ id: `msg_${seq}`, event: "message.expired", seq, body: `{"n":${seq}}` });
  const failed = { ok: false, fault: "it answered 500" } as const;

  test("gives what is due, in order, and nothing twice that is under way", () => {
    const { queue } = fresh();
    expect(queue.dueAt).toBeUndefined();
    queue.add(webhook(1), 10);
    queue.add(webhook(2), 20);
    expect(queue.dueAt).toBe(10);
    const due = queue.due(15, 10, new Set());
    expect(due.map(({ id, body, attempts }) => ({ id, body, attempts }))).toEqual([
      { id: "msg_1", body: '{"n":1}', attempts: 0 },
    ]);
    expect(queue.due(20, 10, new Set(due.map(({ n }) => n))).map(({ id }) => id)).toEqual(["msg_2"]);
    expect(queue.due(20, 1, new Set()).map(({ id }) => id)).toEqual(["msg_1"]);
  });

  test("[M1] tells of each attempt's end, and of what is tried no more", () => {
    const noted: string[] = [];
    const { sql } = fresh();
    const queue = opened(sql, (what) => noted.push(what));
    queue.add(webhook(1), 0);
    queue.add(webhook(2), 0);
    const [first, second] = queue.due(0, 2, new Set()) as [Delivery, Delivery];
    queue.record(first, failed, 0, 0);
    queue.record(second, { ...failed, isFinal: true }, 0, 0);
    queue.record(queue.due(6_000, 1, new Set())[0] as Delivery, { ok: true }, 6_000, 0);
    expect(noted).toEqual(["failed", "given_up", "failed", "taken"]);
  });

  test("tries the same again at its time, ten times, then keeps it as failed; and knows all of it after a restart", () => {
    const { sql, queue } = fresh();
    queue.add(webhook(1), 0);
    let now = 0;
    const ids = new Set<string>();
    for (let n = 1; n <= 10; n += 1) {
      const [delivery] = queue.due(now, 1, new Set()) as [Delivery];
      ids.add(delivery.id);
      expect(delivery.attempts).toBe(n - 1);
      queue.record(delivery, failed, now, 0);
      expect(opened(sql).dueAt).toBe(queue.dueAt);
      now = queue.dueAt ?? now;
    }
    expect(ids.size).toBe(1);
    expect(queue.dueAt).toBeUndefined();
    expect([queue.failed, opened(sql).failed]).toEqual([1, 1]);
    expect(queue.list(0, 10)).toMatchObject([{ id: "msg_1", attempts: 10, fault: "it answered 500" }]);
    expect(queue.retryFailed(now)).toBe(1);
    expect([queue.failed, queue.dueAt]).toEqual([0, now]);
    queue.record(queue.due(now, 1, new Set())[0] as Delivery, { ...failed, isFinal: true }, now, 0);
    expect([queue.failed, queue.dueAt]).toEqual([1, undefined]);
    expect(queue.discardFailed()).toBe(1);
    expect(sql.exec("SELECT * FROM webhooks")).toEqual([]);
  });

  test("forgets what is delivered, and after 30 days what has failed", () => {
    const { sql, queue } = fresh();
    queue.add(webhook(1), 0);
    queue.add(webhook(2), 0);
    const [first, second] = queue.due(0, 2, new Set()) as [Delivery, Delivery];
    queue.record(first, { ok: true }, 5, 0);
    queue.record(second, { ...failed, isFinal: true }, 5, 0);
    expect(queue.list(0, 10).map(({ id }) => id)).toEqual(["msg_2"]);
    const forgetAt = 5 + 30 * 86_400_000;
    expect(queue.forgetAt).toBe(forgetAt);
    queue.forgetDue(forgetAt - 1);
    expect(queue.failed).toBe(1);
    queue.forgetDue(forgetAt);
    expect([queue.failed, sql.exec("SELECT * FROM webhooks").length]).toEqual([0, 0]);
  });
});

describe("[N2] what is signed", () => {
  test("verifies by the specification's own library, with either secret while they change", () => {
    const old = `whsec_${Buffer.from("another secret, which is going away").toString("base64")}`;
    const now = Date.now();
    const headers = signedHeaders([SECRET, old], "msg_1", '{"a":"é"}', now);
    for (const secret of [SECRET, old]) expect(new Webhook(secret).verify('{"a":"é"}', headers)).toEqual({ a: "é" });
    expect(() => new Webhook(SECRET).verify('{"a":"e"}', headers)).toThrow();
  });
});

describe("[A5] where webhooks may go", () => {
  test.each([
    ...["https://127.0.0.1/", "https://2130706433/", "https://0177.0.0.1/", "https://0x7f.1/", "https://10.1.2.3/"],
    ...["https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/", "https://169.254.169.254/latest"],
    ...[
      "https://100.64.0.1/",
      "https://0.0.0.0/",
      "https://255.255.255.255/",
      "https://224.0.0.1/",
      "https://198.18.0.1/",
    ],
    ...[
      "https://[::1]/",
      "https://[::]/",
      "https://[::ffff:10.0.0.1]/",
      "https://[fc00::1]/",
      "https://[fd12:3456::1]/",
    ],
    ...["https://[fe80::1]/", "https://[ff02::1]/", "https://[64:ff9b::a00:1]/", "https://[2002:0a00:0001::]/"],
    ...[
      "https://[2001:db8::1]/",
      "https://[2001:0:1::1]/",
      "https://localhost/",
      "https://localhost./",
      "https://a.localhost/",
    ],
    ...["https://printer.local/", "https://db.internal/", "https://intranet/", "https://router.home.arpa/"],
  ])("%s is no public place", (url) => {
    expect(isPublicHost(new URL(url))).toBe(false);
  });

  test.each([
    ...["https://example.com/", "https://hooks.example.co.uk:8443/x", "https://8.8.8.8/", "https://172.32.0.1/"],
    ...[
      "https://[2606:4700:4700::1111]/",
      "https://[64:ff9b::808:808]/",
      "https://localhost.example.com/",
      "https://example.com./",
    ],
  ])("%s is", (url) => {
    expect(isPublicHost(new URL(url))).toBe(true);
  });

  const production = { ENVIRONMENT: "production", WEBHOOK_SECRET: SECRET };

  test("settings are taken as they should be", () => {
    const { settings, faults } = webhookSettings({
      ...production,
      ...{ WEBHOOK_URL: "https://example.com/hook", WEBHOOK_EVENTS: "message.expired, message.rejected" },
    });
    expect(faults).toEqual([]);
    expect(settings.target?.url.href).toBe("https://example.com/hook");
    expect(settings.events).toEqual(["message.expired", "message.rejected"]);
    expect(webhookSettings({})).toEqual({ settings: { events: [] }, faults: [] });
  });

  test.each([
    [{ WEBHOOK_URL: "http://example.com/" }, /WEBHOOK_URL .* https URL/],
    [{ WEBHOOK_URL: "https://10.0.0.1/" }, /WEBHOOK_URL .* public/],
    [{ WEBHOOK_URL: "https://a:b@example.com/" }, /WEBHOOK_URL .* user and password/],
    [{ WEBHOOK_URL: "example.com" }, /WEBHOOK_URL .* no URL/],
    [{ WEBHOOK_URL: "https://example.com/", WEBHOOK_SECRET: "" }, /WEBHOOK_SECRET is not set/],
    [{ WEBHOOK_URL: "https://example.com/", WEBHOOK_SECRET: "whsec_short" }, /WEBHOOK_SECRET must be/],
    [{ WEBHOOK_URL: "https://example.com/", WEBHOOK_SECRET_OLD: "x" }, /WEBHOOK_SECRET_OLD must be/],
    [{ WEBHOOK_URL: "https://example.com/", WEBHOOK_EVENTS: "message.lost" }, /WEBHOOK_EVENTS is a list/],
    [{ WEBHOOK_EVENTS: "message.expired" }, /WEBHOOK_EVENTS is set, and WEBHOOK_URL/],
  ])("%o is named", (env, fault) => {
    const { settings, faults } = webhookSettings({ ...production, ...env });
    expect(faults.join(" ")).toMatch(fault);
    expect(settings.target).toBeUndefined();
  });

  test("in development a receiver may be on this machine", () => {
    const env = { ENVIRONMENT: "development", WEBHOOK_SECRET: SECRET, WEBHOOK_URL: "http://127.0.0.1:9/hook" };
    expect(webhookSettings(env).faults).toEqual([]);
  });
});

describe("[N2] an attempt, at a real receiver", () => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await Receiver.start();
  });
  afterAll(() => receiver.close());

  const webhook = { id: "msg_1", body: '{"type":"message.expired","timestamp":"2026-11-27T00:00:00.000Z","data":{}}' };
  /** Only who hangs is waited for until it is over. */
  const target = (url = receiver.url, timeoutMs = 10_000) => ({ url: new URL(url), secrets: [SECRET], timeoutMs });
  const tried = (timeoutMs?: number) => attempt(webhook, target(receiver.url, timeoutMs), true, Date.now());

  test("that takes it", async () => {
    expect(await tried()).toEqual({ ok: true });
    expect(receiver.received.at(-1)).toMatchObject({ id: "msg_1", body: { type: "message.expired" } });
    expect(receiver.forged).toEqual([]);
  });

  test("that fails, wants a pause, redirects or is gone", async () => {
    receiver.answer = () => ({ status: 500 });
    expect(await tried()).toEqual({ ok: false, fault: "it answered 500" });
    receiver.answer = () => ({ status: 429, headers: { "retry-after": "120" } });
    expect(await tried()).toEqual({ ok: false, fault: "it answered 429", notBeforeMs: 120_000 });
    const before = receiver.received.length;
    receiver.answer = ({ path }) =>
      path === "/hook" ? { status: 307, headers: { location: "/elsewhere" } } : { status: 204 };
    expect(await tried()).toEqual({ ok: false, fault: "it answered 307" });
    expect(receiver.received.slice(before).map(({ path }) => path)).toEqual(["/hook"]);
    receiver.answer = () => ({ status: 410 });
    expect(await tried()).toEqual({ ok: false, fault: "it answered 410", isFinal: true });
  });

  test("that hangs, or is not there", async () => {
    receiver.answer = () => "hang";
    expect(await tried(300)).toEqual({ ok: false, fault: "no answer within 300 ms" });
    expect(await attempt(webhook, target("http://127.0.0.1:1/"), true, Date.now())).toEqual({
      ok: false,
      fault: "it could not be reached",
    });
  });

  test("is not made at a private place outside of development, nor without a receiver", async () => {
    const before = receiver.received.length;
    const refused = await attempt(webhook, target(receiver.url.replace("http:", "https:")), false, Date.now());
    expect(refused).toMatchObject({ ok: false, fault: expect.stringContaining("public") });
    // An alert's receiver is not the one of WEBHOOK_URL.
    expect(JSON.stringify(refused)).not.toContain("WEBHOOK_URL");
    expect(await attempt(webhook, undefined, false, Date.now())).toMatchObject({ ok: false });
    expect(receiver.received).toHaveLength(before);
  });
});
