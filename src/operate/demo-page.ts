/** Makes the demo's page, and the console beside it: what a browser can load, in a folder that `wrangler dev` serves beside the Worker. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { CONSOLE_HEADERS, makeConsole } from "./console-page.ts";
import { projectDir } from "./wrangler.ts";

const source = join(projectDir, "src/demo/page");

/** Only the page's own origin: no other script, style or server has a part in it. */
const headers = `/demo*
  Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'
  X-Content-Type-Options: nosniff
  Referrer-Policy: no-referrer
`;

/** Returns the folder. It is this port's, so that two servers do not write into each other's. */
export const makeDemoPage = async (port: number): Promise<string> => {
  const folder = join(projectDir, ".wrangler/demo", String(port));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "demo"), { recursive: true });
  await build({
    entryPoints: [join(source, "page.ts"), join(source, "page.css")],
    outdir: join(folder, "demo"),
    bundle: true,
    format: "esm",
    target: "es2022",
    sourcemap: true,
    logLevel: "warning",
  });
  cpSync(join(source, "index.html"), join(folder, "demo.html"));
  cpSync(join(projectDir, "src/look/icon.svg"), join(folder, "demo/icon.svg"));
  await makeConsole(folder);
  writeFileSync(join(folder, "_headers"), `${headers}\n${CONSOLE_HEADERS}`);
  return folder;
};
