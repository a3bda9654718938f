import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { projectDir } from "./worker-config.ts";

/** The project as a clone would have it, with what is not committed yet: no packages, no secrets, no data. The caller removes it. */
export const freshClone = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "restante-clone-"));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: projectDir,
    encoding: "utf8",
  });
  for (const path of listed.split("\0")) {
    // A file that is deleted and not committed is still listed.
    if (path === "" || !existsSync(join(projectDir, path))) continue;
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    cpSync(join(projectDir, path), join(dir, path));
  }
  return dir;
};
