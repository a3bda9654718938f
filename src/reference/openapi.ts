/** The HTTP API as an OpenAPI 3.1 document, made of the table of routes, their words, and the schemas that requests are held to. */
import { ERRORS, type HttpErrorCode, statusOf } from "../protocol/errors.ts";
import { SHAPES } from "../protocol/identifiers.ts";
import { REPLY_HEADERS, REQUEST_HEADERS, type ReplyHeader } from "./headers.ts";
import { type JsonSchema, jsonSchemaOf, jsonSchemasOf, refTo } from "./json-schema.ts";
import { type Body, type Operation, type Reply, TAGS } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { SCHEMAS, type SchemaName } from "./schemas.ts";

/** What of a route the document says; the rest are its words. */
export interface DescribedRoute {
  readonly method: string;
  /** With `:name` for what varies. */
  readonly path: string;
  readonly plane: "backend" | "user" | "open";
  /** A key needs any one of these. */
  readonly scopes?: readonly string[];
}

/** Throws where a route has no words. */
export const openApi = (routes: readonly DescribedRoute[]): JsonSchema => {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    const operation = OPERATIONS[`${route.method} ${path}`];
    if (operation === undefined) throw new Error(`${route.method} ${path} has no words in operations.ts.`);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, path, operation) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Restante",
      version: "1",
      summary: "A mailbox for each user: what is sent before anyone is connected waits.",
      description:
        "PROTOCOL.md has the rules, such as S4, and the reasons. `HEAD` is answered like `GET`. Unknown fields and parameters of a request are 400; a client ignores those that it does not know.",
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: jsonSchemasOf(SCHEMAS),
      parameters: PATH_PARAMETERS,
      headers: REPLY_HEADERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
};

const operationOf = (route: DescribedRoute, path: string, operation: Operation): JsonSchema => {
  const { id, tag, summary, description, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    security: securityOf(route, operation),
    parameters: parametersOf(path, operation),
    ...(body === undefined ? {} : { requestBody: requestBodyOf(body) }),
    responses: responsesOf(operation.replies, errorsOf(route, path, operation)),
  };
};

// ── Who may ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const SECURITY_SCHEMES = {
  apiKey: {
    type: "http",
    scheme: "bearer",
    description: "A1: an API key of the backend plane. It has scopes: `send`, `manage`, `monitor`.",
  },
  userToken: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "A2: a user token." },
  userTokenInQuery: {
    type: "apiKey",
    in: "query",
    name: "access_token",
    description: "A3: a user token where no header can be set, as with `EventSource`.",
  },
} as const;

/** Alternatives, of which one is enough; an empty one is no credential at all. */
const securityOf = ({ plane, scopes = [] }: DescribedRoute, { query }: Operation): readonly JsonSchema[] => {
  const keys = scopes.map((scope) => ({ apiKey: [scope] }));
  switch (plane) {
    case "backend":
      return keys;
    case "user":
      return "access_token" in query.entries ? [{ userToken: [] }, { userTokenInQuery: [] }] : [{ userToken: [] }];
    case "open":
      return keys.length === 0 ? [] : [{}, ...keys];
  }
};

// ── What is asked ─────────────────────────────────────────────────────────────────────────────────────────────────────

const inPath = (name: string, description: string, schema: JsonSchema) => ({
  name,
  in: "path",
  required: true,
  description: `${description} Percent-encoded once.`,
  schema,
});

const PATH_PARAMETERS = {
  user: inPath("user", "A user: 1 to 256 bytes in UTF-8.", { type: "string", ...SHAPES.user }),
  id: inPath("id", "A message's id, the sender's or the server's.", { type: "string", minLength: 1 }),
  seq: inPath("seq", "The seq that the dead letter had as a message.", {
    type: "integer",
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
  }),
  job: inPath("job", "The id of a job.", { type: "string", pattern: "^[0-9a-f-]{36}$" }),
  connection_id: inPath("connection_id", "As `connection_established` says it.", { type: "string", minLength: 1 }),
} as const;

const parametersOf = (path: string, { query, headers = [] }: Operation): readonly JsonSchema[] => [
  ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ $ref: `#/components/parameters/${name}` })),
  ...Object.entries(query.entries)
    // That one is a credential.
    .filter(([name]) => name !== "access_token")
    .map(([name, entry]) => {
      const { description, ...schema } = jsonSchemaOf(entry);
      return { name, in: "query", ...(description === undefined ? {} : { description }), schema };
    }),
  ...headers.map((name) => ({ name, in: "header", ...REQUEST_HEADERS[name] })),
];

const requestBodyOf = ({ schema, lines, isOptional, example }: Body): JsonSchema => ({
  required: isOptional !== true,
  content: {
    ...jsonContent(schema, example),
    ...(lines === undefined
      ? {}
      : {
          "application/x-ndjson": {
            schema: { type: "string", description: `One ${lines} a line.` },
          },
        }),
  },
});

const jsonContent = (schema: SchemaName, example?: unknown) => ({
  "application/json": { schema: { $ref: refTo(schema) }, ...(example === undefined ? {} : { example }) },
});

// ── What is answered ──────────────────────────────────────────────────────────────────────────────────────────────────

const PLANE_ERRORS = {
  backend: [
    "conflicting_credentials",
    "missing_key",
    "invalid_key",
    "missing_scope",
    "not_configured",
    "overloaded",
    "unavailable",
  ],
  user: [
    ...["conflicting_credentials", "missing_token", "invalid_token", "token_expired", "origin_not_allowed"],
    ...["not_configured", "overloaded", "unavailable"],
  ],
  open: [],
} as const satisfies Readonly<Record<DescribedRoute["plane"], readonly string[]>>;

/** All that the route can answer, beside what it is for. */
const errorsOf = (route: DescribedRoute, path: string, operation: Operation): readonly HttpErrorCode[] => {
  const { plane, scopes = [], method } = route;
  const isKeyTaken = plane === "open" && scopes.length > 0;
  const codes = new Set<string>([
    ...["invalid_request", "internal"],
    ...PLANE_ERRORS[plane],
    ...(isKeyTaken ? ["conflicting_credentials", "invalid_key", "missing_scope", "not_configured"] : []),
    ...(path.includes("{user}") ? ["invalid_user"] : []),
    ...(operation.body === undefined ? [] : ["message_too_large", "unsupported_media_type"]),
    ...(method === "GET" ? [] : ["outcome_unknown"]),
    ...(operation.errors ?? []),
  ]);
  // In the order of their table.
  return (Object.keys(ERRORS) as HttpErrorCode[]).filter((code) => codes.has(code));
};

const responsesOf = (
  replies: Readonly<Record<number, Reply>>,
  errors: readonly HttpErrorCode[],
): Readonly<Record<string, JsonSchema>> => {
  const problems = Map.groupBy(errors, statusOf);
  const statuses = new Set([...Object.keys(replies).map(Number), ...problems.keys()]);
  return Object.fromEntries(
    [...statuses].map((status) => {
      const reply = replies[status];
      const codes = problems.get(status) ?? [];
      const words = [
        ...(reply === undefined ? [] : [reply.description]),
        ...codes.map((code) => `\`${code}\`: ${ERRORS[code].title}.`),
      ];
      const headers = [...(reply?.headers ?? []), ...headersOf(codes)];
      const content = { ...contentOf(reply), ...problemContent(codes) };
      return [
        status,
        {
          description: words.join(" "),
          ...(headers.length === 0
            ? {}
            : { headers: Object.fromEntries(headers.map((name) => [name, headerRef(name)])) }),
          ...(Object.keys(content).length === 0 ? {} : { content }),
        },
      ];
    }),
  );
};

const headerRef = (name: ReplyHeader) => ({ $ref: `#/components/headers/${name}` });

const headersOf = (codes: readonly HttpErrorCode[]): readonly ReplyHeader[] => [
  ...(codes.some((code) => ERRORS[code].retry === "later") ? (["Retry-After"] as const) : []),
  ...(codes.some((code) => statusOf(code) === 401 || code === "missing_scope") ? (["WWW-Authenticate"] as const) : []),
];

const contentOf = (reply: Reply | undefined): JsonSchema => {
  const { schema, text = [] } = reply ?? {};
  const texts = [text].flat().map((type) => {
    return [type, { schema: type === "application/json" ? { type: "object" } : { type: "string" } }] as const;
  });
  return { ...(schema === undefined ? {} : jsonContent(schema)), ...Object.fromEntries(texts) };
};

const problemContent = (codes: readonly HttpErrorCode[]): JsonSchema =>
  codes.length === 0
    ? {}
    : {
        "application/problem+json": {
          schema: { allOf: [{ $ref: refTo("Problem") }, { properties: { code: { enum: codes } } }] },
        },
      };
