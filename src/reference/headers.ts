/** The headers that mean something here, of requests and of replies. */
import * as http from "../protocol/http.ts";
import { LIMITS } from "../protocol/limits.ts";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";

interface Header {
  readonly description: string;
  readonly required?: true;
  readonly schema: JsonSchema;
}

const aliases = http.sendHeaders.entries;

export const REQUEST_HEADERS = {
  Prefer: {
    description: `\`wait=N\` (RFC 7240), decimals allowed: hold the reply for up to N seconds, at most ${LIMITS.waitMaxMs / 1_000} (S3, U1). What cannot be read is ignored.`,
    schema: { type: "string", examples: ["wait=10"] },
  },
  "Idempotency-Key": { description: "Another name for `id`.", schema: jsonSchemaOf(aliases["Idempotency-Key"]) },
  TTL: { description: "Another name for `ttl`, in whole seconds.", schema: jsonSchemaOf(aliases.TTL) },
  Topic: { description: "Another name for `topic`.", schema: jsonSchemaOf(aliases.Topic) },
  traceparent: {
    description:
      "W3C Trace Context; it travels with the message to its clients. One that is not well formed is left out.",
    schema: { type: "string" },
  },
  "Last-Event-ID": {
    description: "What an `EventSource` sends when it comes back; goes before `after`.",
    schema: jsonSchemaOf(http.eventsHeaders.entries["Last-Event-ID"]),
  },
  Upgrade: { description: "A WebSocket's handshake (RFC 6455).", required: true, schema: { const: "websocket" } },
} as const satisfies Readonly<Record<string, Header>>;
export type RequestHeader = keyof typeof REQUEST_HEADERS;

export const REPLY_HEADERS = {
  Location: { description: "Where the message is looked at.", required: true, schema: { type: "string" } },
  "Preference-Applied": {
    description: "The wait that was granted, where one was asked for.",
    schema: { type: "string" },
  },
  "Idempotency-Replayed": {
    description: "The id was known already, and nothing new was made (S4).",
    schema: { const: "true" },
  },
  "Cache-Control": { description: "How long it may be kept.", schema: { type: "string" } },
  "Retry-After": { description: "Seconds, where `retry` is `later`.", schema: { type: "integer", minimum: 0 } },
  "WWW-Authenticate": { description: "RFC 6750.", schema: { type: "string" } },
} as const satisfies Readonly<Record<string, Header>>;
export type ReplyHeader = keyof typeof REPLY_HEADERS;
