/** The documents for tools (OpenAPI, AsyncAPI), held to their public validators and to what the Worker takes. */
import { Parser } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import * as v from "valibot";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { parseClientFrame } from "../../src/protocol/client-frames.ts";
import { ERRORS } from "../../src/protocol/errors.ts";
import * as http from "../../src/protocol/http.ts";
import { isUser, SHAPES } from "../../src/protocol/identifiers.ts";
import { asyncApi } from "../../src/reference/asyncapi.ts";
import { jsonSchemaOf } from "../../src/reference/json-schema.ts";
import { type DescribedRoute, openApi } from "../../src/reference/openapi.ts";
import { OPERATIONS } from "../../src/reference/operations.ts";
import { mintLocally } from "../support/credentials.ts";
import { DescribedFrames, DescribedHttp, type Document } from "../support/described.ts";
import { mailboxNameOf, ROUTES, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));

const document: Document = openApi(ROUTES as readonly DescribedRoute[]);
const described = new DescribedHttp(document);
const frames = new DescribedFrames(asyncApi("https://restante.example/asyncapi.json"));

const templateOf = (path: string) => path.replace(/:(\w+)/g, "{$1}");
const operations = ROUTES.map((route) => ({
  ...(route as DescribedRoute),
  path: templateOf(route.path),
  operation: document.paths[templateOf(route.path)][route.method.toLowerCase()] as Document,
}));
const targetOf = (path: string) =>
  path
    .replace("{user}", "ada")
    .replace("{id}", "m-1")
    .replace("{seq}", "7")
    .replace("{connection_id}", `${mailboxNameOf("ada").slice(0, 16)}.x`);

/** What is done to all users has to say to which dead letters (N5). */
const chosen = (path: string): string => (path.startsWith("/v1/dead-letters") ? "?all=true" : "");

describe("[E1] /openapi.json", () => {
  test("[E1] is valid OpenAPI 3.1 to its public validator", async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
  });

  test("[E1] describes every route and no other, with operations of different names", () => {
    const all = operations.map(({ method, path }) => `${method} ${path}`);
    expect(Object.keys(OPERATIONS).toSorted()).toEqual(all.toSorted());
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(all.length);
    const stranger = { plane: "open", method: "GET", path: "/new/:thing" } as const;
    expect(() => openApi([stranger])).toThrow("GET /new/{thing}");
  });

  test("[A1] says which credential each route asks for", () => {
    for (const { plane, scopes = [], path, operation } of operations) {
      const ways: readonly Record<string, readonly string[]>[] = operation.security;
      const schemes = ways.flatMap(Object.keys);
      expect([path, ways.flatMap(({ apiKey = [] }) => apiKey)]).toEqual([path, scopes]);
      if (plane === "backend") expect(new Set(schemes)).toEqual(new Set(["apiKey"]));
      if (plane === "user") expect(schemes[0]).toBe("userToken");
      if (plane === "open") expect(ways.length === 0 || Object.keys(ways[0] ?? {}).length === 0).toBe(true);
    }
  });

  test("[E2] names exactly the parameters and fields that the Worker takes", async () => {
    const worker = workerUnderTest();
    const token = await mintLocally("ada");
    const known = /Unknown; known here: (.*)\.$/;
    for (const { plane, method, path, operation } of operations) {
      const headers = plane === "user" ? { authorization: `Bearer ${token}`, upgrade: "websocket" } : {};
      const call = (query: string, body?: string) => worker.backend(method, `${targetOf(path)}${query}`, body, headers);
      const said = ({ body }: { body: Document }) =>
        body.errors
          .map(({ detail }: Document) => known.exec(detail)?.[1])
          .find(Boolean)
          ?.split(", ")
          .toSorted();

      const inQuery = operation.parameters.filter((p: Document) => p.in === "query").map((p: Document) => p.name);
      const isCredential = operation.security.some((way: object) => "userTokenInQuery" in way);
      const all = [...inQuery, ...(isCredential ? ["access_token"] : [])].toSorted();
      expect([path, said(await call("?zz=1"))]).toEqual([path, all.length === 0 ? ["none"] : all]);

      const content = operation.requestBody?.content;
      if (content === undefined) continue;
      const name = content["application/json"].schema.$ref.split("/").at(-1);
      const fields = Object.keys(document.components.schemas[name].properties).toSorted();
      expect([path, said(await call(chosen(path), '{"zz":1}'))]).toEqual([path, fields]);
    }
    expect(worker.touches).toEqual([]);
  });

  test("[S9] names exactly the fields of a batch's message", () => {
    expect(Object.keys(document.components.schemas.NewMessageTo.properties)).toEqual(
      Object.keys(http.batchMessage.entries),
    );
    expect(document.components.schemas.Batch.properties.messages.items.$ref).toMatch(/NewMessageTo$/);
  });

  test("[E1] has every code that HTTP can answer, where it can answer it, but for those of no route", () => {
    const codes = new Set<string>();
    for (const { operation } of operations) {
      for (const [status, response] of Object.entries<Document>(operation.responses)) {
        const { schema } = response.content?.["application/problem+json"] ?? {};
        for (const code of schema?.allOf[1].properties.code.enum ?? []) {
          expect(ERRORS[code as keyof typeof ERRORS].status).toBe(Number(status));
          codes.add(code);
        }
      }
    }
    const all = Object.entries(ERRORS).flatMap(([code, { status }]) => (status === undefined ? [] : [code]));
    expect([...codes, "not_found", "method_not_allowed"].toSorted()).toEqual(all.toSorted());
    expect(document.components.schemas.Problem.properties.code.enum).toEqual(all);
  });

  test("[E1] gives examples of bodies that are what it says, and that the Worker takes", async () => {
    let examples = 0;
    for (const { plane, method, path, operation } of operations) {
      const example = operation.requestBody?.content["application/json"].example;
      if (example === undefined) continue;
      examples += 1;
      described.takenBody(method, path, example);
      const worker = workerUnderTest();
      const headers = plane === "user" ? { authorization: `Bearer ${await mintLocally("ada")}` } : {};
      const reply = await worker.backend(method, `${targetOf(path)}${chosen(path)}`, example, headers);
      expect([path, reply.body.code]).not.toEqual([path, "invalid_request"]);
    }
    expect(described.faults).toEqual([]);
    expect(examples).toBeGreaterThan(5);
  });
});

test("[E1] a reply that says more, less or something else than is described is a fault", () => {
  const faultsOf = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const own = new DescribedHttp(document);
    own.reply("GET", "/health", {
      status,
      body,
      headers: new Headers({ "content-type": "application/json", ...headers }),
    });
    return own.faults;
  };
  const body = { status: "ok", version: "v1" };
  expect(faultsOf(200, body)).toEqual([]);
  expect(faultsOf(202, body)).toEqual([expect.stringMatching(/not described/)]);
  expect(faultsOf(200, { ...body, more: 1 })).toEqual([expect.stringMatching(/additional properties/)]);
  expect(faultsOf(200, { status: "ok" })).toEqual([expect.stringMatching(/required property 'version'/)]);
  expect(faultsOf(200, { ...body, version: 1 })).toEqual([expect.stringMatching(/must be string/)]);
  expect(faultsOf(200, body, { "content-type": "text/plain" })).toEqual([
    expect.stringMatching(/its type is text\/plain/),
  ]);
  expect(faultsOf(200, body, { "retry-after": "1" })).toEqual([expect.stringMatching(/Retry-After|retry-after/)]);
});

describe("[E2] what the documents say of a text is what is checked", () => {
  const NASTY = [
    ...[
      "",
      " ",
      "a",
      "~",
      "~1",
      "a~",
      ".",
      "..",
      "...",
      "a.b",
      ".a",
      "A-Z_0~9.",
      "a b",
      "\t",
      "\n",
      "a\n",
      "\0",
      "\x7f",
      "\x80",
      "\x9f",
      "\xa0",
    ],
    ...[
      "é",
      "📬",
      "\u2028",
      "a".repeat(64),
      "a".repeat(65),
      "a".repeat(128),
      "a".repeat(129),
      "a".repeat(256),
      "a".repeat(257),
    ],
  ];
  const schemas: Readonly<Record<string, v.GenericSchema>> = {
    type: http.sendBody.entries.type,
    id: http.sendBody.entries.id.wrapped,
    topic: http.sendBody.entries.topic.wrapped,
    device: http.socketQuery.entries.device.wrapped,
    user: http.batchMessage.entries.to,
  };

  test.each(Object.entries(schemas))("[E2] of %s, for texts at their edges", (_, schema) => {
    const validate = new DescribedHttp({ paths: {}, components: { schemas: { it: jsonSchemaOf(schema) } } }).at(
      "components",
      "schemas",
      "it",
    );
    expect(NASTY.map((text) => [text, validate(text)])).toEqual(NASTY.map((text) => [text, v.is(schema, text)]));
  });

  test("[E2] no check is without words of its own in JSON Schema", () => {
    const bare: string[] = [];
    const look = (schema: Document, where: string): void => {
      const pipe: readonly Document[] = schema.pipe ?? [];
      if (pipe.some(({ type }) => type === "check") && !pipe.some(({ type }) => type === "metadata")) bare.push(where);
      for (const inner of pipe.slice(1)) if (inner.kind === "schema") look(inner, where);
      for (const [name, entry] of Object.entries(schema.entries ?? {})) look(entry, `${where}.${name}`);
      if (schema.wrapped !== undefined) look(schema.wrapped, where);
    };
    for (const [name, schema] of Object.entries(http)) if (typeof schema === "object") look(schema, name);
    expect(bare).toEqual([]);
  });

  test("[E2] where JSON Schema can say less, it lets more through and never less: bytes, and halves of characters", () => {
    const validate = new DescribedHttp({
      paths: {},
      components: { schemas: { it: { type: "string", ...SHAPES.user } } },
    }).at("components", "schemas", "it");
    for (const text of ["é".repeat(200), "\ud800", "📬".repeat(100)])
      expect([isUser(text), validate(text)]).toEqual([false, true]);
  });
});

describe("[C1] /asyncapi.json", () => {
  let diagnostics: readonly unknown[];
  beforeAll(async () => {
    ({ diagnostics } = await new Parser().parse(JSON.stringify(frames.document)));
  }, 30_000);

  test("[C1] is valid AsyncAPI 3 to its public parser, without an error, a warning or a hint", () => {
    expect(frames.document.asyncapi).toMatch(/^3\./);
    expect(diagnostics).toEqual([]);
  });

  test("[C1] says where it is reached", () => {
    const server = (url: string) => (asyncApi(url) as Document).servers.restante;
    expect(server("https://restante.example/asyncapi.json")).toMatchObject({
      host: "restante.example",
      protocol: "wss",
    });
    expect(server("http://127.0.0.1:8787/asyncapi.json")).toMatchObject({ host: "127.0.0.1:8787", protocol: "ws" });
  });

  test("[C1] gives an example of each frame that is what it says", () => {
    const messages = Object.values<Document>(frames.document.components.messages);
    expect(messages.map(({ examples }) => frames.faultOf(examples[0].payload))).toEqual(messages.map(() => undefined));
    const types = new Set(
      (["toClient", "fromClient", "toPublisher", "fromPublisher"] as const).flatMap((operation) =>
        frames.typesOf(operation),
      ),
    );
    expect([...types].toSorted()).toEqual(messages.map(({ name }) => name).toSorted());
  });

  test.each([
    { type: "ack", seq: 7 },
    { type: "ack", seq: 7, checkpoint: 3 },
    { type: "ack" },
    { type: "ack", seq: -1 },
    { type: "ack", seq: 0.5 },
    { type: "ack", seq: 2 ** 53 },
    { type: "ack", seq: "7" },
    { type: "ack", seq: 7, more: 1 },
    { type: "reject", seq: 7 },
    { type: "reject", seq: 7, reason: "r" },
    { type: "reject", seq: 7, reason: "r".repeat(1_000) },
    { type: "reject", seq: 7, reason: "r".repeat(1_001) },
    { type: "ping" },
    { type: "hello" },
  ])("[C5, C6, C8] a client's frame is described as it is taken: %o", (frame) => {
    const isTaken = parseClientFrame(JSON.stringify(frame)).type !== "bad";
    expect(frames.faultOf(frame) === undefined).toBe(isTaken);
  });
});

test("[E1] both documents are anybody's, and may be kept for minutes", async () => {
  const worker = workerUnderTest({});
  for (const path of ["/openapi.json", "/asyncapi.json"]) {
    const reply = await worker.fetch("GET", path);
    expect([reply.status, reply.headers.get("cache-control")]).toEqual([200, "public, max-age=300"]);
    expect(reply.headers.get("access-control-allow-origin")).toBe("*");
    expect(reply.headers.get("content-type")).toBe("application/json");
  }
  expect((await worker.fetch("GET", "/openapi.json")).body).toEqual(document);
  expect(worker.touches).toEqual([]);
});
