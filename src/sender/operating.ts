/** What an operator does, by whatever way its port goes. */
import type { BulkChoice as WireChoice } from "../protocol/operator-api.ts";
import { type CallOptions, type Effort, run } from "./calls.ts";
import { checkedInstant, checkUser } from "./input.ts";
import { live } from "./live.ts";
import type {
  Alert,
  AttentionCounts,
  AttentionUser,
  BulkChoice,
  Job,
  Measured,
  Operator,
  StartUpCheck,
  Webhook,
} from "./operator.ts";
import { paged } from "./pages.ts";
import { pause, type Repeating } from "./patience.ts";
import { type Arguments, aborted, type Method, type ReplyTo } from "./port.ts";
import type { Ports } from "./ports.ts";
import { camelCased } from "./replies.ts";
import { SendError } from "./send-error.ts";
import { userCalls } from "./user-calls.ts";

const FOLLOW_EVERY_MS = 1_000;
/** A start-up check has limits of its own, which name the step that was too slow. */
const CHECK_MS = 60_000;

export const operating = ({ port, open, live: openLive }: Ports, effort: Effort): Operator => {
  const ofUser = userCalls(port, effort);
  const call = <M extends Method>(
    method: M,
    args: Arguments<M>,
    options: CallOptions,
    repeating: Repeating = "repeatable",
  ): Promise<ReplyTo<M>> => run(port, effort, { method, args: () => args, repeating }, options);
  const job = async (id: string, options: CallOptions = {}) => camelCased<Job>(await call("job", [id], options));

  return {
    attention: ({ reason, ...options } = {}) =>
      paged<AttentionUser, string>(async (after) => {
        const query = { ...(reason === undefined ? {} : { reason }), ...(after === undefined ? {} : { after }) };
        const { users, next } = await call("attention", [query], options);
        return { items: users.map((user) => camelCased<AttentionUser>(user)), ...(next === undefined ? {} : { next }) };
      }),

    attentionCounts: async (options = {}) => {
      const { total, reasons } = await call("attention", [{ limit: 1 }], options);
      return camelCased<AttentionCounts>({ total, reasons });
    },

    requeueAll: async (which, { ttl, ...options } = {}) => {
      const terms = ttl === undefined ? {} : { ttl };
      return camelCased<Job>(await call("requeueAll", [chosen(which), terms], options, "once"));
    },
    discardAll: async (which, options = {}) =>
      camelCased<Job>(await call("discardAll", [chosen(which)], options, "once")),

    jobs: async (options = {}) => (await call("jobs", [], options)).jobs.map((one) => camelCased<Job>(one)),
    job,
    stopJob: async (id, options = {}) => camelCased<Job>(await call("stopJob", [id], options)),

    async *follow(id, { everyMs = FOLLOW_EVERY_MS, ...options } = {}) {
      let seenAt: string | undefined;
      for (;;) {
        const now = await job(id, options);
        if (now.updatedAt !== seenAt || now.status !== "running") yield now;
        if (now.status !== "running") return;
        seenAt = now.updatedAt;
        await pause(everyMs, options.signal);
        if (options.signal?.aborted) throw new SendError(aborted(options.signal), { attempts: 0 });
      }
    },

    webhooks: (user, { location, ...options } = {}) =>
      paged<Webhook, number>(async (after = 0) => {
        const query = { after, ...(location === undefined ? {} : { location }) };
        const { webhooks, next } = await ofUser("webhooks", [user, query], options);
        return { items: webhooks.map((one) => camelCased<Webhook>(one)), ...(next === undefined ? {} : { next }) };
      }),
    retryWebhooks: async (user, { location, ...options } = {}) => {
      const { retried } = await ofUser("retryWebhooks", [user, location === undefined ? {} : { location }], options);
      return { retried };
    },
    discardWebhooks: async (user, { location, ...options } = {}) => {
      const { discarded } = await ofUser(
        "discardWebhooks",
        [user, location === undefined ? {} : { location }],
        options,
      );
      return { discarded };
    },

    watch: (user, options = {}) => {
      checkUser(user);
      return live(openLive, effort, user, options);
    },

    alerts: async (options = {}) => (await call("alerts", [], options)).alerts.map((one) => camelCased<Alert>(one)),
    measured: async (range = "15m", options = {}) => camelCased<Measured>(await call("monitor", [{ range }], options)),

    startUpCheck: async (options = {}) => {
      const patient = { ...effort, attemptTimeoutMs: Math.max(effort.attemptTimeoutMs, CHECK_MS) };
      const check = { method: "ready", args: () => [] as [], repeating: "repeatable" } as const;
      const terms = { timeoutMs: CHECK_MS, ...options };
      try {
        return camelCased<StartUpCheck>(await run(port, patient, check, terms));
      } catch (error) {
        const isForOthers = error instanceof SendError && error.code === "missing_scope";
        if (!isForOthers) throw error;
        return camelCased<StartUpCheck>(await run(open, patient, check, terms));
      }
    },
  };
};

/** A bound that is given counts, whatever stands beside it: what was meant for some must not be done to all. */
const chosen = (which: BulkChoice): WireChoice => {
  const { reason, since, until, all } = { reason: undefined, since: undefined, until: undefined, all: false, ...which };
  const bounds = {
    ...(reason === undefined ? {} : { reason }),
    ...(since === undefined ? {} : { since: checkedInstant("since", since) }),
    ...(until === undefined ? {} : { until: checkedInstant("until", until) }),
  };
  return all && Object.keys(bounds).length === 0 ? { all: true } : bounds;
};
