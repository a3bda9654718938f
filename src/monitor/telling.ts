/** How an alert reads to whoever is told (M3): as a Standard Webhook, in Slack, or as an event of PagerDuty's. */
import type { Alert } from "../protocol/alert.ts";
import type { AlertTelling } from "../settings/alerts.ts";

/** JSON text: what is sent. */
export const bodyOf = (alert: Alert, { format, routingKey }: Pick<AlertTelling, "format" | "routingKey">): string => {
  switch (format) {
    case "standard":
      return JSON.stringify(standard(alert));
    case "slack":
      return JSON.stringify(slack(alert));
    case "pagerduty":
      return JSON.stringify(pagerDuty(alert, routingKey));
  }
};

const occurredAt = (alert: Alert): string => alert.resolved_at ?? alert.since;

/** The payload that the Standard Webhooks specification recommends. */
const standard = (alert: Alert) => ({ type: `alert.${alert.status}`, timestamp: occurredAt(alert), data: alert });

/** An incoming webhook of Slack's: `text` is what a notification shows. */
const slack = (alert: Alert) => {
  const isFiring = alert.status === "firing";
  const title = `${isFiring ? "🔴 Firing" : "🟢 Resolved"}: ${alert.rule.replaceAll("_", " ")}`;
  const since = isFiring ? `Since ${alert.since}` : `From ${alert.since} to ${alert.resolved_at}`;
  const whom =
    alert.mailboxes.length === 0 ? "" : `\nMailboxes: ${alert.mailboxes.map((name) => `\`${name}\``).join(", ")}`;
  const body = `${escaped(alert.summary)}\n${since}${whom}\n${isLink(alert) ? `<${alert.runbook}|What to do>` : alert.runbook}`;
  return {
    text: `${title}: ${alert.summary}`,
    // A section's text has at most 3,000 characters: 20 names and the rest are fewer.
    blocks: [
      { type: "header", text: { type: "plain_text", text: title } },
      { type: "section", text: { type: "mrkdwn", text: body } },
    ],
  };
};

/** Where the deployment says where its runbook is (`ALERT_RUNBOOK_URL`). */
const isLink = ({ runbook }: Alert): boolean => /^https?:/.test(runbook);

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Events API v2: the same deduplication key triggers and resolves. */
const pagerDuty = (alert: Alert, routingKey: string) => ({
  routing_key: routingKey,
  event_action: alert.status === "firing" ? "trigger" : "resolve",
  dedup_key: `restante-${alert.id}`,
  payload: {
    summary: alert.summary.slice(0, 1_024),
    source: "restante",
    severity: alert.rule === "recovery_queue" ? "warning" : "critical",
    timestamp: occurredAt(alert),
    component: alert.rule,
    custom_details: alert,
  },
  links: isLink(alert) ? [{ href: alert.runbook, text: "What to do" }] : [],
});
