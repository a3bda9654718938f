/** The sockets as an AsyncAPI 3 document, made of the schemas that their frames are held to. */
import type * as v from "valibot";
import * as frames from "../protocol/frames.ts";
import { placedQuery, socketQuery } from "../protocol/http.ts";
import { LIMITS } from "../protocol/limits.ts";
import { sentOutcome } from "../protocol/outcomes.ts";
import { PUBLISH_SUBPROTOCOL, publishedFrame, publisherEstablishedFrame } from "../protocol/publish-frames.ts";
import { CLIENT_FRAMES, PUBLISHER_FRAMES, PUBLISHER_SERVER_FRAMES, SERVER_FRAMES } from "./frame-schemas.ts";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";

/** `origin`: where the service is reached, such as `https://restante.example`. */
export const asyncApi = (origin: string): JsonSchema => {
  const { host, protocol } = new URL(origin);
  return { ...DOCUMENT, servers: { restante: { ...SERVER, host, protocol: protocol === "http:" ? "ws" : "wss" } } };
};

const ALL = { ...SERVER_FRAMES, ...CLIENT_FRAMES, ...PUBLISHER_SERVER_FRAMES, ...PUBLISHER_FRAMES };

const AT = Date.UTC(2026, 10, 23, 18, 40);
const SEQ = 1_838_550_220_800_000;
const CONNECTION = "4089d5ba7d19438b.4c9d";
const ORDER = { seq: SEQ, id: "order-7", type: "order", data: '{"n":7}', acceptedAt: AT };

/** One of each, as the service writes them and takes them. */
const EXAMPLES: Readonly<Record<keyof typeof ALL, string>> = {
  ConnectionEstablished: frames.establishedFrame({
    connectionId: CONNECTION,
    user: "ada",
    device: "phone",
    timestamp: AT,
    resumed: false,
    cursor: 0,
    pending: 1,
    window: LIMITS.windowMaxMessages,
    heartbeatMs: LIMITS.heartbeatMs,
    expiresAt: AT + LIMITS.tokenTtlDefaultMs,
  }),
  Messages: frames.messagesFrame(0, [frames.messageEntry(ORDER)]),
  Gap: frames.gapFrame(SEQ, SEQ + 3, { expired: 2, overtaken: 0, undeliverable: 1 }),
  CaughtUp: frames.caughtUpFrame(SEQ + 3),
  Pong: frames.PONG,
  Error: frames.errorFrame("bad_frame", "Frames are text, not binary."),
  Ack: JSON.stringify({ type: "ack", seq: SEQ + 3, checkpoint: SEQ }),
  Reject: JSON.stringify({ type: "reject", seq: SEQ + 3, reason: "no such order" }),
  Ping: frames.PING,
  PublisherEstablished: publisherEstablishedFrame({
    connectionId: CONNECTION,
    user: "ada",
    heartbeatMs: LIMITS.heartbeatMs,
  }),
  Published: publishedFrame("7", [
    sentOutcome({
      ok: true,
      replayed: false,
      message: {
        ...{ id: `~${SEQ}`, seq: SEQ, status: "queued", devices: 1, sentTo: 0 },
        ...{ acceptedAt: AT, expiresAt: AT + LIMITS.ttlDefaultMs },
      },
    }),
  ]),
  Publish: JSON.stringify({
    ...{ type: "publish", ref: "7" },
    messages: [{ type: "delta", data: "Once ", topic: "run-7", append: true }],
  }),
};

const namesOf = (...frames: readonly object[]): readonly string[] => [...new Set(frames.flatMap(Object.keys))];

const messageOf = (name: string): JsonSchema => {
  const { description, ...payload } = jsonSchemaOf(ALL[name as keyof typeof ALL] as v.GenericSchema);
  const example: { readonly type: string } = JSON.parse(EXAMPLES[name as keyof typeof EXAMPLES]);
  return {
    name: example.type,
    title: name,
    summary: description,
    contentType: "application/json",
    payload,
    examples: [{ name: "example", payload: example }],
  };
};

const messagesOf = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }]));
const queryOf = (entries: Readonly<Record<string, v.GenericSchema>>) => ({
  type: "object",
  properties: Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, jsonSchemaOf(entry)])),
});
const offering = (subprotocol: string, credential: string) => ({
  type: "object",
  properties: {
    "Sec-WebSocket-Protocol": {
      type: "string",
      description: `\`${subprotocol}\`, and, where the ${credential} has no other way, \`bearer.<${credential}>\` beside it.`,
    },
  },
});
const refs = (names: readonly string[], to: string) => names.map((name) => ({ $ref: `${to}/${name}` }));

/** Parameters of the handshake; the token is a credential, and stands among those. */
const { access_token: _, ...QUERY } = socketQuery.entries;

const SERVER = {
  description: "A deployment of Restante.",
  security: [
    { $ref: "#/components/securitySchemes/userToken" },
    { $ref: "#/components/securitySchemes/userTokenInQuery" },
    { $ref: "#/components/securitySchemes/apiKey" },
  ],
};

const DOCUMENT = {
  asyncapi: "3.1.0",
  info: {
    title: "Restante: the sockets",
    version: "1",
    description: `The subprotocols \`${frames.SUBPROTOCOL}\`, for a user's devices, and \`${PUBLISH_SUBPROTOCOL}\`, for a backend that sends: frames are JSON objects as text. PROTOCOL.md has the rules, such as C4, the close codes and what a good client does; \`/openapi.json\` the HTTP beside it. A client ignores frames and fields that it does not know.`,
  },
  defaultContentType: "application/json",
  channels: {
    socket: {
      address: "/v1/socket",
      title: "A user's stream",
      description: "One connection of one device of the user whom the token names.",
      servers: [{ $ref: "#/servers/restante" }],
      messages: messagesOf(namesOf(SERVER_FRAMES, CLIENT_FRAMES)),
      bindings: {
        ws: {
          bindingVersion: "0.1.0",
          method: "GET",
          query: queryOf(QUERY),
          headers: offering(frames.SUBPROTOCOL, "token"),
        },
      },
    },
    publisher: {
      address: "/v1/users/{user}/publish",
      title: "A backend's sends to one user",
      description: "It carries sends only, never the user's stream (P).",
      parameters: { user: { description: "Whom the messages are for, percent-encoded once." } },
      servers: [{ $ref: "#/servers/restante" }],
      messages: messagesOf(namesOf(PUBLISHER_SERVER_FRAMES, PUBLISHER_FRAMES)),
      bindings: {
        ws: {
          bindingVersion: "0.1.0",
          method: "GET",
          query: queryOf(placedQuery.entries),
          headers: offering(PUBLISH_SUBPROTOCOL, "key"),
        },
      },
    },
  },
  operations: {
    toClient: {
      action: "send",
      channel: { $ref: "#/channels/socket" },
      title: "What the server sends",
      messages: refs(Object.keys(SERVER_FRAMES), "#/channels/socket/messages"),
    },
    fromClient: {
      action: "receive",
      channel: { $ref: "#/channels/socket" },
      title: "What the client sends",
      messages: refs(Object.keys(CLIENT_FRAMES), "#/channels/socket/messages"),
    },
    toPublisher: {
      action: "send",
      channel: { $ref: "#/channels/publisher" },
      title: "What the server sends to a publisher",
      security: [{ $ref: "#/components/securitySchemes/apiKey" }],
      messages: refs(Object.keys(PUBLISHER_SERVER_FRAMES), "#/channels/publisher/messages"),
    },
    fromPublisher: {
      action: "receive",
      channel: { $ref: "#/channels/publisher" },
      title: "What a publisher sends",
      security: [{ $ref: "#/components/securitySchemes/apiKey" }],
      messages: refs(Object.keys(PUBLISHER_FRAMES), "#/channels/publisher/messages"),
    },
  },
  components: {
    messages: Object.fromEntries(namesOf(ALL).map((name) => [name, messageOf(name)])),
    securitySchemes: {
      userToken: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "A2: a user token." },
      apiKey: { type: "http", scheme: "bearer", description: "A1: an API key with the scope `send`, for a publisher." },
      userTokenInQuery: {
        type: "httpApiKey",
        in: "query",
        name: "access_token",
        description: "A3: a user token, where no header can be set.",
      },
    },
  },
};
