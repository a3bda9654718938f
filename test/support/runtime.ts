/**
 * The real workerd with the real Worker, on disk, without the proxy of `wrangler dev`: for tests that kill it, and for benchmarks.
 *
 * ```ts
 * const runtime = await startRuntime();
 * await new Backend(runtime.url).send("ada", { type: "hello" });
 * await runtime.kill(); // SIGKILL, as a crash
 * await runtime.restart(); // same directory, same port
 * await runtime.stop();
 * ```
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { defaultVars } from "./credentials.ts";
import { projectDir, readWorkerConfig, type WorkerConfig } from "./worker-config.ts";

// The package is CommonJS without types; its default export is the path of the binary.
const workerd: string = createRequire(import.meta.url)("workerd").default;

export interface RuntimeOptions {
  /** Where the Durable Objects are stored. Default: a directory of its own, which `stop` removes. */
  readonly dir?: string;
  /** Settings and secrets, over wrangler.toml's and the test's own; `undefined` takes one away. */
  readonly vars?: Readonly<Record<string, string | undefined>>;
  /** The Worker's source. Default: src/index.ts. Another one must export the Durable Object classes of wrangler.toml. */
  readonly entry?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** The source of a second Worker, bound to this one's entry point `Sender` as `RESTANTE` (S11); it answers on `boundUrl`. */
  readonly bound?: string;
}

export interface Runtime {
  readonly url: string;
  readonly port: number;
  /** Of the second Worker; a new one after each start. */
  readonly boundUrl: string;
  /** Of the running workerd. */
  readonly pid: number;
  /** Everything it has written to stdout and stderr, all runs. */
  readonly logs: string;
  /** SIGKILL, as a crash; what is on disk stays. */
  kill(): Promise<void>;
  /** Starts again on the same directory and port; kills first what still runs. */
  restart(): Promise<void>;
  /** Ends it, and removes the directory if it made it. */
  stop(): Promise<void>;
}

/** How long workerd may take to listen; it takes some 100 ms. */
const startDeadlineMs = 15_000;

export const startRuntime = async (options: RuntimeOptions = {}): Promise<Runtime> => {
  const ownDir = options.dir === undefined;
  const dir = resolve(options.dir ?? mkdtempSync(join(tmpdir(), "restante-")));
  if (ownDir) ownDirs.add(dir);
  const objectsDir = join(dir, "objects");
  mkdirSync(objectsDir, { recursive: true });

  const config = readWorkerConfig();
  const vars = { ...config.vars, ...defaultVars, ...options.vars };
  const scriptPath = join(dir, "worker.js");
  const configPath = join(dir, "config.capnp");
  writeFileSync(scriptPath, await bundled(resolve(options.entry ?? join(projectDir, "src/index.ts"))));
  if (options.bound !== undefined) writeFileSync(join(dir, "bound.js"), await bundled(resolve(options.bound)));
  const isBound = options.bound !== undefined;
  writeFileSync(configPath, capnp(config, vars, objectsDir, isBound));

  const logs: string[] = [];
  let port = options.port ?? 0;
  let boundPort: number | undefined;
  let child: ChildProcess | undefined;

  const kill = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    const ending = child;
    if (ending === undefined) return;
    child = undefined;
    await ended(ending, signal);
    running.delete(ending);
  };
  const start = async (): Promise<void> => {
    await kill();
    const addresses = [`--socket-addr=http=127.0.0.1:${port}`, ...(isBound ? ["--socket-addr=bound=127.0.0.1:0"] : [])];
    const starting = spawn(workerd, ["serve", configPath, "--experimental", ...addresses, "--control-fd=3"], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    child = starting;
    running.add(starting);
    for (const stream of [starting.stdout, starting.stderr])
      stream?.on("data", (chunk: Buffer) => logs.push(String(chunk)));
    try {
      [port = port, boundPort] = await listening(starting, isBound ? ["http", "bound"] : ["http"]);
    } catch (error) {
      await kill();
      throw new Error(`workerd did not start: ${error instanceof Error ? error.message : error}\n${logs.join("")}`);
    }
  };

  await start();
  return {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    get boundUrl() {
      if (boundPort === undefined) throw new Error("There is no second Worker.");
      return `http://127.0.0.1:${boundPort}`;
    },
    get pid() {
      if (child?.pid === undefined) throw new Error("The runtime is not running.");
      return child.pid;
    },
    get logs() {
      return logs.join("");
    },
    kill: () => kill(),
    restart: start,
    stop: async () => {
      await kill("SIGTERM");
      if (ownDir) rmSync(dir, { recursive: true, force: true });
    },
  };
};

/** Whatever way the tests end, no workerd outlives them, and no directory that they made. */
const running = new Set<ChildProcess>();
const ownDirs = new Set<string>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  for (const dir of ownDirs) rmSync(dir, { recursive: true, force: true });
});

/** Waits for the end of a process that was told to; workerd on SIGTERM waits for its sockets, but not here. */
const ended = (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  const patienceMs = 1_000;
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done();
    const impatience = setTimeout(() => child.kill("SIGKILL"), patienceMs);
    child.once("exit", () => {
      clearTimeout(impatience);
      done();
    });
    child.kill(signal);
  });
};

/** workerd says on its control descriptor when it listens, and where: `{"event":"listen","socket":"http","port":n}`. The ports of its sockets. */
const listening = (child: ChildProcess, sockets: readonly string[]): Promise<readonly number[]> =>
  new Promise((done, failed) => {
    const control = child.stdio[3] as Readable;
    const deadline = setTimeout(() => failed(new Error(`not listening after ${startDeadlineMs} ms`)), startDeadlineMs);
    let text = "";
    child.once("error", failed);
    child.once("exit", (code, signal) => failed(new Error(`it ended with ${code ?? signal}`)));
    control.on("data", (chunk: Buffer) => {
      text += chunk;
      const ports = sockets.map(
        (name) => new RegExp(`"event":"listen","socket":"${name}","port":(\\d+)`).exec(text)?.[1],
      );
      if (ports.includes(undefined)) return;
      clearTimeout(deadline);
      done(ports.map(Number));
    });
  });

const bundles = new Map<string, Promise<string>>();

/** The Worker as one module; made once for each entry in a process. */
const bundled = (entry: string): Promise<string> => {
  const known = bundles.get(entry);
  if (known !== undefined) return known;
  const making = build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    // As wrangler resolves packages.
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    sourcemap: "inline",
    logLevel: "silent",
  }).then((result) => result.outputFiles[0]?.text ?? "");
  bundles.set(entry, making);
  return making;
};

/** A Cap'n Proto text literal has C's escapes; JSON's are among them, but for \u. */
const text = (value: string): string =>
  JSON.stringify(value).replaceAll(/\\u([0-9a-f]{4})/g, (_, hex: string) => `\\x${hex.slice(2)}`);

const capnp = (
  config: WorkerConfig,
  vars: Readonly<Record<string, string | undefined>>,
  objectsDir: string,
  isBound: boolean,
): string => {
  const bindings = [
    ...Object.entries(vars).flatMap(([name, value]) =>
      value === undefined ? [] : [`(name = ${text(name)}, text = ${text(value)})`],
    ),
    ...config.durableObjects.map((o) => `(name = ${text(o.binding)}, durableObjectNamespace = ${text(o.className)})`),
  ];
  const namespaces = config.durableObjects.map(
    (o) => `(className = ${text(o.className)}, uniqueKey = ${text(`restante-${o.className}`)}, enableSql = true)`,
  );
  // Another deployment of the same account: its own code, its own date, and the binding.
  const second = `
    (name = "bound", worker = (
      modules = [(name = "bound.js", esModule = embed "bound.js")],
      compatibilityDate = ${text(config.compatibilityDate)},
      bindings = [(name = "RESTANTE", service = (name = "main", entrypoint = "Sender"))],
    )),`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = ${text(config.compatibilityDate)},
      compatibilityFlags = [${config.compatibilityFlags.map(text).join(", ")}],
      bindings = [${bindings.join(", ")}],
      durableObjectNamespaces = [${namespaces.join(", ")}],
      durableObjectStorage = (localDisk = "objects"),
    )),
${isBound ? second : ""}
    (name = "objects", disk = (path = ${text(objectsDir)}, writable = true)),
    # Tests serve an identity provider's keys from this machine.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", service = "main")${isBound ? ', (name = "bound", service = "bound")' : ""}],
);
`;
};
