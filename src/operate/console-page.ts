/**
 * Makes the operator's console: what a browser can load, in a folder that the Worker's static assets are served from. It answers at
 * `/console`; all other paths are the Worker's.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { dist, src } from "./modules.ts";
import { runbook } from "./runbook.ts";

const source = join(src, "console/page");

/** What wrangler.toml names as `[assets] directory`, here and, under node_modules/restante, in an adopter's folder. */
const consoleFolder = join(dist, "console");

/**
 * Only the page's own origin, and no text that becomes code: a message is whatever its sender wrote. Nothing opens it, frames it or learns
 * its address, for it holds a key.
 */
export const CONSOLE_HEADERS = `/console*
  Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Resource-Policy: same-origin
  Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()
  Referrer-Policy: no-referrer
  X-Content-Type-Options: nosniff
`;

/** What the licences of the libraries inside ask for. */
const banner =
  "/* Restante's console. In it: Preact, (c) 2015-present Jason Miller; uPlot, (c) Leon Sorokin: MIT licence, both. */";

/** `console.html`, which is served at `/console`, and beside it `console/` with what it loads. */
export const makeConsole = async (folder = consoleFolder): Promise<void> => {
  if (folder === consoleFolder) rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "console"), { recursive: true });
  await build({
    entryPoints: [join(source, "page.tsx"), join(source, "page.css")],
    outdir: join(folder, "console"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    plugins: [runbook],
    banner: { js: banner },
    sourcemap: true,
    logLevel: "warning",
  });
  cpSync(join(source, "index.html"), join(folder, "console.html"));
  cpSync(join(src, "look/icon.svg"), join(folder, "console/icon.svg"));
  if (folder === consoleFolder) writeFileSync(join(folder, "_headers"), CONSOLE_HEADERS);
};
