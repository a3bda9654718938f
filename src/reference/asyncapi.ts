/** The socket as an AsyncAPI 3 document, made of the schemas that a client's frames are held to. */
import type * as v from "valibot";
import * as frames from "../protocol/frames.ts";
import { socketQuery } from "../protocol/http.ts";
import { LIMITS } from "../protocol/limits.ts";
import { CLIENT_FRAMES, SERVER_FRAMES } from "./frame-schemas.ts";
import { type JsonSchema, jsonSchemaOf } from "./json-schema.ts";

/** `origin`: where the service is reached, such as `https://restante.example`. */
export const asyncApi = (origin: string): JsonSchema => {
  const { host, protocol } = new URL(origin);
  return { ...DOCUMENT, servers: { restante: { ...SERVER, host, protocol: protocol === "http:" ? "ws" : "wss" } } };
};

const AT = Date.UTC(2026, 10, 23, 18, 40);
const SEQ = 1_838_550_220_800_000;
const CONNECTION = "4089d5ba7d19438b.4c9d";
const ORDER = { seq: SEQ, id: "order-7", type: "order", data: '{"n":7}', acceptedAt: AT };

/** One of each, as the service writes them and takes them. */
const EXAMPLES: Readonly<Record<keyof typeof SERVER_FRAMES | keyof typeof CLIENT_FRAMES, string>> = {
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
};

type Frames = Readonly<Record<string, v.GenericSchema>>;
const ALL: Frames = { ...SERVER_FRAMES, ...CLIENT_FRAMES };

const messageOf = (name: string): JsonSchema => {
  const { description, ...payload } = jsonSchemaOf(ALL[name] as v.GenericSchema);
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

const refs = (names: readonly string[], to: string) => names.map((name) => ({ $ref: `${to}/${name}` }));

/** Parameters of the handshake; the token is a credential, and stands among those. */
const { access_token: _, ...QUERY } = socketQuery.entries;

const SERVER = {
  description: "A deployment of Restante.",
  security: [
    { $ref: "#/components/securitySchemes/userToken" },
    { $ref: "#/components/securitySchemes/userTokenInQuery" },
  ],
};

const DOCUMENT = {
  asyncapi: "3.1.0",
  info: {
    title: "Restante: the socket",
    version: "1",
    description: `The subprotocol \`${frames.SUBPROTOCOL}\`: frames are JSON objects as text. PROTOCOL.md has the rules, such as C4, the close codes and what a good client does; \`/openapi.json\` the HTTP beside it. A client ignores frames and fields that it does not know.`,
  },
  defaultContentType: "application/json",
  channels: {
    socket: {
      address: "/v1/socket",
      title: "A user's stream",
      description: "One connection of one device of the user whom the token names.",
      servers: [{ $ref: "#/servers/restante" }],
      messages: Object.fromEntries(Object.keys(ALL).map((name) => [name, { $ref: `#/components/messages/${name}` }])),
      bindings: {
        ws: {
          bindingVersion: "0.1.0",
          method: "GET",
          query: {
            type: "object",
            properties: Object.fromEntries(Object.entries(QUERY).map(([name, entry]) => [name, jsonSchemaOf(entry)])),
          },
          headers: {
            type: "object",
            properties: {
              "Sec-WebSocket-Protocol": {
                type: "string",
                description: `\`${frames.SUBPROTOCOL}\`, and, where the token has no other way, \`bearer.<token>\` beside it.`,
              },
            },
          },
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
  },
  components: {
    messages: Object.fromEntries(Object.keys(ALL).map((name) => [name, messageOf(name)])),
    securitySchemes: {
      userToken: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "A2: a user token." },
      userTokenInQuery: {
        type: "httpApiKey",
        in: "query",
        name: "access_token",
        description: "A3: a user token, where no header can be set.",
      },
    },
  },
};
