/**
 * `npm run build`, and `npm pack` before it packs: makes dist/, which is what is published.
 *
 * Each entry point of package.json's `exports` becomes one module, with its declarations. Nothing is minified: an app's bundler does that, and
 * who steps into it can read it.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { projectDir } from "./wrangler.ts";

const src = join(projectDir, "src");
const dist = join(projectDir, "dist");

/** The entry points without their extension, as paths below src and dist alike: `client/react`. */
const entries: readonly string[] = Object.values<unknown>(
  JSON.parse(readFileSync(join(projectDir, "package.json"), "utf8")).exports,
).flatMap((target) => {
  const path = typeof target === "object" && target !== null && "default" in target ? String(target.default) : "";
  return path === "" ? [] : [path.replace(/^\.\/dist\/(.+)\.js$/, "$1")];
});

/** An entry point that another one imports stays a module of its own: a class is the same in both, `instanceof` holds. */
const entriesApart: Plugin = {
  name: "entries-apart",
  setup({ onResolve }) {
    onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir, kind }) => {
      const entry = relative(src, resolve(resolveDir, path)).replaceAll("\\", "/").replace(/\.ts$/, "");
      const isApart = kind !== "entry-point" && entries.includes(entry);
      return isApart ? { path: path.replace(/\.ts$/, ".js"), external: true } : undefined;
    });
  },
};

const makeModules = async (): Promise<void> => {
  await build({
    entryPoints: entries.map((entry) => join(src, `${entry}.ts`)),
    outbase: src,
    outdir: dist,
    bundle: true,
    format: "esm",
    // What every browser of the last years has, and every bundler takes.
    target: "es2022",
    // Dependencies, and what only the platform has (`cloudflare:workers`).
    packages: "external",
    sourcemap: true,
    plugins: [entriesApart],
  });
};

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");

/** Each part of src is checked, and so declared, against the platform that it runs on. */
const makeDeclarations = (): void => {
  const emit = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", src, "--outDir", dist];
  for (const project of [".", "src/client", "src/sender"]) {
    const { status } = spawnSync(process.execPath, [tsc, "-p", project, ...emit], {
      cwd: projectDir,
      stdio: "inherit",
    });
    if (status !== 0) process.exit(status ?? 1);
  }
};

/** Declarations name one another by `.js`, which every tool knows how to find; those that no entry point leads to are removed. */
const linkDeclarations = (): void => {
  const reached = new Set<string>();
  const follow = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    const linked = readFileSync(file, "utf8").replace(
      /(\b(?:from|import)[ (]")(\.[^"]+)\.ts"/g,
      (_, before: string, path: string) => {
        follow(resolve(dirname(file), `${path}.d.ts`));
        return `${before}${path}.js"`;
      },
    );
    writeFileSync(file, linked);
  };
  for (const entry of entries) follow(join(dist, `${entry}.d.ts`));
  for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (path.endsWith(".d.ts") && !reached.has(join(dist, path))) rmSync(join(dist, path));
  }
};

rmSync(dist, { recursive: true, force: true });
await makeModules();
makeDeclarations();
linkDeclarations();
