/** The package as its adopters get it: packed, installed from the tarball into projects of theirs (test/e2e/package), and used there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { API_KEY } from "../support/credentials.ts";
import { freePort } from "../support/free-port.ts";
import { commandMs, installMs, type Packed, pack, removePacked, runIn, shellIn } from "../support/packed.ts";
import { startRuntime } from "../support/runtime.ts";
import { projectDir } from "../support/worker-config.ts";

let packed: Packed;
/** A project with a page, a backend, and a Worker that is bound to Restante. */
let consumer: string;
/** A folder that deploys Restante. */
let adopter: string;

beforeAll(
  async () => {
    packed = await pack();
    adopter = await packed.project("adopter");
    const others = [
      "react",
      "react-dom",
      "@types/react",
      "@types/react-dom",
      "@types/node",
      "@cloudflare/workers-types",
    ];
    consumer = await packed.project("consumer", others);
    // Whichever of the three is late says so itself.
  },
  2 * installMs + commandMs + 10_000,
);
afterAll(removePacked);

/** Each command has its own deadline, and tells what it said until then: a test's comes after those of its commands. */
const timeout = 2 * commandMs + 10_000;

describe("[O1] the packed package", { timeout }, () => {
  test("has nothing that publint and attw would mend", async () => {
    expect(await runIn(consumer, `publint run ${packed.tarball} --strict`)).toContain("All good!");
    await runIn(consumer, `attw ${packed.tarball} --profile esm-only`);
  });

  test("brings along what its Worker needs, and nothing else", () => {
    const { packages } = JSON.parse(readFileSync(join(adopter, "node_modules/.package-lock.json"), "utf8"));
    expect(Object.keys(packages).sort()).toEqual(
      [
        "@noble/hashes",
        "@stablelib/base64",
        "@valibot/to-json-schema",
        "fast-sha256",
        "hono",
        "jose",
        "restante",
        "standardwebhooks",
        "valibot",
      ].map((name) => `node_modules/${name}`),
    );
  });

  test("is what was built, and the documents; no code stands in two modules of a page", () => {
    const dir = join(adopter, "node_modules/restante");
    const files = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
      .sort();
    const modules = ["client/client", "client/react", "command-line/restante", "index", "sender/sender"];
    const page = ["icon.svg", "page.css", "page.css.map", "page.js", "page.js.map"];
    expect(files.filter((path) => !path.endsWith(".d.ts"))).toEqual(
      [
        "LICENSE",
        "README.md",
        ...modules.flatMap((path) => [`dist/${path}.js`, `dist/${path}.js.map`]),
        ...["_headers", "console.html", ...page.map((name) => `console/${name}`)].map((name) => `dist/console/${name}`),
        "package.json",
        "src/monitor/OPERATIONS.md",
        "src/monitor/alerts.rules.yml",
        "src/protocol/PROTOCOL.md",
      ].sort(),
    );
    const sourcesOf = (module: string): readonly string[] =>
      JSON.parse(readFileSync(join(dir, `dist/client/${module}.js.map`), "utf8")).sources;
    expect(sourcesOf("react")).toEqual(["../../src/client/react.ts"]);
    expect(sourcesOf("client")).toContain("../../src/client/inbox-error.ts");
  });
});

describe("[O1] a project that has installed it", { timeout }, () => {
  test.for(
    ["page", "backend", "worker"].flatMap((part) => [
      [part, "--module esnext --moduleResolution bundler"] as const,
      [part, "--module nodenext --moduleResolution nodenext"] as const,
    ]),
  )("has its types in a %s, with tsc %s", async ([part, options]) => {
    // The fixtures expect an error where an event is not what it is said to be: tsc is silent only where it is there.
    expect(await runIn(consumer, `tsc -p ${part} ${options}`)).toBe("");
  });

  test("sends and receives in Node, and ends by itself", async () => {
    const runtime = await startRuntime();
    try {
      expect(await runIn(consumer, `node backend/deliver.ts ${runtime.url} ${API_KEY}`)).toBe("r1 arrived\n");
    } finally {
      await runtime.stop();
    }
  });

  test("has the command line", async () => {
    expect(await runIn(consumer, "npx restante --help")).toMatch(/^restante: .*\n\nUsage: restante COMMAND/);
    expect(await runIn(consumer, "npx restante --version")).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("renders a component on a server", async () => {
    expect(await runIn(consumer, "node backend/render.ts")).toBe('<p title="connecting">0</p>\n');
  });

  test("bundles its page for a browser, with nothing left to resolve", async () => {
    const { outputFiles, warnings, metafile } = await build({
      absWorkingDir: consumer,
      entryPoints: ["page/page.ts", "page/view.tsx"],
      outdir: "bundle",
      bundle: true,
      minify: true,
      platform: "browser",
      format: "esm",
      jsx: "automatic",
      write: false,
      metafile: true,
    });
    expect(warnings).toEqual([]);
    expect(outputFiles).toHaveLength(2);
    expect(Object.values(metafile.outputs).flatMap((output) => output.imports)).toEqual([]);
    const foreign = Object.keys(metafile.inputs).filter((path) =>
      /node_modules\/(?!restante|react|scheduler)/.test(path),
    );
    expect(foreign).toEqual([]);
  });
});

describe("[O1] a folder of wrangler.toml and one line", { timeout: 3 * commandMs + 10_000 }, () => {
  test("asks for what the default environment of the project's own wrangler.toml asks for", () => {
    const lines = (dir: string) =>
      (readFileSync(join(dir, "wrangler.toml"), "utf8").split("[env.")[0] ?? "")
        .split("\n")
        // What an adopter is left to wrangler's defaults with, the project's own `ENVIRONMENT`, and where the console is.
        .filter((line) => !/^(#|$|workers_dev|preview_urls|send_metrics|\[vars\]|ENVIRONMENT|directory)/.test(line))
        .sort();
    expect(lines(adopter)).toEqual(lines(projectDir));
  });

  test("can be deployed, without a warning", async () => {
    const said = await runIn(adopter, "wrangler deploy --dry-run");
    expect(said).toMatch(/env\.MAILBOX \(Mailbox\)[\s\S]*--dry-run: exiting now/);
    expect(said).not.toMatch(/warn/i);
  });

  test("runs with the secrets that the README's lines make, and delivers a message", async () => {
    // On this machine secrets stand in .dev.vars; the lines are the same but for where they put them.
    const script = readFileSync(join(adopter, "secrets.sh"), "utf8");
    const local = script.replaceAll(/npx wrangler secret put (\w+)/g, "sed 's/^/$1=/' >> .dev.vars");
    const key = (await runIn(adopter, local)).trim();
    const port = await freePort();
    const server = shellIn(adopter, `wrangler dev --port ${port}`);
    try {
      await server.says(/Ready on/, commandMs);
      expect(await runIn(consumer, `node backend/deliver.ts http://127.0.0.1:${port} ${key}`)).toBe("r1 arrived\n");
      const console = await fetch(`http://127.0.0.1:${port}/console`);
      expect(console.headers.get("content-security-policy")).toContain("script-src 'self'");
      expect(await console.text()).toContain("/console/page.js");
    } finally {
      await server.end();
    }
  });
});
