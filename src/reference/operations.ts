/**
 * What each route takes and answers, for people and tools. The routes themselves, and who may use them, stand in one table
 * (`worker/routes.ts`): a route without its words here has no OpenAPI document, and fails a test.
 */
import { CONTENT_TYPES } from "../measures/exposition.ts";
import * as http from "../protocol/http.ts";
import { document, json, type Operation } from "./operation.ts";
import { SILENCE_OPERATIONS } from "./silence-operations.ts";

const USER = "/v1/users/{user}";
const CONNECTION = "/v1/connections/{connection_id}";

const SENT = ["Location", "Preference-Applied", "Idempotency-Replayed"] as const;

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  [`POST ${USER}/messages`]: {
    id: "sendMessage",
    tag: "sending",
    summary: "Send a message",
    description:
      "S1–S8, S13. Stored until it has ended; with `Prefer: wait` the reply comes with its end, with an `id` it may be sent again. Where a header and its field differ, it is 400.",
    query: http.placedQuery,
    headers: ["Prefer", "Idempotency-Key", "TTL", "Topic", "traceparent"],
    body: { schema: "NewMessage", example: { type: "agent_started", data: { run: "r-7" }, id: "r-7-started" } },
    replies: {
      200: json("Message", "Its end is known: `status` says which.", SENT),
      202: json("Message", "Durably stored, and not ended yet.", SENT),
    },
    errors: ["id_reused", "outbox_full"],
  },
  [`GET ${USER}/messages`]: {
    id: "listMessages",
    tag: "sending",
    summary: "List what is held",
    description: "S10. In order of seq. Looking never acks.",
    query: http.pageQuery,
    replies: { 200: json("HeldPage", "A page.") },
  },
  [`GET ${USER}/messages/{id}`]: {
    id: "getMessage",
    tag: "sending",
    summary: "Look at a message",
    description: "S10. While it is held it comes whole; after that its end, for as long as that is known (S4).",
    query: http.placedQuery,
    replies: { 200: json("HeldMessage", "Its state.") },
    errors: ["unknown_message"],
  },
  [`DELETE ${USER}/messages/{id}`]: {
    id: "recallMessage",
    tag: "sending",
    summary: "Recall a message",
    description: "S10. One that nobody has acked.",
    query: http.placedQuery,
    replies: { 200: json("Recalled", "It has ended as `recalled`.") },
    errors: ["unknown_message", "already_acked", "already_ended"],
  },
  "POST /v1/messages": {
    id: "sendBatch",
    tag: "sending",
    summary: "Send many messages, to one user or many",
    description:
      "S9. As a JSON object, or as NDJSON: a message a line. Each has an outcome of its own. Messages for one user keep their order. Nothing waits.",
    query: http.placedQuery,
    headers: ["traceparent"],
    body: {
      schema: "Batch",
      lines: "NewMessageTo",
      example: {
        messages: [
          { to: "ada", type: "hello" },
          { to: "grace", type: "hello", ttl: 60 },
        ],
      },
    },
    replies: { 200: json("BatchResults", "An outcome for each message.") },
  },
  [`GET ${USER}/publish`]: {
    id: "publish",
    tag: "sending",
    summary: "Send many messages to one user, over a WebSocket",
    description:
      "P1–P5; its frames are described by `/asyncapi.json`. The key may also come as the subprotocol `bearer.<key>` beside `restante.publish.v1`. It carries sends only.",
    query: http.placedQuery,
    headers: ["Upgrade"],
    replies: { 101: { description: "The socket is open." } },
    errors: ["upgrade_required"],
  },

  [`GET ${USER}`]: {
    id: "getUser",
    tag: "user",
    summary: "A user's state",
    description:
      "U1. An unknown user looks empty. With `Prefer: wait` the reply comes as soon as one connection is established.",
    query: http.placedQuery,
    headers: ["Prefer"],
    replies: { 200: json("User", "Connections, devices and what is held.", ["Preference-Applied"]) },
  },
  [`DELETE ${USER}`]: {
    id: "eraseUser",
    tag: "user",
    summary: "Erase a user",
    description:
      "U4. Ends all tokens, then forgets everything about the user. Waits and sends in progress end as `erased`.",
    query: http.placedQuery,
    replies: { 200: json("Erased", "Nothing is left.") },
  },
  [`POST ${USER}/tokens`]: {
    id: "mintToken",
    tag: "user",
    summary: "Mint a user token",
    description: "U2. For a client, to connect with.",
    query: http.placedQuery,
    body: { schema: "TokenOrder", isOptional: true, example: { ttl: 3_600, device: "phone" } },
    replies: { 200: json("Token", "A JWT.") },
  },
  [`DELETE ${USER}/tokens`]: {
    id: "revokeTokens",
    tag: "user",
    summary: "Revoke a user's tokens",
    description: "U3. All that were issued until now; connections that stand on them are closed with 4403.",
    query: http.placedQuery,
    replies: { 200: json("Revoked", "After this they are sent nothing more.") },
  },

  [`GET ${USER}/dead-letters`]: {
    id: "listDeadLetters",
    tag: "deadLetters",
    summary: "List dead letters",
    description: "D7. In order of seq.",
    query: http.deadLettersQuery,
    replies: { 200: json("DeadLetterPage", "A page.") },
  },
  [`DELETE ${USER}/dead-letters`]: {
    id: "discardDeadLetters",
    tag: "deadLetters",
    summary: "Throw away all dead letters, or all of one reason",
    description: "D7.",
    query: http.reasonQuery,
    replies: { 200: json("Discarded", "How many.") },
  },
  [`POST ${USER}/dead-letters/requeue`]: {
    id: "requeueDeadLetters",
    tag: "deadLetters",
    summary: "Send all dead letters again, or all of one reason",
    description: "D7. In order, while there is room.",
    query: http.reasonQuery,
    body: { schema: "RequeueOrder", isOptional: true, example: { ttl: 86_400 } },
    replies: { 200: json("Requeued", "New messages, with new seqs.") },
    errors: ["outbox_full"],
  },
  [`DELETE ${USER}/dead-letters/{seq}`]: {
    id: "discardDeadLetter",
    tag: "deadLetters",
    summary: "Throw away a dead letter",
    description: "D7.",
    query: http.placedQuery,
    replies: { 200: json("Discarded", "It is gone.") },
    errors: ["unknown_dead_letter"],
  },
  [`POST ${USER}/dead-letters/{seq}/requeue`]: {
    id: "requeueDeadLetter",
    tag: "deadLetters",
    summary: "Send a dead letter again",
    description: "D7. As a new message at the end.",
    query: http.placedQuery,
    body: { schema: "RequeueOrder", isOptional: true, example: { ttl: 86_400 } },
    replies: { 200: json("Requeued", "The new message.") },
    errors: ["unknown_dead_letter", "outbox_full"],
  },

  ...SILENCE_OPERATIONS,

  "GET /v1/socket": {
    id: "openSocket",
    tag: "connecting",
    summary: "Connect by WebSocket",
    description:
      "C1–C11; its frames are described by `/asyncapi.json`. The token may also come as the subprotocol `bearer.<token>` beside `restante.v1`. A browser with an allowed origin gets a handshake that succeeds, and a close code, for every error that has one.",
    query: http.socketQuery,
    headers: ["Upgrade"],
    replies: { 101: { description: "The socket is open." } },
    errors: ["token_revoked", "token_mismatch", "upgrade_required", "too_many_devices"],
  },
  "GET /v1/events": {
    id: "openEvents",
    tag: "connecting",
    summary: "Connect by Server-Sent Events",
    description:
      'C10. The frames of the socket: `event` is the frame\'s type, `id` the seq on messages, gap and caught_up, `data` the frame. It ends with `event: close` and `{"code", "reason"}`.',
    query: http.socketQuery,
    headers: ["Last-Event-ID"],
    replies: { 200: { description: "The stream.", text: "text/event-stream" } },
    errors: ["token_revoked", "token_mismatch", "too_many_devices"],
  },
  [`PUT ${CONNECTION}/token`]: {
    id: "renewToken",
    tag: "connecting",
    summary: "Prolong an open connection",
    description: "C9. The new token is the one that this request bears.",
    query: http.noQuery,
    replies: { 200: json("Renewed", "The connection goes on without a pause.") },
    errors: ["token_revoked", "token_mismatch", "unknown_connection"],
  },
  [`POST ${CONNECTION}/ack`]: {
    id: "ack",
    tag: "connecting",
    summary: "Ack on an event stream",
    description: "C5, C10. What an `ack` frame says on a socket.",
    query: http.tokenQuery,
    body: { schema: "Ack", example: { seq: 1_838_550_220_800_003 } },
    replies: { 200: json("Acknowledged", "It is recorded.") },
    errors: ["token_revoked", "token_mismatch", "unknown_connection"],
  },
  [`POST ${CONNECTION}/reject`]: {
    id: "reject",
    tag: "connecting",
    summary: "Reject a message on an event stream",
    description: "C6, C10. What a `reject` frame says on a socket.",
    query: http.tokenQuery,
    body: { schema: "Reject", example: { seq: 1_838_550_220_800_003, reason: "no such order" } },
    replies: { 200: json("Acknowledged", "It is recorded.") },
    errors: ["token_revoked", "token_mismatch", "unknown_connection"],
  },

  "GET /metrics": {
    id: "metrics",
    tag: "operating",
    summary: "What is measured, for Prometheus",
    description:
      "M1, M2. OpenMetrics for who prefers it by `Accept`, and the older text format for everybody else. No user is named in it.",
    query: http.noQuery,
    replies: { 200: { description: "All of it.", text: Object.values(CONTENT_TYPES) } },
    errors: ["unavailable"],
  },
  "GET /v1/monitor": {
    id: "monitor",
    tag: "operating",
    summary: "What is measured, over a range and slot by slot",
    description:
      "M1. 15 minutes in slots of 10 seconds, 6 hours in minutes, or 7 days in hours. To who asks for `text/event-stream` it comes as events named `monitor`, one every 5 seconds.",
    query: http.monitorQuery,
    replies: { 200: { ...json("Monitor", "The numbers."), text: "text/event-stream" } },
    errors: ["unavailable"],
  },
  "GET /v1/alerts": {
    id: "alerts",
    tag: "operating",
    summary: "The last alert of each rule",
    description: "M3. Those that fire first. Looked at anew once a minute.",
    query: http.noQuery,
    replies: { 200: json("Alerts", "Up to one for each rule.") },
    errors: ["unavailable"],
  },

  "GET /health": {
    id: "health",
    tag: "operating",
    summary: "Whether the process answers",
    description: "M4. It touches nothing.",
    query: http.noQuery,
    replies: { 200: json("Health", "It does.") },
  },
  "GET /ready": {
    id: "ready",
    tag: "operating",
    summary: "Whether a first message reaches who connects after it",
    description: "M4. Without a key, the last outcome; with one that has `monitor`, a fresh check.",
    query: http.noQuery,
    replies: {
      200: json("StartUpCheck", "It does."),
      503: json("StartUpCheck", "It does not: `steps` says where it ended."),
    },
    errors: ["unavailable"],
  },
  "GET /v1/key": {
    id: "getKey",
    tag: "operating",
    summary: "Which API key asks, and what it may do",
    description: "A1. Any key may ask.",
    query: http.noQuery,
    replies: { 200: json("Key", "The key.") },
  },
  "GET /openapi.json": {
    id: "openapi",
    tag: "operating",
    summary: "This document",
    description: "OpenAPI 3.1, made from the schemas that requests are held to.",
    query: http.noQuery,
    replies: { 200: document("OpenAPI 3.1.") },
  },
  "GET /asyncapi.json": {
    id: "asyncapi",
    tag: "operating",
    summary: "The frames of the socket",
    description: "AsyncAPI 3, made from the schemas that frames are held to.",
    query: http.noQuery,
    replies: { 200: document("AsyncAPI 3.") },
  },
};
