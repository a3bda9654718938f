/** `restante` where nothing answers: its help, and what it says to whoever was not understood. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/command-line/commands.ts";
import { CommandLine } from "../support/command-line.ts";
import { freePort } from "../support/free-port.ts";
import { projectDir } from "../support/worker-config.ts";

// Nothing listens there: a command that asked would say so, and end with 1.
const restante = new CommandLine("http://127.0.0.1:9");

/** What it says to a person; it must end well. */
const said = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await restante.run(args);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout;
};

describe("[N] help, and what is not understood", () => {
  test("--help names every command, and each has a help of its own that names every option it takes", async () => {
    const general = await said("--help");
    expect((await restante.run(["help"])).stdout).toBe(general);
    for (const [name, command] of COMMANDS) {
      expect(general).toContain(`  ${name}`);
      expect(general).toContain(command.summary);
    }
    const own = await said("requeue", "--help");
    expect(own).toMatch(/^Usage: restante requeue \[USER \[SEQ\]\] \[OPTION\.\.\.\]\n/);
    for (const option of COMMANDS.get("requeue")?.options ?? []) expect(own).toContain(`--${option}`);
    expect(own).toContain("restante requeue --reason rejected --since 02:10");
    for (const line of `${general}${own}`.split("\n")) expect(line.length).toBeLessThanOrEqual(130);
    const { version } = JSON.parse(readFileSync(join(projectDir, "package.json"), "utf8"));
    expect(await said("--version")).toBe(`${version}\n`);
  });

  test("what cannot be meant is said to be so, on stderr, and ends with 2; nothing was asked of the service", async () => {
    const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /^restante: send to users/],
      [["sned", "ada"], /There is no command sned\. There are send, state/],
      [["help", "sned"], /There is no command sned/],
      [["held"], /USER is missing: restante held USER/],
      [["held", "a", "b"], /b is too much/],
      [["held", "a", "--wait", "1"], /held takes no --wait/],
      [["held", "a", "--bogus"], /Unknown option '--bogus'/],
      [["send", "a", "t", "--ttl"], /--ttl/],
      [["send", "a", "t", "--ttl", "soon"], /--ttl soon: a number of seconds, or 90s/],
      [["send", "a", "t", "--data", "{bad"], /--data \{bad is not JSON/],
      [["send", "a", "t", "--data", "@/no/such/file"], /\/no\/such\/file cannot be read/],
      [["dead-letters", "a", "--reason", "sad"], /--reason sad: one of expired, rejected, undeliverable/],
      [["requeue"], /Say which: --reason, --since, --until, or --all; or name a user/],
      [["requeue", "--since", "2:1"], /--since 2:1: a time such as 02:10, 15m \(ago\)/],
      [["requeue", "--since", "10m", "--until", "20m"], /--until is before --since/],
      [["discard", "--all", "--until", "02:10"], /Either --all, or --reason/],
      [["requeue", "a"], /Say which of a's: a seq, or --reason, or --all/],
      [["requeue", "a", "x"], /x is no seq/],
      [["requeue", "a", "7", "--all"], /Say which of a's/],
      [["discard", "a", "--since", "02:10"], /are for all users: name none/],
      [["jobs", "--follow"], /Which job\?/],
      [["webhooks", "a", "--retry", "--discard"], /Either --retry or --discard/],
      [["erase", "a"], /Nobody can be asked here: say the name again, as --yes a/],
      [["erase", "a", "--yes"], /restante erase a --yes a\. Nothing was erased/],
      [["erase", "a", "--yes", "b"], /Nothing was erased/],
      [["erase", "a", "b"], /One user at a time/],
      [["held", "a", "--url", "restante.example.com"], /url: that of the deployment, such as https/],
    ];
    for (const [args, words] of mistakes) {
      const { code, stdout, stderr } = await restante.run(args);
      expect([args, code, stdout]).toEqual([args, 2, ""]);
      expect(stderr).toMatch(words);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
  });

  test("a server that is not there is said to be so, soon, and how to send again without sending twice", async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, stdout, stderr } = await restante.run(["send", "ada", "order", "--url", url]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(new RegExp(`${url} does not answer \\(ECONNREFUSED\\)`));
    expect(stderr).toMatch(/with --id [0-9a-f-]{36} the same makes no second message/);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
