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

/** Runs it to its end; what it said, or a failed test that tells. */
export const runIn = async (cwd: string, script: string): Promise<string> => {
  const shell = shellIn(cwd, script);
  const code = await shell.exited;
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${shell.output}`);
  return shell.output;
};

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
      // In the versions that this project has: its own installation has left them in npm's cache.
      const packages = others.map((name) => `${name}@${devDependencies[name]}`);
      await runIn(dir, `npm install ${[tarball, ...packages].join(" ")}`);
      return dir;
    },
  };
};
