/** The routes of who looks after a deployment, in words (N). */
import * as http from "../protocol/http.ts";
import { json, type Operation } from "./operation.ts";

const USER = "/v1/users/{user}";

export const SILENCE_OPERATIONS: Readonly<Record<string, Operation>> = {
  [`GET ${USER}/webhooks`]: {
    id: "listWebhooks",
    tag: "silence",
    summary: "List what the webhook is still to be told of a user, and what it could not be",
    description: "N2. In the order of its events.",
    query: http.pageQuery,
    replies: { 200: json("WebhookPage", "A page.") },
  },
  [`POST ${USER}/webhooks/retry`]: {
    id: "retryWebhooks",
    tag: "silence",
    summary: "Tell the webhook again what was given up",
    description: "N2. With the same ids, on the schedule from its beginning.",
    query: http.placedQuery,
    replies: { 200: json("Retried", "How many.") },
  },
  [`DELETE ${USER}/webhooks`]: {
    id: "discardWebhooks",
    tag: "silence",
    summary: "Throw away what the webhook could not be told",
    description: "N2. What is still to be told stays.",
    query: http.placedQuery,
    replies: { 200: json("Discarded", "How many.") },
  },
  [`GET ${USER}/live`]: {
    id: "watchUser",
    tag: "silence",
    summary: "Look on at a user, live",
    description:
      'N6. Server-Sent Events, each a `LiveFrame`: `state`, the body of `GET /v1/users/{user}`, at first and after changes; `accepted`, `sent`, `acked`, `ended`, `connected` and `disconnected` as they happen; `skipped` where a reader is too slow. It attaches nothing, acks nothing, and shows no message\'s `data`. It ends with `event: close` and `{"code", "reason"}`.',
    query: http.placedQuery,
    replies: { 200: { description: "The stream.", text: "text/event-stream" } },
  },
  "GET /v1/attention": {
    id: "listAttention",
    tag: "silence",
    summary: "List the users who need a person",
    description: "N4. Those who wait longest first.",
    query: http.attentionQuery,
    replies: { 200: json("AttentionPage", "A page, and how many there are.") },
    errors: ["unavailable"],
  },
  "POST /v1/dead-letters/requeue": {
    id: "requeueAll",
    tag: "silence",
    summary: "Send dead letters of all users again, by reason and time",
    description:
      "N5. Which they are has to be said: by `reason`, `since`, `until`, or `all=true`. The job goes on by itself.",
    query: http.bulkQuery,
    body: { schema: "RequeueOrder", isOptional: true, example: { ttl: 86_400 } },
    replies: { 202: json("Job", "It has begun.", ["Location"]) },
    errors: ["unavailable"],
  },
  "DELETE /v1/dead-letters": {
    id: "discardAll",
    tag: "silence",
    summary: "Throw away dead letters of all users, by reason and time",
    description:
      "N5. Which they are has to be said: by `reason`, `since`, `until`, or `all=true`. The job goes on by itself.",
    query: http.bulkQuery,
    replies: { 202: json("Job", "It has begun.", ["Location"]) },
    errors: ["unavailable"],
  },
  "GET /v1/jobs": {
    id: "listJobs",
    tag: "silence",
    summary: "List jobs over all users",
    description: "N5. The newest first.",
    query: http.noQuery,
    replies: { 200: json("Jobs", "Those that run, and those that ended in the last days.") },
    errors: ["unavailable"],
  },
  "GET /v1/jobs/{job}": {
    id: "getJob",
    tag: "silence",
    summary: "How far a job is",
    description: "N5.",
    query: http.noQuery,
    replies: { 200: json("Job", "How far it is.") },
    errors: ["unknown_job", "unavailable"],
  },
  "DELETE /v1/jobs/{job}": {
    id: "stopJob",
    tag: "silence",
    summary: "Stop a job",
    description: "N5. The step that runs is done; what is done stays done.",
    query: http.noQuery,
    replies: { 200: json("Job", "How far it came.") },
    errors: ["unknown_job", "unavailable"],
  },
};
