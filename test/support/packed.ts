import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freshClone } from "./fresh-clone.ts";
import { Shell } from "./shell.ts";
import { projectDir } from "./worker-config.ts";

const fixtures = join(projectDir, "test/e2e/package");

/** A script in a folder, with the project's own tools on the path, and none of them saying more than it is asked for. */
export const shellIn = (cwd: string, script: string): Shell =>
  new Shell(script, {
    cwd,
    env: {
      PATH: `${join(projectDir, "node_modules/.bin")}:${process.env.PATH}`,
      NO_COLOR: "1",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_SEND_METRICS: "false",
      npm_config_loglevel: "error",
      npm_config_audit: "false",
      npm_config_fund: "false",
      npm_config_prefer_offline: "true",
    },
  });

/** For one command that needs no network, a build or a bundle at most: they take seconds, on a machine that has other work tens of them. */
export const commandMs = 120_000;

/** Runs it to its end; what it said, or a failed test that tells. */
export const runIn = async (cwd: string, script: string, deadlineMs = commandMs): Promise<string> => {
  const shell = shellIn(cwd, script);
  const code = await shell.ends(deadlineMs).catch((error: Error) => {
    throw new Error(`${script}: ${error.message}`);
  });
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${shell.output}`);
  return shell.output;
};

/**
 * An installation. npm by itself waits for five minutes, three times, before it says that a registry does not answer. Here a request has twenty
 * seconds, twice, and each one is in what it says: a registry that is slow, or silent, is named.
 */
export const installMs = 180_000;
const install = "npm install --loglevel=http --fetch-timeout=20000 --fetch-retries=1 --fetch-retry-mintimeout=1000";

/** The package as `npm publish` would upload it. */
export interface Packed {
  readonly tarball: string;
  /** A project of somebody else's: the files of one folder of test/e2e/package, with the package and these others installed. */
  project(fixture: string, others?: readonly string[]): Promise<string>;
}

const made: string[] = [];

/** Removes the copy and all projects; for `afterAll`, whatever became of them. */
export const removePacked = (): void => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
};

/** Packs a copy of this project, so that neither edits meanwhile nor a dist/ of before have a part in it. */
export const pack = async (): Promise<Packed> => {
  const clone = freshClone();
  made.push(clone);
  symlinkSync(join(projectDir, "node_modules"), join(clone, "node_modules"));
  await runIn(clone, "npm pack");
  const tarball = join(clone, readdirSync(clone).find((name) => name.endsWith(".tgz")) ?? "");
  const { devDependencies } = JSON.parse(readFileSync(join(clone, "package.json"), "utf8"));
  return {
    tarball,
    project: async (fixture, others = []) => {
      const dir = mkdtempSync(join(tmpdir(), `restante-${fixture}-`));
      made.push(dir);
      cpSync(join(fixtures, fixture), dir, { recursive: true });
      writeFileSync(join(dir, "package.json"), JSON.stringify({ private: true, type: "module" }));
      // In the versions that this project has, whose tarballs its own installation has left in npm's cache. Not so what a registry says of
      // them (`npm ci` asks for none of that): it is asked once, and then `prefer_offline` has it.
      const packages = others.map((name) => `${name}@${devDependencies[name]}`);
      await runIn(dir, `${install} ${[tarball, ...packages].join(" ")}`, installMs);
      return dir;
    },
  };
};
