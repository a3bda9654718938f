/**
 * When something is wrong (M3): rules over what was measured, and their states. Pure: it is told the time, and says what has changed.
 *
 * A rule that looks at a share needs a least count: one failure in three says nothing. What fires stays firing until its
 * rule says that all is well, so that it fires once and resolves once, however often it is asked.
 */
import { allNamed, type Deployment, type Moment } from "../measures/deployment.ts";
import { deliveryFailureRate, ended, failed } from "../measures/rates.ts";
import { Tally } from "../measures/tally.ts";
import type { AlertRule } from "../protocol/alert.ts";
import { NAMED_MAX } from "../protocol/monitor-api.ts";
import type { Readiness } from "../protocol/readiness.ts";
import type { AlertSettings } from "../settings/alerts.ts";

/** What a rule says of the moment: how bad it is, in a sentence, and whom it happens to. */
export interface Verdict {
  readonly isBad: boolean;
  readonly value: number;
  readonly threshold: number;
  readonly summary: string;
  /** Names of Mailboxes. */
  readonly mailboxes: readonly string[];
}

/** What the rules look at. The slots of the deployment are 10 s long. */
interface Situation {
  readonly deployment: Deployment;
  readonly startUpCheck: Readiness | undefined;
  /** How many messages were held at the last evaluations, the oldest first, this one last. */
  readonly held: readonly HeldSample[];
}

export interface HeldSample {
  readonly at: number;
  readonly count: number;
}

type Rule = (situation: Situation, settings: AlertSettings, now: number) => Verdict;

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;
const minutes = (ms: number): string => `${Math.round(ms / 60_000)} minutes`;

const since = ({ moments }: Deployment, now: number, windowMs: number): readonly Moment[] =>
  moments.filter(({ at }) => at > now - windowMs - SLOT_MS);
const SLOT_MS = 10_000;

const tallyOf = (moments: readonly Moment[]): Tally => {
  const tally = new Tally();
  for (const moment of moments) tally.add(moment.tally.pairs());
  return tally;
};

const named = (moments: readonly Moment[], ...what: readonly string[]): readonly string[] => {
  const all = allNamed(moments.map((moment) => moment.failed));
  return [...new Set(what.flatMap((name) => all[name] ?? []))].slice(0, NAMED_MAX);
};

const RULES: Readonly<Record<AlertRule, Rule>> = {
  connection_failures: ({ deployment }, settings, now) => {
    const moments = since(deployment, now, settings.windowMs);
    const tally = tallyOf(moments);
    const [failures, attempts] = [tally.count("connection_failures"), tally.count("connection_attempts")];
    const value = attempts === 0 ? 0 : failures / attempts;
    const threshold = settings.connectionFailureRate;
    return {
      isBad: attempts >= settings.leastCount && value > threshold,
      value,
      threshold,
      summary: `${failures} of ${attempts} connections failed within ${minutes(settings.windowMs)} (${percent(value)}; up to ${percent(threshold)} is taken for normal).`,
      mailboxes: named(moments, "connection_failures"),
    };
  },
  delivery_failures: ({ deployment }, settings, now) => {
    const moments = since(deployment, now, settings.windowMs);
    const tally = tallyOf(moments);
    const value = deliveryFailureRate(tally) ?? 0;
    const threshold = settings.deliveryFailureRate;
    return {
      isBad: ended(tally) >= settings.leastCount && value > threshold,
      value,
      threshold,
      summary: `${failed(tally)} of ${ended(tally)} messages did not reach a user who was there, within ${minutes(settings.windowMs)} (${percent(value)}; up to ${percent(threshold)} is taken for normal).`,
      mailboxes: named(moments, "failed_expired", "failed_rejected", "failed_undeliverable"),
    };
  },
  mailbox_failures: ({ deployment }, settings, now) => {
    const moments = since(deployment, now, settings.windowMs);
    const value = tallyOf(moments).count("mailbox_failures");
    const threshold = settings.mailboxFailures;
    return {
      isBad: value >= threshold,
      value,
      threshold,
      summary: `Mailboxes failed on ${value} calls within ${minutes(settings.windowMs)}: they do not start, or throw.`,
      mailboxes: named(moments, "mailbox_failures"),
    };
  },
  start_up_check: ({ startUpCheck }) => {
    const step = startUpCheck?.steps.find(({ ok }) => !ok);
    const said = step === undefined ? "" : ` at ${step.name}: ${step.detail ?? step.code ?? "no reason was given"}`;
    return {
      isBad: startUpCheck?.status === "not_ready",
      value: startUpCheck?.duration_ms ?? 0,
      threshold: 0,
      summary: `The start-up check of version ${startUpCheck?.version ?? "unknown"} failed${said}`,
      mailboxes: [],
    };
  },
  recovery_queue: ({ held }, settings, now) => {
    const samples = held.filter(({ at }) => at > now - settings.growingMs - SLOT_MS);
    const [first, last] = [samples[0], samples.at(-1)];
    const isWhole = first !== undefined && first.at <= now - settings.growingMs + SLOT_MS;
    const value = (last?.count ?? 0) - (first?.count ?? 0);
    const threshold = Math.max(settings.growthLeast, (first?.count ?? 0) * settings.growthShare);
    const isRising = samples.every(({ count }, at) => at === 0 || count > (samples[at - 1]?.count ?? 0));
    return {
      isBad: isWhole && isRising && value >= threshold,
      value,
      threshold,
      summary: `The recovery queue has grown for ${minutes(settings.growingMs)} without a pause, by ${value} to ${last?.count ?? 0} messages: more is sent than is read.`,
      mailboxes: [],
    };
  },
};

/** One alert as it is kept; the last of each rule. */
export interface Kept {
  readonly rule: AlertRule;
  readonly status: "firing" | "resolved";
  /** Names this one firing: the same when it fires and when it resolves. */
  readonly id: string;
  readonly since: number;
  readonly resolvedAt?: number;
  /** As it was at the last evaluation while it fired. */
  readonly verdict: Omit<Verdict, "isBad">;
}

interface Change {
  readonly alerts: readonly Kept[];
  /** Those that have just fired or resolved. */
  readonly news: readonly Kept[];
}

/** Evaluates every rule once. */
export const evaluate = (kept: readonly Kept[], situation: Situation, settings: AlertSettings, now: number): Change => {
  const news: Kept[] = [];
  const alerts = (Object.keys(RULES) as AlertRule[]).flatMap((rule): Kept[] => {
    const before = kept.find((alert) => alert.rule === rule);
    const { isBad, ...verdict } = RULES[rule](situation, settings, now);
    const isFiring = before?.status === "firing";
    if (!isBad && !isFiring) return before === undefined ? [] : [before];
    if (isBad && isFiring) return [{ ...before, verdict: { ...verdict, mailboxes: more(before, verdict.mailboxes) } }];
    const next: Kept = isBad
      ? { rule, status: "firing", id: `${rule}-${now}`, since: now, verdict }
      : { ...(before as Kept), status: "resolved", resolvedAt: now };
    news.push(next);
    return [next];
  });
  return { alerts, news };
};

/** Whom it has happened to since it fired. */
const more = ({ verdict }: Kept, mailboxes: readonly string[]): readonly string[] =>
  [...new Set([...verdict.mailboxes, ...mailboxes])].slice(0, NAMED_MAX);
