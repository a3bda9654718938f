/** Alert rules under a driven clock (M3): an evaluation a minute, as the schedule makes them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { merged } from "../../src/measures/deployment.ts";
import { Measured } from "../../src/measures/measured.ts";
import { Tally } from "../../src/measures/tally.ts";
import { evaluate, type HeldSample, type Kept } from "../../src/monitor/alert-rules.ts";
import { bodyOf } from "../../src/monitor/telling.ts";
import { ALERT_RULES, type Alert, type AlertRule } from "../../src/protocol/alert.ts";
import { NAMED_MAX, type Slot } from "../../src/protocol/monitor-api.ts";
import type { Readiness } from "../../src/protocol/readiness.ts";
import { alertSettings, alertTelling } from "../../src/settings/alerts.ts";
import { projectDir } from "../support/worker-config.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const settings = alertSettings({}).settings;

const READY: Readiness = { status: "ready", version: "v1", checked_at: "", duration_ms: 30, steps: [] };
const NOT_READY: Readiness = {
  ...READY,
  status: "not_ready",
  steps: [{ name: "connect", ok: false, duration_ms: 3_000, code: "unavailable", detail: "Not done within 3000 ms." }],
};

/** A deployment whose minutes pass: what was measured, what is held, and the check's outcome are the test's to say. */
class Days {
  now = Date.UTC(2026, 10, 27, 12);
  held = 0;
  check: Readiness = READY;
  readonly news: string[] = [];
  #kept: readonly Kept[] = [];
  #samples: HeldSample[] = [];
  #slots: Slot[] = [];

  fail(): void {
    this.check = NOT_READY;
  }

  alert(rule: AlertRule): Kept | undefined {
    return this.#kept.find((alert) => alert.rule === rule);
  }

  /** What was measured meanwhile is reported in the running slot. */
  measure(what: (measured: Measured) => void, failed: Slot["failed"] = {}): void {
    const measured = new Measured();
    what(measured);
    const at = Math.floor(this.now / 10_000) * 10_000;
    const level = { count: this.held };
    const pairs = new Tally(measured.take()).pairs();
    // Several in one slot: as several shards have it.
    this.#slots.push({ at, pairs, held: level, open: { count: 0 }, failed });
  }

  /** A minute passes, and everything is looked at. The state goes through JSON, as over a restart. */
  minute(): void {
    this.now += MINUTE_MS;
    this.#samples = [...this.#samples, { at: this.now, count: this.held }].filter(
      ({ at }) => at > this.now - 20 * MINUTE_MS,
    );
    this.#slots = this.#slots.filter(({ at }) => at > this.now - 15 * MINUTE_MS);
    const readings = this.#slots.map((slot) => ({
      pairs: [],
      held: slot.held,
      open: slot.open,
      waiting: 0,
      slots: [slot],
    }));
    const deployment = merged(readings, "15m", this.now);
    const situation = { deployment, startUpCheck: this.check, held: this.#samples };
    const { alerts, news } = evaluate(JSON.parse(JSON.stringify(this.#kept)), situation, settings, this.now);
    this.#kept = alerts;
    this.news.push(...news.map(({ rule, status }) => `${rule} ${status}`));
  }
}

const connects = (days: Days, attempts: number, failures: number, mailboxes: readonly string[] = []): void =>
  days.measure(
    (measured) => {
      measured.count("connection_attempts", attempts);
      measured.count("connection_failures", failures);
    },
    { connection_failures: mailboxes },
  );

describe("[M3] each rule fires within two minutes, once, and resolves once", () => {
  const faults: readonly (readonly [AlertRule, (days: Days, minute: number) => void])[] = [
    ["connection_failures", (days) => connects(days, 100, 2)],
    [
      "delivery_failures",
      (days) =>
        days.measure((measured) => {
          measured.count("messages_delivered", 98);
          measured.count("ended_expired", 2);
          measured.count("failed_expired", 2);
        }),
    ],
    ["mailbox_failures", (days) => days.measure((measured) => measured.count("mailbox_failures", 3))],
    ["start_up_check", (days) => days.fail()],
  ];
  test.each(faults)("[M3] %s", (rule, fault) => {
    const days = new Days();
    for (let minute = 0; minute < 5; minute += 1) days.minute();
    expect(days.news).toEqual([]);
    for (let minute = 0; minute < 20; minute += 1) {
      fault(days, minute);
      days.minute();
      if (minute === 1) expect(days.news).toEqual([`${rule} firing`]);
    }
    expect(days.news).toEqual([`${rule} firing`]);
    days.check = READY;
    for (let minute = 0; minute < 20; minute += 1) days.minute();
    expect(days.news).toEqual([`${rule} firing`, `${rule} resolved`]);
    const alert = days.alert(rule);
    expect(alert).toMatchObject({ status: "resolved", since: expect.any(Number), resolvedAt: expect.any(Number) });
  });

  test("[M3] recovery_queue, once it has grown for 15 minutes without a pause", () => {
    const days = new Days();
    const growing = (minutes: number) => {
      for (let minute = 0; minute < minutes; minute += 1) {
        days.held += 20;
        days.minute();
      }
    };
    for (let minute = 0; minute < 20; minute += 1) days.minute();
    growing(14);
    expect(days.news).toEqual([]);
    growing(2);
    expect(days.news).toEqual(["recovery_queue firing"]);
    growing(10);
    days.held -= 1;
    days.minute();
    growing(10);
    expect(days.news).toEqual(["recovery_queue firing", "recovery_queue resolved"]);
  });

  test("[M3] again, under another id, where it happens again", () => {
    const days = new Days();
    const ids = [1, 2].map(() => {
      days.check = NOT_READY;
      days.minute();
      const id = days.alert("start_up_check")?.id;
      days.check = READY;
      days.minute();
      expect(days.alert("start_up_check")?.id).toBe(id);
      return id;
    });
    expect(new Set(ids).size).toBe(2);
    expect(days.news).toHaveLength(4);
  });
});

describe("[M3] no rule fires", () => {
  test("[M3] in a healthy hour, at its edges", () => {
    const days = new Days();
    for (let minute = 0; minute < 60; minute += 1) {
      // 1 % and 0.5 %, and no more; a queue that grows, rests, and grows.
      connects(days, 1_000, 10);
      days.measure((measured) => {
        measured.count("messages_delivered", 995);
        measured.count("ended_expired", 5);
        measured.count("failed_expired", 5);
      });
      days.held += minute % 14 === 0 ? 0 : 50;
      days.minute();
    }
    expect(days.news).toEqual([]);
  });

  test("[M3] for one failure in three, a single Mailbox that failed twice, and a queue of a few", () => {
    const days = new Days();
    for (let minute = 0; minute < 20; minute += 1) days.minute();
    connects(days, 3, 1);
    days.measure((measured) => {
      measured.count("mailbox_failures", 2);
      measured.count("messages_delivered", 2);
      measured.count("ended_rejected");
      measured.count("failed_rejected");
    });
    for (let minute = 0; minute < 30; minute += 1) {
      days.held += 1;
      days.minute();
    }
    expect(days.news).toEqual([]);
  });

  test("[M3] for a scanner with bad tokens, and users who were away until their messages were over", () => {
    const days = new Days();
    for (let minute = 0; minute < 10; minute += 1) {
      days.measure((measured) => {
        measured.count("connection_refusals", 100_000);
        measured.count("connection_attempts", 50);
        measured.count("ended_expired", 500);
        measured.count("ended_never_connected", 250);
        measured.count("messages_delivered", 10);
      });
      days.minute();
    }
    expect(days.news).toEqual([]);
  });
});

test("[M3, A6] an alert names up to 20 Mailboxes that it happens to, those from its beginning among them", () => {
  const days = new Days();
  const name = (n: number) => n.toString(16).padStart(64, "0");
  for (let minute = 0; minute < 8; minute += 1) {
    connects(
      days,
      100,
      50,
      Array.from({ length: 4 }, (_, n) => name(4 * minute + n)),
    );
    days.minute();
  }
  const { mailboxes = [] } = days.alert("connection_failures")?.verdict ?? {};
  expect(mailboxes).toHaveLength(NAMED_MAX);
  expect(mailboxes).toEqual(Array.from({ length: NAMED_MAX }, (_, n) => name(n)));
});

test("[M3] each rule has its section in OPERATIONS.md, with what to look at and what to do, and its Prometheus rule leads there", () => {
  const page = readFileSync(join(projectDir, "src/monitor/OPERATIONS.md"), "utf8");
  const prometheus = readFileSync(join(projectDir, "src/monitor/alerts.rules.yml"), "utf8");
  const sections = page.split(/^## /m).slice(1);
  expect(sections.map((section) => section.split("\n")[0])).toEqual([
    ...ALERT_RULES.map((rule) => rule.replaceAll("_", "-")),
    "webhooks",
  ]);
  for (const section of sections) {
    expect(section).toMatch(/\n\*\*[\s\S]+\nLook at\n[\s\S]+\nDo\n/);
    expect(prometheus).toContain(`src/monitor/OPERATIONS.md#${section.split("\n")[0]}`);
  }
  const { connectionFailureRate, deliveryFailureRate, leastCount, windowMs, mailboxFailures, growthLeast } = settings;
  for (const said of [
    `More than ${100 * connectionFailureRate} % of connections failed, of ${leastCount} or more within ${windowMs / MINUTE_MS} minutes`,
    `More than ${100 * deliveryFailureRate} % of the messages`,
    `failed on ${mailboxFailures} calls or more`,
    `in every minute of the last ${settings.growingMs / MINUTE_MS}, by at least ${growthLeast} and a tenth`,
  ])
    expect(page).toContain(said);
});

describe("[M3] who is told", () => {
  const alert: Alert = {
    ...{
      rule: "connection_failures",
      status: "firing",
      id: "connection_failures-7",
      since: "2026-11-27T12:00:00.000Z",
    },
    ...{
      value: 0.5,
      threshold: 0.01,
      summary: "50 of 100 connections failed <here> & there.",
      mailboxes: ["ab", "cd"],
    },
    runbook: "https://ops.example.com/OPERATIONS.md#connection-failures",
  };
  const resolved: Alert = { ...alert, status: "resolved", resolved_at: "2026-11-27T12:10:00.000Z" };
  const told = (of: Alert, format: "standard" | "slack" | "pagerduty") =>
    JSON.parse(bodyOf(of, { format, routingKey: "R7" }));

  test("[M3] as a Standard Webhook", () => {
    expect(told(alert, "standard")).toEqual({ type: "alert.firing", timestamp: alert.since, data: alert });
    expect(told(resolved, "standard")).toMatchObject({ type: "alert.resolved", timestamp: resolved.resolved_at });
  });

  test("[M3] in Slack, with nothing that its markup would take for its own", () => {
    const { text, blocks } = told(alert, "slack");
    expect(text).toContain("Firing: connection failures");
    expect(blocks[1].text.text).toContain("&lt;here&gt; &amp; there");
    expect(blocks[1].text.text).toContain("`ab`, `cd`");
    expect(blocks[1].text.text).toContain(`<${alert.runbook}|What to do>`);
    expect(told(resolved, "slack").text).toContain("Resolved");
    const many = { ...alert, mailboxes: Array.from({ length: NAMED_MAX }, () => "f".repeat(64)) };
    expect(told(many, "slack").blocks[1].text.text.length).toBeLessThanOrEqual(3_000);
  });

  test("[M3] in PagerDuty, with one deduplication key to trigger and to resolve", () => {
    const [fires, resolves] = [told(alert, "pagerduty"), told(resolved, "pagerduty")];
    expect(fires).toMatchObject({
      routing_key: "R7",
      event_action: "trigger",
      payload: { severity: "critical", source: "restante" },
    });
    expect(resolves.event_action).toBe("resolve");
    expect(resolves.dedup_key).toBe(fires.dedup_key);
    expect(fires.dedup_key.length).toBeLessThanOrEqual(255);
  });

  test.each([
    [{ ALERT_FORMAT: "email" }, /ALERT_FORMAT is one of standard, slack, pagerduty/],
    [{ ALERT_URL: "http://ops.example.com" }, /ALERT_URL cannot be called: it must be an https URL/],
    [{ ALERT_URL: "https://10.0.0.1/hook" }, /ALERT_URL cannot be called: its host must be a public one/],
    [{ ALERT_URL: "https://ops.example.com" }, /ALERT_SECRET is not set/],
    [{ ALERT_FORMAT: "pagerduty", ALERT_URL: "https://ops.example.com" }, /ALERT_ROUTING_KEY is not set/],
    [{ HEARTBEAT_URL: "nowhere" }, /HEARTBEAT_URL cannot be called: it is no URL/],
  ])("[A5] %j is named as a fault", (env, fault) => {
    expect(alertTelling(env).faults.join("\n")).toMatch(fault);
    expect(alertTelling(env).settings.target).toBeUndefined();
  });

  test("[M3] PagerDuty needs its key alone, Slack its URL alone", () => {
    const pagerduty = alertTelling({ ALERT_FORMAT: "pagerduty", ALERT_ROUTING_KEY: "R7" });
    expect(pagerduty.faults).toEqual([]);
    expect(pagerduty.settings.target?.url.host).toBe("events.pagerduty.com");
    const slack = alertTelling({ ALERT_FORMAT: "slack", ALERT_URL: "https://hooks.slack.com/services/T/B/x" });
    expect([slack.faults, slack.settings.target?.secrets]).toEqual([[], []]);
  });
});
