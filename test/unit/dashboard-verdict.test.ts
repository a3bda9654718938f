/** What the dashboard's first sentence says, and that silence is never taken for health. */
import { describe, expect, test } from "vitest";
import { Clock } from "../../src/console/page/dashboard/units.ts";
import { RULE_WORDS, UNWATCHED_MS, verdictOf } from "../../src/console/page/dashboard/verdict.ts";
import { ALERT_RULES, type Alert } from "../../src/protocol/alert.ts";
import { rfc3339 } from "../../src/protocol/instant.ts";
import { checkOf, NOW, replyOf } from "../support/monitor-replies.ts";

const clock = new Clock("UTC");
const MINUTE_MS = 60_000;
const plain = (text: string) => text.replaceAll("\u00a0", " ");
const verdict = (...of: Parameters<typeof replyOf>) => {
  const { tone, sentence, because } = verdictOf({ reply: replyOf(...of) }, clock);
  return { tone, sentence: plain(sentence), because: plain(because) };
};

const alert = (rule: Alert["rule"], sinceMs: number, resolvedMs?: number): Alert => ({
  ...{ rule, id: `${rule}-1`, value: 0.2, threshold: 0.01, summary: "", mailboxes: [], runbook: "" },
  status: resolvedMs === undefined ? "firing" : "resolved",
  since: rfc3339(NOW - sinceMs),
  ...(resolvedMs === undefined ? {} : { resolved_at: rfc3339(NOW - resolvedMs) }),
});

const busy = (measured: Parameters<Parameters<typeof replyOf>[0] & object>[0]) => {
  measured.count("messages_accepted", 1_234);
  measured.count("messages_delivered", 1_204);
};

describe("[M3] the dashboard's sentence", () => {
  test("says that everybody gets their messages where they do, the check is fresh and no alert fires", () => {
    expect(verdict(busy)).toEqual({
      tone: "good",
      sentence: "Everybody is getting their messages.",
      because: "1,204 messages delivered in the last 15 minutes, 0 messages wait. No alert has ever fired.",
    });
    const { because } = verdict(busy, { alerts: [alert("recovery_queue", 90 * MINUTE_MS, 60 * MINUTE_MS)] });
    expect(because).toContain("No alert since 11:00:00, when the last one resolved.");
  });

  test("counts the alerts that fire, in words, since the first of them", () => {
    const alerts = [
      alert("connection_failures", 2 * MINUTE_MS),
      alert("mailbox_failures", 5 * MINUTE_MS),
      alert("recovery_queue", 90 * MINUTE_MS, 60 * MINUTE_MS),
    ];
    expect(verdict(busy, { alerts })).toEqual({
      tone: "bad",
      sentence: "2 alerts: connections fail; Mailboxes fail.",
      because: "Since 11:55:00, for 5 min.",
    });
    const one = verdict(busy, {
      alerts: [{ ...alert("start_up_check", 5 * MINUTE_MS), summary: "It failed at connect" }],
    });
    expect(one.because).toBe("It failed at connect. Since 11:55:00, for 5 min.");
    expect(Object.keys(RULE_WORDS).sort()).toEqual([...ALERT_RULES].sort());
  });

  test("takes a start-up check that fails for an alert before the schedule has fired it", () => {
    expect(verdict(busy, { check: checkOf("not_ready", NOW) })).toMatchObject({
      tone: "bad",
      sentence: "The start-up check fails at connect.",
    });
  });

  test("is unsure where the schedule does not run: nobody would fire an alert", () => {
    expect(verdict(busy, { check: checkOf("ready", NOW - UNWATCHED_MS) }).tone).toBe("good");
    expect(verdict(busy, { check: checkOf("ready", NOW - UNWATCHED_MS - 1) })).toMatchObject({
      tone: "unsure",
      sentence: "Nobody has looked since 11:56:59.",
    });
    expect(verdict(busy, { check: undefined }).tone).toBe("unsure");
  });

  test("is unsure where nothing is measured", () => {
    expect(verdict(undefined, { monitoring: "off" })).toMatchObject({ tone: "unsure", sentence: "Monitoring is off." });
  });

  test("says that nothing was sent, and what waits", () => {
    expect(verdict()).toEqual({
      tone: "quiet",
      sentence: "No messages in the last 15 minutes.",
      because: expect.stringMatching(/^The start-up check’s own message arrived at 12:00:00\./),
    });
    expect(verdict(undefined, { range: "7d" }).sentence).toBe("No messages yet.");
    expect(verdict(undefined, { held: { count: 2, oldestAt: NOW - 60 * MINUTE_MS } })).toEqual({
      tone: "quiet",
      sentence: "Nothing sent in the last 15 minutes.",
      because: "2 messages wait for users who are away, the oldest since 11:00:00.",
    });
  });

  test("is unsure where messages were sent and none was delivered", () => {
    const sent = verdict((measured) => measured.count("messages_accepted", 7), { held: { count: 7 } });
    expect(sent).toEqual({
      tone: "unsure",
      sentence: "Nothing delivered in the last 15 minutes.",
      because: "7 messages sent; 7 messages wait.",
    });
  });

  test("does not call everybody served where a few were not, though no alert fires", () => {
    const few = verdict((measured) => {
      busy(measured);
      measured.count("ended_rejected", 3);
      measured.count("failed_rejected", 3);
    });
    expect(few.sentence).toBe("All but 3 messages reached their users.");
    expect(few.because).toBe(verdict(busy).because);
  });

  test("is unsure where as many were not delivered as were, though they are too few for an alert", () => {
    const of = (delivered: number) =>
      verdict((measured) => {
        measured.count("messages_delivered", delivered);
        measured.count("ended_rejected", 3);
        measured.count("failed_rejected", 3);
      });
    expect(of(0)).toMatchObject({ tone: "unsure", sentence: "3 of 3 messages did not reach their users." });
    expect(of(3)).toMatchObject({ tone: "unsure", sentence: "3 of 6 messages did not reach their users." });
    expect(of(4)).toMatchObject({ tone: "good", sentence: "All but 3 messages reached their users." });
  });

  test("says since when there is no data, whatever the last data said", () => {
    expect(verdictOf({ reply: undefined }, clock).tone).toBe("unsure");
    expect(verdictOf({ reply: undefined, fault: "It is down." }, clock)).toMatchObject({
      sentence: "No data.",
      because: "It is down.",
    });
    const stale = verdictOf({ reply: replyOf(busy), staleSince: NOW }, clock);
    expect(stale.tone).toBe("unsure");
    expect(stale.sentence).toMatch(/^No data since .*12:00:00\.$/);
    expect(stale.because).toContain("“Everybody is getting their messages.”");
  });
});
