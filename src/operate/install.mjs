/**
 * Installs the packages of the lock file where they are missing or others, so that `npm start` and `npm test` work alone on a
 * fresh clone.
 *
 * It runs before anything is installed, on whatever Node the machine has: plain JavaScript, from Node 20 on, no packages.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

const packagesOf = (lockFile) => {
  try {
    return JSON.parse(readFileSync(`${root}${lockFile}`, "utf8")).packages ?? {};
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
};

/**
 * npm leaves a list of what it has installed in node_modules. Contents are compared, not times: a checkout gives the lock file a
 * new time, and would set off an installation under the feet of a running server.
 */
const isInstalled = () => {
  const wanted = packagesOf("package-lock.json");
  const present = packagesOf("node_modules/.package-lock.json");
  if (wanted === undefined) throw new Error("package-lock.json is missing: this is not a whole copy of the project.");
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    const found = present[path];
    // Packages for other platforms are optional, and rightly absent.
    if (found === undefined) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
};

if (!isInstalled()) {
  console.log("Installing packages (npm ci) …");
  // npm tells its scripts where it is itself; that path also spares Windows a shell.
  const npm = process.env.npm_execpath;
  // Only errors: npm warns that some packages want a newer Node, which is among what it installs.
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const done = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: "inherit" })
    : spawnSync("npm", args, { cwd: root, stdio: "inherit" });
  if (done.error) console.error(`npm could not be started: ${done.error.message}`);
  process.exitCode = done.status ?? 1;
}
