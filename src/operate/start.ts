/**
 * `npm start`: a whole Restante on this machine, with secrets of its own and its data on disk.
 *
 * What follows `--` goes to `wrangler dev`: `npm start -- --port 9000 --persist-to /var/lib/restante`.
 */
import { createServer } from "node:net";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeConsole } from "./console-page.ts";
import { makeDemoPage } from "./demo-page.ts";
import { ensureDevVars } from "./dev-vars.ts";
import { makeModules } from "./modules.ts";
import { linesToPaste } from "./paste.ts";
import { projectDir, startWrangler } from "./wrangler.ts";

/** How long the first answer may take: a cold machine bundles and starts workerd in some seconds. */
const readyWithinMs = 60_000;
/** How long wrangler may take to end before it is killed. */
const endWithinMs = 5_000;

const passed = process.argv.slice(2);
const { values } = parseArgs({
  args: passed,
  options: { port: { type: "string" }, ip: { type: "string" }, env: { type: "string", short: "e" } },
  // The rest is wrangler's to understand.
  strict: false,
});
const port = typeof values.port === "string" ? Number(values.port) : 8787;
const host = typeof values.ip === "string" && values.ip !== "0.0.0.0" && values.ip !== "*" ? values.ip : "localhost";
const origin = `http://${host}:${port}`;

const giveUp = (why: string): never => {
  console.error(`\n${why}\n`);
  process.exit(1);
};

/** Wrangler would take a port to its liking, or end in a stack. */
const portIsFree = (address: string): Promise<boolean> =>
  new Promise((done) => {
    const probe = createServer();
    // A machine without IPv6 has no such address, and nobody on it either.
    probe.once("error", (error) => done(!("code" in error && error.code === "EADDRINUSE")));
    probe.listen({ port, host: address, exclusive: true }, () => probe.close(() => done(true)));
  });

if (!Number.isInteger(port) || port < 1 || port > 65_535)
  giveUp(`--port is a number from 1 to 65535, not ${values.port}.`);
if (!(await portIsFree("127.0.0.1")) || !(await portIsFree("::1"))) {
  giveUp(`Port ${port} is taken. End what uses it, or take another: npm start -- --port ${port + 1}`);
}

const secrets = ensureDevVars(join(projectDir, ".dev.vars"));
if (secrets.missing.length > 0) {
  giveUp(
    `.dev.vars lacks:\n${secrets.missing.map((name) => `  ${name}`).join("\n")}\nAdd them, or delete the file: the next start makes a whole one.`,
  );
}
if (secrets.made) console.log("Made .dev.vars with fresh secrets.");

await makeModules();

// The demo is for development alone: another environment runs what is deployed, and nothing else.
const isDevelopment = (values.env ?? "") === "";
if (!isDevelopment) await makeConsole();
const demo = isDevelopment ? ["src/demo/worker.ts", "--assets", await makeDemoPage(port)] : [];

// A group of its own, so that workerd ends with it, whatever becomes of wrangler in between.
const ownGroup = process.platform !== "win32";
const wrangler = startWrangler(
  [
    "dev",
    ...demo,
    "--port",
    String(port),
    ...(values.env === undefined ? ["--env="] : []),
    "--show-interactive-dev-session=false",
    ...passed.filter((arg, i) => !/^--port(=|$)/.test(arg) && passed[i - 1] !== "--port"),
  ],
  { stdio: ["ignore", "pipe", "pipe"], detached: ownGroup },
);

const signal = (name: NodeJS.Signals): void => {
  try {
    if (ownGroup && wrangler.pid !== undefined) process.kill(-wrangler.pid, name);
    else wrangler.kill(name);
  } catch {
    // It has ended already.
  }
};

// What wrangler says before the server answers is of interest only where it never does.
let ready = false;
const early: string[] = [];
for (const [stream, out] of [
  [wrangler.stdout, process.stdout],
  [wrangler.stderr, process.stderr],
] as const) {
  stream?.on("data", (chunk: Buffer) => {
    if (ready) out.write(chunk);
    else early.push(String(chunk));
  });
}

let ending = false;
const end = (): void => {
  if (ending) return;
  ending = true;
  signal("SIGTERM");
  setTimeout(() => signal("SIGKILL"), endWithinMs).unref();
};
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, end);
process.on("exit", () => signal("SIGKILL"));
// npm, told to end, ends its shell and not what the shell has started: this process sees only that its parent is another.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) end();
}, 500).unref();
wrangler.once("exit", (code) => {
  if (ending) process.exit(0);
  giveUp(`${early.join("")}\nwrangler dev ended with ${code}.`);
});

const deadline = Date.now() + readyWithinMs;
while (!ready && !ending) {
  if (Date.now() > deadline)
    giveUp(`${early.join("")}\n${origin}/health does not answer after ${readyWithinMs / 1_000} s.`);
  ready = await fetch(`${origin}/health`, { signal: AbortSignal.timeout(2_000) }).then(
    (answer) => answer.ok,
    () => false,
  );
  if (!ready) await new Promise((done) => setTimeout(done, 100));
}
if (ready) console.log(linesToPaste(origin));
if (ready && isDevelopment) console.log(`Or look at it, in a browser: ${origin}/demo`);
if (ready) console.log(`The operator's console, with the same key: ${origin}/console\n`);
