/** Replies, requests and frames held to the documents that the service gives of itself. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

// biome-ignore lint/suspicious/noExplicitAny: a document is JSON, looked into by name
export type Document = any;

interface SeenReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Of every reply, whatever it is for. */
const EVERYWHERE = ["cache-control"];

const escaped = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

/**
 * Objects without fields that are not described: clients take what they do not know, but a document that says less than there is
 * would not be noticed. Problems may have more (E1).
 */
const closed = (schema: Document): Document => {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isOpen = inner.type === "object" && inner.properties !== undefined && inner.additionalProperties === undefined;
  return isOpen ? { ...inner, additionalProperties: false } : inner;
};

export class DescribedHttp {
  readonly document: Document;
  /** Which replies were seen: `GET /health 200`, and for problems the code too. */
  readonly seen = new Set<string>();
  readonly faults: string[] = [];
  readonly #ajv: Ajv2020;

  constructor(document: Document) {
    this.document = structuredClone(document);
    const { schemas } = this.document.components;
    for (const name of Object.keys(schemas)) if (name !== "Problem") schemas[name] = closed(schemas[name]);
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(this.document, "openapi.json");
  }

  at(...path: readonly string[]): ValidateFunction {
    return this.#ajv.compile({ $ref: `openapi.json#/${path.map(escaped).map(encodeURIComponent).join("/")}` });
  }

  /** Notes what is wrong with a reply to `method` at the path's pattern. */
  reply(method: string, path: string, { status, headers, body }: SeenReply): void {
    const operation = ["paths", path, method.toLowerCase()];
    const where = `${method} ${path} ${status}`;
    const described = this.document.paths[path]?.[method.toLowerCase()]?.responses[status];
    if (described === undefined) return void this.faults.push(`${where} is not described: ${JSON.stringify(body)}`);
    const code = typeof body === "object" && body !== null && status >= 400 && "code" in body ? ` ${body.code}` : "";
    this.seen.add(`${where}${code}`);

    const type = headers.get("content-type");
    if (described.content?.[type ?? ""] !== undefined) {
      const validate = this.at(...operation, "responses", String(status), "content", type ?? "", "schema");
      if (!validate(body))
        this.faults.push(`${where}: ${this.#ajv.errorsText(validate.errors)} ← ${JSON.stringify(body)}`);
    } else if (type !== null || described.content !== undefined) {
      this.faults.push(`${where}: its type is ${type}`);
    }

    for (const [name, { $ref }] of Object.entries<{ $ref: string }>(described.headers ?? {})) {
      const { required } = this.document.components.headers[$ref.split("/").at(-1) ?? ""];
      if (required && !headers.has(name)) this.faults.push(`${where}: without ${name}`);
    }
    const known = Object.keys(this.document.components.headers).map((name) => name.toLowerCase());
    const here = Object.keys(described.headers ?? {}).map((name) => name.toLowerCase());
    for (const name of known.filter((name) => headers.has(name) && !EVERYWHERE.includes(name))) {
      if (!here.includes(name)) this.faults.push(`${where}: ${name} is not described`);
    }
  }

  /** Notes where a body that was taken is not one that is described. */
  takenBody(method: string, path: string, body: unknown): void {
    const validate = this.at(
      "paths",
      path,
      method.toLowerCase(),
      "requestBody",
      "content",
      "application/json",
      "schema",
    );
    if (!validate(body))
      this.faults.push(`${method} ${path} took ${JSON.stringify(body)}: ${this.#ajv.errorsText(validate.errors)}`);
  }
}

export class DescribedFrames {
  readonly document: Document;
  readonly #validators: ReadonlyMap<string, ValidateFunction>;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });

  constructor(document: Document) {
    this.document = document;
    addFormats.default(this.#ajv);
    this.#validators = new Map(
      Object.entries<Document>(document.components.messages).map(([, { name, payload }]) => [
        name,
        this.#ajv.compile(closed(payload)),
      ]),
    );
  }

  /** The types of frames that an operation has. */
  typesOf(operation: "toClient" | "fromClient" | "toPublisher" | "fromPublisher"): readonly string[] {
    return this.document.operations[operation].messages.map(
      ({ $ref }: { $ref: string }) => this.document.components.messages[$ref.split("/").at(-1) ?? ""].name,
    );
  }

  faultOf(frame: { readonly type: string }): string | undefined {
    const validate = this.#validators.get(frame.type);
    if (validate === undefined) return `${frame.type} is not described`;
    return validate(frame) ? undefined : `${this.#ajv.errorsText(validate.errors)} ← ${JSON.stringify(frame)}`;
  }
}
