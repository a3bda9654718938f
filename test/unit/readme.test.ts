import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { COMMANDS } from "../../src/command-line/commands.ts";
import { projectDir } from "../support/worker-config.ts";

const readme = readFileSync(join(projectDir, "README.md"), "utf8");

test("the README names every setting there is", () => {
  const dir = join(projectDir, "src/settings");
  const settings = readdirSync(dir)
    .map((file) => readFileSync(join(dir, file), "utf8"))
    .join("\n");
  const names = new Set([...settings.matchAll(/"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g)].map((match) => match[1] ?? ""));
  // A binding, not a setting.
  names.delete("CF_VERSION_METADATA");
  expect(names.size).toBeGreaterThan(10);
  expect([...names].filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

test("the README names every command of the command line, and no other", () => {
  const section = /\n## Command line\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? "";
  const table = section.split("\n").filter((line) => line.startsWith("| "));
  const cells = table.slice(1).map((line) => line.split(" | ")[1] ?? "");
  const named = cells.flatMap((cell) => [...cell.matchAll(/`([a-z][a-z-]*)/g)].map((match) => match[1]));
  expect(named.toSorted()).toEqual([...COMMANDS.keys()].toSorted());
});

test("what the README links to exists", () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1] ?? "");
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((link) => !existsSync(join(projectDir, link)))).toEqual([]);
});

test.each(["wrangler.toml", "src/index.ts", "secrets.sh"])("[O1] the README shows %s as it was tried", (file) => {
  expect(readme).toContain(readFileSync(join(projectDir, "test/e2e/package/adopter", file), "utf8"));
});
