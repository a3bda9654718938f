/**
 * `npm run build`, and `npm pack` before it packs: makes dist/, which is what is published: the entry points as modules, with their
 * declarations, and the console's page.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { makeConsole } from "./console-page.ts";
import { dist, entries, makeModules, src } from "./modules.ts";
import { projectDir } from "./wrangler.ts";

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
await makeConsole();
