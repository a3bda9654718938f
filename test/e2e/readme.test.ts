import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Backend } from "../support/backend.ts";
import { freePort } from "../support/free-port.ts";
import { freshClone } from "../support/fresh-clone.ts";
import { Shell } from "../support/shell.ts";
import { projectDir } from "../support/worker-config.ts";

// The README's lines run as they stand, on a clean clone, in a shell that knows nothing of this one. Only where somebody else has its
// port is another put in its place.

const readmePort = 8787;
const user = "startup_test_032e17dc-25d9-430e-8a74-7b87b2a70064";
/** A clean clone installs all packages first. */
const installDeadlineMs = 240_000;
const shellDeadlineMs = 30_000;

let clone: string;
let port: number;
let server: Shell;
let backend: Backend;

/** The block of the README that stands after `<!-- runs: name -->`. */
const block = (name: string): string => {
  const readme = readFileSync(join(projectDir, "README.md"), "utf8");
  const found = new RegExp(`<!-- runs: ${name} -->\n\`\`\`[a-z]+\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (found === undefined) throw new Error(`README.md has no block "runs: ${name}".`);
  return found.replaceAll(`localhost:${readmePort}`, `localhost:${port}`);
};

beforeAll(async () => {
  clone = freshClone();
  port = await freePort(readmePort);
  const start = block("start").trim();
  server = new Shell(port === readmePort ? start : `${start} -- --port ${port}`, { cwd: clone });
  await server.says(/answers on .*wscat.*\n/s, installDeadlineMs);
  const key = /^RESTANTE_API_KEY=(.+)$/m.exec(readFileSync(join(clone, ".dev.vars"), "utf8"))?.[1];
  backend = new Backend(`http://localhost:${port}`, key ?? null);
}, installDeadlineMs);

afterAll(async () => {
  await server?.end();
  if (clone !== undefined) rmSync(clone, { recursive: true, force: true });
});

/** Sends, mints and attaches by the lines; acks by hand; attaches again. */
const followed = async (lines: string): Promise<void> => {
  const shell = new Shell(lines, { cwd: clone });
  const confirmed = await shell.says(/\{"type":"connection_established".*\n/, shellDeadlineMs);
  const afterConfirmation = confirmed.index + confirmed[0].length;
  const received = await shell.says(
    /\{"type":"messages".*"seq":(\d+),"id":"([^"]+)","type":"startup_test".*\n/,
    shellDeadlineMs,
    afterConfirmation,
  );
  await shell.says(/\{"type":"caught_up".*\n/, shellDeadlineMs, afterConfirmation);
  expect(shell.output).toMatch(/"status":"queued"/);
  const [, seq, id = ""] = received;
  shell.type(`{"type":"ack","seq":${seq}}`);
  // The wait of a user's state is for a connection; that of a message's end is polled here, since its sender did not wait.
  await expect
    .poll(async () => (await backend.state(user, id)).body.status, { timeout: shellDeadlineMs })
    .toBe("delivered");
  await shell.end();
};

test("[S2, C1, C2] the README's lines send, mint, attach and receive", async () => {
  await followed(["key", "send", "mint", "attach"].map(block).join("\n"));

  const again = new Shell(["key", "mint", "attach"].map(block).join("\n"), { cwd: clone });
  await again.says(/\{"type":"caught_up".*\n/, shellDeadlineMs);
  expect(again.output).not.toContain('startup_test",');
  await again.end();
});

test("[C2, S3] the README's ten lines of receiving code and five of sending code, pasted into empty files, work in either order", async () => {
  for (const name of ["receive.mjs", "send.mjs"]) writeFileSync(join(clone, name), block(name));
  expect(block("receive.mjs").trim().split("\n").length).toBeLessThanOrEqual(10);
  expect(block("send.mjs").trim().split("\n").length).toBeLessThanOrEqual(5);
  const run = (name: string) => new Shell(`${block("key")}\nexec node ${name}`, { cwd: clone });

  const early = run("send.mjs");
  // Nobody has it yet, and its sender waits.
  await expect.poll(async () => (await backend.user("ada")).body.held.count, { timeout: shellDeadlineMs }).toBe(1);
  const receiver = run("receive.mjs");
  await receiver.says(/agent_started \{ run: 7 \}/, shellDeadlineMs);
  expect(await early.exited).toBe(0);
  expect(early.output.trim()).toBe("delivered");

  const late = run("send.mjs");
  expect(await late.exited).toBe(0);
  expect(late.output.trim()).toBe("delivered");
  expect(receiver.output.trim().split("\n")).toEqual(Array(2).fill("agent_started { run: 7 }"));
  await receiver.end();
});

test("[S1, U1, S10] the README's lines of the command line send, and show how the user stands and what waits", async () => {
  const lines = `export RESTANTE_URL=http://localhost:${port}\n${block("key")}\nset -e\n${block("command-line")}`;
  const shell = new Shell(lines, { cwd: clone });
  expect(await shell.exited).toBe(0);
  expect(shell.output).toMatch(/^status +queued\nfor +grace, who has never connected: it waits\n/);
  expect(shell.output).toMatch(/\nuser +grace {2}not connected\nheld +1 message, /);
  expect(shell.output).toMatch(/\nSEQ .*TYPE AND DATA\n\d{16} .* agent_started \{"run":7\}\n {2}accepted \d+s ago\n$/);
});

test("the lines that npm start prints do the same", async () => {
  const printed = /In another terminal, in this folder:\n([\s\S]*wscat.*\n)/.exec(server.output)?.[1];
  if (printed === undefined) throw new Error(`npm start printed no lines:\n${server.output}`);
  await followed(printed);
});

test("[A1] the README's line makes a key, and says how to set it", async () => {
  const shell = new Shell(block("make-key"), { cwd: clone });
  expect(await shell.exited).toBe(0);
  expect(shell.output).toMatch(/^ {2}rk_\S{43}$/m);
  expect(shell.output).toMatch(/^ {2}API_KEY_BACKEND=send:[0-9a-f]{64}$/m);
  expect(shell.output).toContain("npx wrangler secret put API_KEY_BACKEND --env production");
});

test("npm start says so where the port is taken", async () => {
  const second = new Shell(`npm start -- --port ${port}`, { cwd: clone });
  await second.says(new RegExp(`Port ${port} is taken`), shellDeadlineMs);
  expect(await second.exited).not.toBe(0);
});

test("npm start ends on SIGTERM, with all that it started", async () => {
  await server.endFirst("SIGTERM");
  await expect.poll(() => freePort(port), { timeout: 10_000 }).toBe(port);
});
