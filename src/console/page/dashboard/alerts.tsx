/** What is wrong, and what was: each alert with whom it happens to, and what to do. */
import { useState } from "preact/hooks";
import type { Alert } from "../../../protocol/alert.ts";
import { call } from "../api.ts";
import { counted } from "../parts/amount.ts";
import { linkToUser } from "../route.ts";
import { Runbook } from "./runbook.tsx";
import { type Clock, duration } from "./units.ts";

const TITLES: Readonly<Record<Alert["rule"], string>> = {
  connection_failures: "Connection failures",
  delivery_failures: "Delivery failures",
  start_up_check: "Start-up check",
  mailbox_failures: "Mailbox failures",
  recovery_queue: "Recovery queue",
};

export const Alerts = (props: { readonly alerts: readonly Alert[]; readonly now: number; readonly clock: Clock }) => (
  <section class="card alerts" id="alerts" tabIndex={-1} aria-labelledby="alerts-title">
    <h2 id="alerts-title">Alerts</h2>
    {props.alerts.length === 0 ? (
      <p class="soft">None has fired. The rules are looked at each minute.</p>
    ) : (
      <ul>
        {props.alerts.map((alert) => (
          <li key={alert.id}>
            <OneAlert {...props} alert={alert} />
          </li>
        ))}
      </ul>
    )}
  </section>
);

const OneAlert = ({ alert, now, clock }: { readonly alert: Alert; readonly now: number; readonly clock: Clock }) => {
  const since = Date.parse(alert.since);
  const until = alert.resolved_at === undefined ? undefined : Date.parse(alert.resolved_at);
  return (
    <article class="alert" data-status={alert.status}>
      <h3>
        <span class="alert-mark" aria-hidden="true" />
        {TITLES[alert.rule]} <span class="status">{alert.status}</span>
      </h3>
      <p>{alert.summary}</p>
      <p class="soft">
        {until === undefined
          ? `Since ${clock.instant(since, now)}, for ${duration(now - since)}.`
          : `From ${clock.instant(since, now)} to ${clock.instant(until, now)}, for ${duration(until - since)}.`}
      </p>
      {alert.mailboxes.length === 0 ? null : <Users mailboxes={alert.mailboxes} />}
      <details>
        <summary>What to look at, what to do</summary>
        <Runbook section={alert.rule.replaceAll("_", "-")} />
        {isAddress(alert.runbook) ? (
          <p>
            <a href={alert.runbook} target="_blank" rel="noreferrer">
              Your own copy of this section
            </a>
          </p>
        ) : null}
      </details>
    </article>
  );
};

/** `ALERT_RUNBOOK_URL`, where it is set; else it is a path in the project, which nobody serves. */
const isAddress = (runbook: string): boolean =>
  URL.canParse(runbook) && ["https:", "http:"].includes(new URL(runbook).protocol);

interface Attended {
  readonly users: readonly { readonly user: string; readonly mailbox: string }[];
}

/** Alerts name Mailboxes, which are hashes (A6). Whose they are is known of those who need a person. */
const Users = ({ mailboxes }: { readonly mailboxes: readonly string[] }) => {
  const [users, setUsers] = useState<ReadonlyMap<string, string>>(new Map());
  const look = async (event: Event): Promise<void> => {
    if (!(event.currentTarget as HTMLDetailsElement).open) return;
    const known = await call<Attended>("/v1/attention?limit=1000");
    if (known.ok) setUsers(new Map(known.value.users.map(({ user, mailbox }) => [mailbox, user])));
  };
  return (
    <details onToggle={look}>
      <summary>{counted(mailboxes.length, "user")}</summary>
      <ul class="users">
        {mailboxes.map((mailbox) => {
          const user = users.get(mailbox);
          return (
            <li key={mailbox}>
              {user === undefined ? <code title={mailbox}>{mailbox}</code> : <a href={linkToUser(user)}>{user}</a>}
            </li>
          );
        })}
      </ul>
      <p class="soft">
        A long name is a Mailbox’s: the SHA-256 of <code>u:</code> and the user.
      </p>
    </details>
  );
};
