/** Takes a Mailbox's webhooks to the deployment's receiver, as its settings say. */
import { log, thrown } from "../log.ts";
import type { Environment } from "../settings/environment.ts";
import { webhookSettings } from "../settings/webhooks.ts";
import { attempt } from "../webhooks/attempt.ts";
import { Courier } from "../webhooks/courier.ts";
import type { Turns } from "./turns.ts";

/** How long an attempt takes at most where no receiver is set: it fails at once. */
const NO_TARGET_MS = 1_000;

export const webhookCourier = (env: Environment, mailbox: string, { core, turn }: Turns): Courier => {
  const { target } = webhookSettings(env).settings;
  const isDevelopment = env.ENVIRONMENT === "development";
  return new Courier({
    due: (limit, underWay) => core().outbox.webhooks.due(core().clock.now(), limit, underWay),
    attempt: (delivery) => attempt(delivery, target, isDevelopment, Date.now()),
    record: (delivery, outcome) => {
      try {
        turn((now) => core().outbox.webhooks.record(delivery, outcome, now, Math.random()));
      } catch (error) {
        // It is still due: the alarm sends it again, with the same id.
        log("error", "webhook_not_recorded", { mailbox, ...thrown(error) });
        return false;
      }
      if (!outcome.ok) log("warn", "webhook_failed", { mailbox, reason: outcome.fault });
      return true;
    },
    now: () => core().clock.now(),
    timeoutMs: target?.timeoutMs ?? NO_TARGET_MS,
  });
};
