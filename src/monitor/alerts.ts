/**
 * The alerts of the deployment as the Monitor keeps them (M3): evaluated once a minute, stored with the webhook that tells of what
 * has changed in one transaction. So each is told once, whatever restarts in between.
 */
import { DurableSql } from "../durable-sql.ts";
import { log } from "../log.ts";
import type { Deployment } from "../measures/deployment.ts";
import type { Alert, AlertRule } from "../protocol/alert.ts";
import { rfc3339 } from "../protocol/instant.ts";
import type { Readiness } from "../protocol/readiness.ts";
import { type AlertSettings, type AlertTelling, alertSettings, alertTelling } from "../settings/alerts.ts";
import { type Environment, textOf } from "../settings/environment.ts";
import { attempt } from "../webhooks/attempt.ts";
import { Courier } from "../webhooks/courier.ts";
import { WEBHOOKS_TABLE, WebhookQueue } from "../webhooks/queue.ts";
import { evaluate, type HeldSample, type Kept } from "./alert-rules.ts";
import { bodyOf } from "./telling.ts";

/** A row each, however long it runs. */
const ALERTS_KEY = "alerts";
const HELD_KEY = "held_samples";

const TIMEOUT_MS = 15_000;

export class Alerts {
  readonly #storage: DurableObjectStorage;
  readonly #settings: AlertSettings;
  readonly #telling: AlertTelling;
  readonly #runbook: string;
  readonly #queue: WebhookQueue;
  readonly #courier: Courier;

  constructor(storage: DurableObjectStorage, env: Environment) {
    this.#storage = storage;
    this.#settings = alertSettings(env).settings;
    this.#telling = alertTelling(env).settings;
    this.#runbook = textOf(env, "ALERT_RUNBOOK_URL") ?? "src/monitor/OPERATIONS.md";
    const sql = new DurableSql(storage);
    sql.exec(WEBHOOKS_TABLE.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"));
    const [stored] = sql.exec<{ stored: string }>(`SELECT ${WebhookQueue.STORED} AS stored`);
    this.#queue = new WebhookQueue(sql, JSON.parse(stored?.stored ?? "[null,0,null]"));
    this.#courier = new Courier({
      due: (limit, underWay) => this.#queue.due(Date.now(), limit, underWay),
      attempt: (webhook) => attempt(webhook, this.#telling.target, env.ENVIRONMENT === "development", Date.now()),
      record: (webhook, outcome) => {
        if (!outcome.ok) log("warn", "alert_not_told", { reason: outcome.fault });
        storage.transactionSync(() => this.#queue.record(webhook, outcome, Date.now(), Math.random()));
        this.#arm();
        return true;
      },
      now: () => Date.now(),
      timeoutMs: TIMEOUT_MS,
    });
  }

  /** Evaluates every rule once, and tells of what has changed. */
  watch(deployment: Deployment, startUpCheck: Readiness | undefined, now: number): void {
    const held = [...this.#held(), { at: now, count: deployment.held.count }];
    // Two more than are looked at: the schedule is not exact.
    const recent = held.filter(({ at }) => at > now - this.#settings.growingMs - 120_000);
    const { alerts, news } = evaluate(this.#kept(), { deployment, startUpCheck, held: recent }, this.#settings, now);
    this.#storage.transactionSync(() => {
      this.#storage.kv.put(HELD_KEY, recent);
      this.#storage.kv.put(ALERTS_KEY, alerts);
      if (this.#telling.target === undefined) return;
      for (const kept of news) {
        const { id, status } = kept;
        const body = bodyOf(this.#alertOf(kept), this.#telling);
        this.#queue.add({ id: `${id}-${status}`, event: `alert.${status}`, seq: 0, body }, now);
      }
    });
    for (const { rule, status, verdict } of news) {
      log(status === "firing" ? "error" : "info", "alert", { reason: rule, alert: status, detail: verdict.summary });
    }
    this.tell();
  }

  /** Sends what is due, and has an alarm look after what is to be tried again. */
  tell(): void {
    this.#queue.forgetDue(Date.now());
    this.#courier.start();
    this.#arm();
  }

  /** The last alert of each rule; those that fire first. */
  list(): readonly Alert[] {
    const order = ({ status }: Kept) => (status === "firing" ? 0 : 1);
    return [...this.#kept()]
      .sort((a, b) => order(a) - order(b) || b.since - a.since)
      .map((kept) => this.#alertOf(kept));
  }

  #kept(): readonly Kept[] {
    return this.#storage.kv.get<Kept[]>(ALERTS_KEY) ?? [];
  }

  #held(): readonly HeldSample[] {
    return this.#storage.kv.get<HeldSample[]>(HELD_KEY) ?? [];
  }

  #alertOf({ rule, status, id, since, resolvedAt, verdict }: Kept): Alert {
    return {
      rule,
      status,
      id,
      since: rfc3339(since),
      ...(resolvedAt === undefined ? {} : { resolved_at: rfc3339(resolvedAt) }),
      ...verdict,
      runbook: `${this.#runbook}#${anchorOf(rule)}`,
    };
  }

  #arm(): void {
    const at = this.#courier.wakeAt(this.#queue.dueAt ?? this.#queue.forgetAt);
    if (at !== undefined) void this.#storage.setAlarm(at);
  }
}

/** As a heading's is made. */
const anchorOf = (rule: AlertRule): string => rule.replaceAll("_", "-");
