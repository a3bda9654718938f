/**
 * What the service answers with, as schemas. They only describe: the compiler holds them to the types that the service writes
 * its answers by, and a test holds real answers to them, down to the last field.
 */
import * as v from "valibot";
import { ALERT_RULES, type Alert as AlertReply } from "../protocol/alert.ts";
import { ATTENTION_REASONS } from "../protocol/attention.ts";
import { ERRORS, type HttpErrorCode } from "../protocol/errors.ts";
import { DEAD_LETTER_REASONS } from "../protocol/message.ts";
import { RANGES, type Range } from "../protocol/monitor-api.ts";
import { READINESS_STEPS, type Readiness } from "../protocol/readiness.ts";
import type * as replies from "../protocol/replies.ts";
import { count, device, instant, name, seq, status } from "./field-schemas.ts";
import { TrailStep } from "./trail-schema.ts";

type Schema<T> = v.GenericSchema<T>;

const scope = v.picklist(["send", "manage", "monitor"]);

const message = {
  id: v.pipe(v.string(), v.description("The sender's; or the server's, which is ~ and the seq.")),
  seq,
  status,
  devices: v.pipe(count, v.description("Devices of this user; 0 = it has never connected.")),
  sent_to: v.pipe(count, v.description("Open connections that it was sent to.")),
  accepted_at: instant,
  expires_at: instant,
  delivered_at: v.exactOptional(instant),
  escalated_at: v.exactOptional(
    v.pipe(instant, v.description("When it went to the webhook as a fallback; known while it is held.")),
  ),
  requeued_from: v.exactOptional(v.pipe(seq, v.description("The dead letter that it was made from."))),
};
export const Message: Schema<replies.MessageReply> = v.object(message);

const ownTrail = v.exactOptional(v.pipe(v.array(TrailStep), v.description("Oldest first (N3).")));

export const HeldMessage: Schema<replies.HeldReply> = v.pipe(
  v.object({
    ...message,
    type: v.exactOptional(name),
    topic: v.exactOptional(name),
    trail: ownTrail,
    data: v.exactOptional(v.unknown()),
  }),
  v.description("The state of a message; and the message itself, while it is held."),
);

export const DeadLetter: Schema<replies.DeadLetterReply> = v.object({
  seq: v.pipe(seq, v.description("The one that it had as a message: its name.")),
  id: name,
  type: name,
  topic: v.exactOptional(name),
  reason: v.picklist(DEAD_LETTER_REASONS),
  reject_reason: v.exactOptional(v.pipe(v.string(), v.description("The client's own words."))),
  accepted_at: instant,
  ended_at: instant,
  requeued_from: v.exactOptional(seq),
  trail: ownTrail,
  data: v.exactOptional(v.unknown()),
});

export const Connection: Schema<replies.ConnectionReply> = v.object({
  connection_id: name,
  device,
  opened_at: instant,
  sent_seq: seq,
  acked_seq: seq,
  in_flight: count,
  window: count,
  caught_up: v.boolean(),
  token_expires_at: instant,
  pinged_at: v.exactOptional(v.pipe(instant, v.description("Absent where it has never pinged."))),
});

export const Device: Schema<replies.DeviceReply> = v.object({
  device,
  cursor: seq,
  connected: v.boolean(),
  first_seen_at: instant,
  last_seen_at: instant,
});

export const User = v.object({
  connected: v.boolean(),
  connections: v.array(Connection),
  devices: v.array(Device),
  held: v.object({ count, bytes: count, oldest_at: v.exactOptional(instant) }),
  dead_letters: count,
  mailbox: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/), v.description("The name in the service's logs.")),
}) satisfies Schema<replies.UserReply>;

const next = v.exactOptional(v.pipe(seq, v.description("`after` of the next page; the last has none.")));
export const HeldPage: Schema<replies.HeldPage> = v.object({ messages: v.array(HeldMessage), next });
export const DeadLetterPage: Schema<replies.DeadLetterPage> = v.object({ dead_letters: v.array(DeadLetter), next });

export const Requeued: Schema<replies.RequeuedReply> = v.object({
  requeued: v.array(Message),
  left: v.pipe(count, v.description("Found no room, and stay dead letters.")),
});

export const Token: Schema<replies.TokenReply> = v.object({ token: name, expires_at: instant });
export const Renewed = v.object({ expires_at: instant });
export const Recalled = v.object({
  status: v.literal("recalled"),
  sent: v.pipe(v.boolean(), v.description("A connection may have got it.")),
});
export const Revoked = v.object({ status: v.literal("revoked") });
export const Erased = v.object({ status: v.literal("erased") });
export const Discarded = v.object({ discarded: count });
export const Acknowledged = v.object({ acked_seq: seq, checkpoint: seq });
export const Health = v.object({ status: v.literal("ok"), version: name });

export const Retried = v.object({ retried: count });

const attentionReason = v.picklist(ATTENTION_REASONS);
export const AttentionUser: Schema<replies.AttentionUser> = v.object({
  user: name,
  reasons: v.array(attentionReason),
  since: v.pipe(instant, v.description("When the first of the reasons came.")),
  updated_at: instant,
  mailbox: v.pipe(v.string(), v.description("The name in the service's logs.")),
});
export const AttentionPage: Schema<replies.AttentionPage> = v.object({
  users: v.array(AttentionUser),
  total: v.pipe(count, v.description("All of them, whatever the page.")),
  reasons: v.pipe(
    v.object({ rejected: count, expired: count, undeliverable: count, held: count, timeouts: count, webhooks: count }),
    v.description("How many users have each."),
  ),
  next: v.exactOptional(v.pipe(name, v.description("`after` of the next page; the last has none."))),
});

export const Job: Schema<replies.JobReply> = v.object({
  id: name,
  action: v.picklist(["requeue", "discard"]),
  status: v.picklist(["running", "done", "stopped"]),
  reason: v.exactOptional(v.picklist(DEAD_LETTER_REASONS)),
  since: v.exactOptional(instant),
  until: instant,
  ttl: v.exactOptional(v.number()),
  users: v.object({
    total: v.pipe(count, v.description("When it began.")),
    done: count,
    failed: v.pipe(count, v.description("Their mailbox could not be reached: the same again takes them.")),
  }),
  dead_letters: v.object({
    done: count,
    left: v.pipe(count, v.description("Found no room, and stay dead letters.")),
  }),
  started_at: instant,
  updated_at: instant,
});
export const Jobs = v.object({ jobs: v.array(Job) });

export const Key: Schema<replies.KeyReply> = v.object({
  name: v.pipe(name, v.description("Of its setting, `API_KEY_<NAME>`.")),
  scopes: v.array(v.picklist(["send", "manage", "monitor"])),
});

const WebhookState: Schema<replies.WebhookReply> = v.object({
  id: v.pipe(name, v.description("Its `webhook-id`.")),
  event: name,
  seq,
  status: v.picklist(["pending", "failed"]),
  attempts: v.pipe(count, v.description("Those that failed.")),
  created_at: instant,
  next_at: v.exactOptional(instant),
  attempted_at: v.exactOptional(instant),
  fault: v.exactOptional(v.pipe(v.string(), v.description("Why the last attempt failed."))),
});
export const WebhookPage: Schema<replies.WebhookPage> = v.object({
  webhooks: v.array(WebhookState),
  next: v.exactOptional(v.pipe(count, v.description("`after` of the next page; the last has none."))),
});

const code = v.picklist((Object.keys(ERRORS) as HttpErrorCode[]).filter((code) => ERRORS[code].status !== undefined));
const problem = {
  type: v.pipe(v.string(), v.description("`urn:restante:error:` and the code.")),
  title: name,
  status: v.pipe(v.number(), v.integer()),
  code,
  detail: v.pipe(v.string(), v.description("What happened and what to do next, for a person.")),
  retry: v.pipe(
    v.picklist(["no", "later", "same_id"]),
    v.description("`no`: the same again fails again. `later`: the same may pass. `same_id`: only with the same id."),
  ),
  errors: v.exactOptional(
    v.pipe(
      v.array(
        v.object({
          pointer: v.exactOptional(name),
          parameter: v.exactOptional(name),
          header: v.exactOptional(name),
          detail: name,
        }),
      ),
      v.description("Where each fault of the input is (400)."),
    ),
  ),
  message_status: v.exactOptional(v.pipe(status, v.description("How the message has ended (409)."))),
  scopes: v.exactOptional(v.pipe(v.array(scope), v.description("Which would do (403)."))),
  origin: v.exactOptional(v.pipe(v.string(), v.description("The one that is not allowed (403)."))),
};
export const Problem: Schema<replies.Problem> = v.pipe(
  v.object(problem),
  v.description("RFC 9457. Further members may come where the case needs them."),
);

const http_status = v.pipe(v.number(), v.integer());
const BatchResult: Schema<replies.Outcome<replies.SentReply>> = v.union([
  v.object({
    ...message,
    replayed: v.exactOptional(
      v.pipe(v.literal(true), v.description("The id was known already; nothing new was made.")),
    ),
    http_status,
  }),
  v.object({ ...problem, http_status, retry_after: v.exactOptional(v.pipe(count, v.description("Seconds."))) }),
]);
export const BatchResults = v.object({
  results: v.pipe(v.array(BatchResult), v.description("One for each message, in their order.")),
});

const step = {
  name: v.picklist(READINESS_STEPS),
  ok: v.boolean(),
  duration_ms: count,
  code: v.exactOptional(code),
  detail: v.exactOptional(v.string()),
};
export const StartUpCheck: Schema<Readiness> = v.object({
  status: v.picklist(["ready", "not_ready"]),
  version: v.pipe(v.string(), v.description("Of the code that was checked.")),
  checked_at: instant,
  duration_ms: count,
  steps: v.array(v.object(step)),
});

const rate = v.nullable(
  v.pipe(v.number(), v.minValue(0), v.maxValue(1), v.description("null where nothing was counted.")),
);
const ms = v.pipe(v.number(), v.minValue(0));
const times = v.nullable(
  v.pipe(
    v.object({ count, mean_ms: ms, p50_ms: ms, p95_ms: ms, p99_ms: ms }),
    v.description("Percentiles are true to 5 %; null where nothing was timed."),
  ),
);
const numbers = {
  connections: v.object({
    attempts: count,
    failures: v.pipe(count, v.description("A valid token, and no connection_established.")),
    retries: count,
    refusals: count,
    failure_rate: rate,
    established: count,
    ended: count,
    time: times,
    client_time: times,
  }),
  messages: v.object({
    accepted: count,
    accepted_away: count,
    delivered: count,
    rescued: v.pipe(count, v.description("Accepted with nobody connected, and delivered after all.")),
    waited_for: count,
    expired: count,
    rejected: count,
    undeliverable: count,
    replaced: count,
    recalled: count,
    erased: count,
    failures: v.pipe(count, v.description("Expired, rejected or undeliverable for a user who was connected since.")),
    never_connected: count,
    success_rate: rate,
    ephemeral_delivered: count,
    ephemeral_dropped: count,
    time: times,
    waiting_time: times,
    wire_time: times,
  }),
  mailbox_failures: count,
};
export const Alert: Schema<AlertReply> = v.object({
  rule: v.picklist(ALERT_RULES),
  status: v.picklist(["firing", "resolved"]),
  id: v.pipe(v.string(), v.description("The same as it fires and as it resolves.")),
  since: instant,
  resolved_at: v.exactOptional(instant),
  value: v.number(),
  threshold: v.number(),
  summary: v.string(),
  mailboxes: v.pipe(v.array(v.string()), v.description("Up to 20, by the name that `GET /v1/users/{user}` tells.")),
  runbook: v.string(),
});
export const Alerts = v.object({ alerts: v.array(Alert) });
export const Monitor: Schema<replies.MonitorReply> = v.object({
  range: v.picklist(Object.keys(RANGES) as Range[]),
  slot_ms: count,
  at: instant,
  monitoring: v.picklist(["on", "off"]),
  now: v.object({
    held: v.object({ count, oldest_at: v.exactOptional(instant), oldest_age_ms: v.exactOptional(count) }),
    open_connections: count,
    open_waits: count,
  }),
  total: v.object(numbers),
  slots: v.array(v.object({ at: instant, held: count, open_connections: count, ...numbers })),
  alerts: v.array(Alert),
  start_up_check: v.exactOptional(StartUpCheck),
});
