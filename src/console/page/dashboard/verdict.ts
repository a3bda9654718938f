/**
 * Is everybody getting their messages? One sentence, out of what the Monitors say and of how long ago they said it.
 *
 * It says so only where there is evidence: numbers that are fresh, alerts that somebody looks at, messages that arrived. Silence, of the
 * stream or of the schedule, is never taken for health.
 */
import type { Alert, AlertRule } from "../../../protocol/alert.ts";
import type { Range } from "../../../protocol/monitor-api.ts";
import type { MonitorReply } from "../../../protocol/replies.ts";
import { counted } from "../parts/amount.ts";
import { type Clock, duration } from "./units.ts";

/** `good` and `bad` are known; `unsure` is not, and must not look like either. `quiet` is known, and is nothing. */
type Tone = "good" | "bad" | "unsure" | "quiet";

export interface Verdict {
  readonly tone: Tone;
  readonly sentence: string;
  /** Since when, and on what evidence. */
  readonly because: string;
}

/** What the page has of the stream: the last reply, and since when nothing has come, where that is too long. */
export interface Heard {
  readonly reply: MonitorReply | undefined;
  /** Unix milliseconds of the last reply, by its own clock, once the next is overdue. */
  readonly staleSince?: number;
  /** Why nothing comes, as far as the page knows. */
  readonly fault?: string;
}

export const RANGE_WORDS: Readonly<Record<Range, string>> = {
  "15m": "15 minutes",
  "6h": "6 hours",
  "7d": "7 days",
};

export const RULE_WORDS: Readonly<Record<AlertRule, string>> = {
  connection_failures: "connections fail",
  delivery_failures: "deliveries fail",
  start_up_check: "the start-up check fails",
  mailbox_failures: "Mailboxes fail",
  recovery_queue: "the recovery queue grows",
};

/** The schedule runs the check each minute: after three without one, nobody looks at the rules either. */
export const UNWATCHED_MS = 180_000;

export const isFiring = ({ status }: Alert): boolean => status === "firing";

export const verdictOf = ({ reply, staleSince, fault }: Heard, clock: Clock): Verdict => {
  if (reply === undefined) {
    return fault === undefined
      ? { tone: "unsure", sentence: "Asking the Monitors…", because: "" }
      : { tone: "unsure", sentence: "No data.", because: fault };
  }
  const now = Date.parse(reply.at);
  if (staleSince === undefined) return verdictOn(reply, now, clock);
  const then = verdictOn(reply, now, clock).sentence;
  return {
    tone: "unsure",
    sentence: `No data since ${clock.instant(staleSince, Date.now())}.`,
    because: `${fault ?? "The stream has ended; the page tries again."} Until then: “${then}”`,
  };
};

/** The worst first. What nobody measures, and what nobody looks at, is not taken for well. */
const verdictOn = (reply: MonitorReply, now: number, clock: Clock): Verdict =>
  alerting(reply, now, clock) ??
  unmeasured(reply) ??
  unwatched(reply, now, clock) ??
  quiet(reply, now, clock) ??
  delivering(reply, now, clock);

const alerting = ({ alerts, start_up_check: check }: MonitorReply, now: number, clock: Clock): Verdict | undefined => {
  const firing = alerts.filter(isFiring);
  const [first, ...others] = firing;
  if (first !== undefined) {
    const since = Math.min(...firing.map((alert) => Date.parse(alert.since)));
    return {
      tone: "bad",
      sentence: `${counted(firing.length, "alert")}: ${[first, ...others].map(({ rule }) => RULE_WORDS[rule]).join("; ")}.`,
      because: `${others.length === 0 ? `${withStop(first.summary)} ` : ""}Since ${clock.instant(since, now)}, for ${duration(now - since)}.`,
    };
  }
  if (check?.status !== "not_ready") return undefined;
  const step = check.steps.find(({ ok }) => !ok);
  return {
    tone: "bad",
    sentence: `The start-up check fails${step === undefined ? "" : ` at ${step.name}`}.`,
    because: `A message that was sent before its user connected did not arrive, at ${clock.instant(Date.parse(check.checked_at), now)}.`,
  };
};

const unmeasured = ({ monitoring }: MonitorReply): Verdict | undefined =>
  monitoring !== "off"
    ? undefined
    : {
        tone: "unsure",
        sentence: "Monitoring is off.",
        because: 'Nothing is gathered, whatever happens: take away MONITORING = "off" in wrangler.toml.',
      };

const withStop = (text: string): string => (text.endsWith(".") ? text : `${text}.`);

const unwatched = (reply: MonitorReply, now: number, clock: Clock): Verdict | undefined => {
  const { start_up_check: check } = reply;
  if (check === undefined) {
    return {
      tone: "unsure",
      sentence: "The start-up check cannot be asked for.",
      because: "It, and the alert rules with it, are what would notice.",
    };
  }
  if (now - Date.parse(check.checked_at) <= UNWATCHED_MS) return undefined;
  return {
    tone: "unsure",
    sentence: `Nobody has looked since ${checkedAt(reply, now, clock)}.`,
    because:
      "The schedule, which runs the start-up check and looks at the alert rules, should run each minute: see [triggers] in wrangler.toml. Under wrangler dev alone it does not run by itself.",
  };
};

const quiet = (reply: MonitorReply, now: number, clock: Clock): Verdict | undefined => {
  const { range, total } = reply;
  const { held } = reply.now;
  const { messages } = total;
  if (messages.accepted + messages.delivered + messages.failures > 0) return undefined;
  if (held.count > 0) {
    const oldest =
      held.oldest_at === undefined ? "" : `, the oldest since ${clock.instant(Date.parse(held.oldest_at), now)}`;
    return {
      tone: "quiet",
      sentence: `Nothing sent in the last ${RANGE_WORDS[range]}.`,
      because: `${counted(held.count, "message waits", "messages wait")} for users who are away${oldest}.`,
    };
  }
  return {
    tone: "quiet",
    sentence: range === "7d" ? "No messages yet." : `No messages in the last ${RANGE_WORDS[range]}.`,
    because: `The start-up check’s own message arrived at ${checkedAt(reply, now, clock)}. Find a user, whoever it is, to send one a test message.`,
  };
};

const checkedAt = ({ start_up_check: check }: MonitorReply, now: number, clock: Clock): string =>
  check === undefined ? "an unknown time" : clock.instant(Date.parse(check.checked_at), now);

const delivering = (reply: MonitorReply, now: number, clock: Clock): Verdict => {
  const { messages } = reply.total;
  const range = `in the last ${RANGE_WORDS[reply.range]}`;
  const waiting = `${counted(reply.now.held.count, "message waits", "messages wait")}`;
  if (messages.delivered + messages.failures === 0) {
    // Either nobody is there, or nobody acks: the numbers cannot tell.
    const sentence = `Nothing delivered ${range}.`;
    return { tone: "unsure", sentence, because: `${counted(messages.accepted, "message")} sent; ${waiting}.` };
  }
  const delivered = `${counted(messages.delivered, "message")} delivered ${range}, ${waiting}.`;
  const because = `${delivered} ${lastAlert(reply, now, clock)}`;
  if (messages.failures === 0) return { tone: "good", sentence: "Everybody is getting their messages.", because };
  // Too few for an alert; but nobody would call it well.
  if (messages.failures >= messages.delivered) {
    const ended = counted(messages.delivered + messages.failures, "message");
    return { tone: "unsure", sentence: `${messages.failures} of ${ended} did not reach their users.`, because };
  }
  return {
    tone: "good",
    sentence: `All but ${counted(messages.failures, "message")} reached their users.`,
    because,
  };
};

const lastAlert = ({ alerts }: MonitorReply, now: number, clock: Clock): string => {
  const resolved = alerts.flatMap(({ resolved_at: at, rule }) =>
    at === undefined ? [] : [{ at: Date.parse(at), rule }],
  );
  const last = resolved.sort((a, b) => b.at - a.at)[0];
  return last === undefined
    ? "No alert has ever fired."
    : `No alert since ${clock.instant(last.at, now)}, when the last one resolved.`;
};
