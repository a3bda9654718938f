/** Services whose every reply is held to the document that the first of them gives of itself, and the streams that are open at it. */
import { Connection, type ConnectionOptions } from "./connection.ts";
import { API_KEY, mintLocally } from "./credentials.ts";
import { DescribedFrames, DescribedHttp, type Document } from "./described.ts";
import { scopedVars } from "./fuzz-keys.ts";
import { type Runtime, type RuntimeOptions, startRuntime } from "./runtime.ts";

export interface Ask {
  readonly path?: Readonly<Record<string, string | number>>;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Default: the key of all scopes; null: none. */
  readonly credential?: string | null;
  readonly url?: string;
}

export class DescribedService {
  readonly runtime: Runtime;
  readonly http: DescribedHttp;
  readonly frames: DescribedFrames;
  readonly streams: Connection[] = [];
  readonly #running: Runtime[];

  private constructor(runtime: Runtime, openApi: Document, asyncApi: Document) {
    this.runtime = runtime;
    this.#running = [runtime];
    this.http = new DescribedHttp(openApi);
    this.frames = new DescribedFrames(asyncApi);
  }

  static async start(vars: Readonly<Record<string, string>>): Promise<DescribedService> {
    const runtime = await startRuntime({ vars: { ...scopedVars, ...vars } });
    const document = async (path: string): Promise<Document> => (await fetch(`${runtime.url}${path}`)).json();
    return new DescribedService(runtime, await document("/openapi.json"), await document("/asyncapi.json"));
  }

  /** Another, of other settings or faults. */
  async beside(options: RuntimeOptions): Promise<Runtime> {
    const runtime = await startRuntime({ ...options, vars: { ...scopedVars, ...options.vars } });
    this.#running.push(runtime);
    return runtime;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((runtime) => runtime.stop()));
  }

  /** A request to an operation of the document; its reply, and the body that it took, are held to it. */
  async ask(method: string, path: string, ask: Ask = {}): Promise<Document> {
    const target = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ask.path?.[name] ?? "ada"));
    const { credential = API_KEY, body } = ask;
    const response = await fetch(`${ask.url ?? this.runtime.url}${target}${ask.query ?? ""}`, {
      method,
      headers: { ...(credential === null ? {} : { authorization: `Bearer ${credential}` }), ...ask.headers },
      ...(body === undefined
        ? {}
        : { body: new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)) }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.endsWith("json");
    const reply = { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    this.http.reply(method, path, reply);
    if (response.ok && typeof body === "object") this.http.takenBody(method, path, body);
    return reply.body;
  }

  async connect(user: string, options: Partial<ConnectionOptions> = {}): Promise<Connection> {
    const connection = await Connection.open(this.runtime.url, { token: await mintLocally(user), ...options });
    this.streams.push(connection);
    return connection;
  }
}
