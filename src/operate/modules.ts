/**
 * The package's entry points as modules, in dist/: each one of package.json's `exports`, and its `bin`. Nothing is minified: an app's bundler does that, and
 * who steps into it can read it.
 *
 * They are made by `npm start`, too: in this folder the package's name means itself, so that README's lines run here as they would elsewhere.
 */
import { chmodSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { projectDir } from "./wrangler.ts";

export const src = join(projectDir, "src");
export const dist = join(projectDir, "dist");

const moduleIn = (path: string): string => path.replace(/^(?:\.\/)?dist\/(.+)\.js$/, "$1");

const { exports: exported, bin } = JSON.parse(readFileSync(join(projectDir, "package.json"), "utf8"));

/** The entry points without their extension, as paths below src and dist alike: `client/react`. */
export const entries: readonly string[] = Object.values<unknown>(exported).flatMap((target) =>
  typeof target === "object" && target !== null && "default" in target ? [moduleIn(String(target.default))] : [],
);
/** The commands: programs, which nobody imports. */
const programs: readonly string[] = Object.values<string>(bin).map(moduleIn);

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

export const makeModules = async (): Promise<void> => {
  await build({
    entryPoints: [...entries, ...programs].map((entry) => join(src, `${entry}.ts`)),
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
  // As npm sees to it where it installs them.
  for (const program of programs) chmodSync(join(dist, `${program}.js`), 0o755);
};
