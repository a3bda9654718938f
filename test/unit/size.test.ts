/** What pages pay for the SDK, and an operator for the console, held to a budget. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { makeConsole } from "../../src/operate/console-page.ts";
import { projectDir } from "../support/worker-config.ts";

/** One entry point as an app's bundler would ship it: the bytes that travel, and the files they came from. */
const shipped = async (entry: string, apart: readonly string[] = [], only?: string) => {
  const what = only === undefined ? "*" : `{ ${only} }`;
  const { outputFiles, metafile } = await build({
    absWorkingDir: projectDir,
    stdin: { contents: `export ${what} from "./${entry}"`, resolveDir: projectDir },
    bundle: true,
    minify: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    external: [...apart],
    write: false,
    metafile: true,
  });
  const bytes = gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
  console.log(`${entry}: ${bytes} bytes, minified and gzipped`);
  // What is imported and left out is in none of it.
  const inputs = Object.entries(Object.values(metafile.outputs)[0]?.inputs ?? {});
  return { bytes, sources: inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])) };
};

test("restante/client costs a page at most 6 kB, and brings nothing of others along", async () => {
  const { bytes, sources } = await shipped("src/client/client.ts");
  expect(bytes).toBeLessThanOrEqual(6_000);
  expect(sources.filter((path) => !path.startsWith("src/"))).toEqual([]);
});

test("restante/react costs at most 1 kB beside the client and React", async () => {
  const { bytes, sources } = await shipped("src/client/react.ts", ["react", "./client.ts"]);
  expect(bytes).toBeLessThanOrEqual(1024);
  // What it shares with the client it imports from there: an error's class is the same in both.
  expect(sources).toEqual(["src/client/react.ts"]);
});

test("restante/sender runs anywhere: it imports no package, and nothing of Node's or Cloudflare's", async () => {
  const { sources } = await shipped("src/sender/sender.ts");
  expect(sources.filter((path) => !path.startsWith("src/"))).toEqual([]);
});

test("the console, charts and all, costs an operator at most 72 kB", async () => {
  const folder = mkdtempSync(join(tmpdir(), "restante-console-"));
  try {
    await makeConsole(folder);
    const bytes = ["console.html", "console/page.js", "console/page.css"]
      .map((name) => gzipSync(readFileSync(join(folder, name)), { level: 9 }).length)
      .reduce((sum, size) => sum + size, 0);
    console.log(`console: ${bytes} bytes, minified and gzipped`);
    expect(bytes).toBeLessThanOrEqual(72_000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("who only sends does not ship what an operator does", async () => {
  const operating = /sender\/(operat(or|ing)|live)\.ts$/;
  const { sources } = await shipped("src/sender/sender.ts");
  expect(sources.filter((path) => operating.test(path)).length).toBeGreaterThan(1);
  const alone = await shipped("src/sender/sender.ts", [], "createSender");
  expect(alone.sources.filter((path) => operating.test(path))).toEqual([]);
});
