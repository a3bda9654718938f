/** `restante`, the program, at the real service. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/command-line/commands.ts";
import { createOperator } from "../../src/sender/sender.ts";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { CommandLine } from "../support/command-line.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY } from "../support/credentials.ts";
import { freePort } from "../support/free-port.ts";
import { liveServer, stream } from "../support/live-server.ts";
import { rejectAll } from "../support/reject-all.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { projectDir } from "../support/worker-config.ts";

/** Some run programs of their own, each of which a busy machine takes seconds to start. */
const PROGRAMS_MS = 90_000;

let runtime: Runtime;
let backend: Backend;
let restante: CommandLine;

beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
  restante = new CommandLine(runtime.url);
});
afterAll(() => runtime.stop());

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
    // Nothing listens there: a command that asked would say so, and end with 1.
    const env = { RESTANTE_URL: "http://127.0.0.1:9" };
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
      const { code, stdout, stderr } = await restante.run(args, { env });
      expect([args, code, stdout]).toEqual([args, 2, ""]);
      expect(stderr).toMatch(words);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
  });

  test("[A1] without a key it says where one comes from; a wrong one is refused in the service's own words", async () => {
    const none = await restante.run(["held", "a"], { env: { RESTANTE_API_KEY: undefined }, folder: "/" });
    expect(none).toMatchObject({ code: 2, stdout: "", stderr: /There is no key: RESTANTE_API_KEY, or --key/ });
    const folder = mkdtempSync(join(tmpdir(), "restante-clone-"));
    writeFileSync(join(folder, ".dev.vars"), "RESTANTE_API_KEY=rk_x\n");
    const started = await restante.run(["held", "a"], { env: { RESTANTE_API_KEY: undefined }, folder });
    expect(started.stderr).toContain("export RESTANTE_API_KEY=$(grep ^RESTANTE_API_KEY= .dev.vars | cut -d= -f2-)");
    rmSync(folder, { recursive: true });
    const wrong = await restante.run(["held", "a", "--json"], { env: { RESTANTE_API_KEY: "rk_wrong" } });
    expect(wrong).toMatchObject({ code: 1, stdout: "", stderr: /check the key.*\(invalid_key\)\n$/ });
    const byOption = await restante.run(["held", "a", "--key", API_KEY], { env: { RESTANTE_API_KEY: "rk_wrong" } });
    expect(byOption.code).toBe(0);
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

describe("[S, D7, U] one user", { timeout: PROGRAMS_MS }, () => {
  test("[S1, S10, U1] a message is sent, seen, recalled; --json is what the API says", async () => {
    const user = "cli ada/ü";
    expect(
      await said("send", user, "order", "--data", '{"snake_case":{"camelCase":1}}', "--id", "a", "--ttl", "2h"),
    ).toMatch(/^status {3}queued\nfor {6}cli ada\/ü, who has never connected: it waits\nid {7}a\n/);
    const [again] = await restante.json("send", user, "order", "--data", '{"snake_case":{"camelCase":1}}', "--id", "a");
    expect(again).toEqual({
      ...(await backend.send(user, { type: "order", data: { snake_case: { camelCase: 1 } }, id: "a" })).body,
      replayed: true,
    });

    const { body } = await backend.list(user);
    expect(await restante.json("held", user)).toEqual(body.messages);
    expect(await restante.json("state", user)).toEqual([(await backend.user(user)).body]);
    expect(await restante.json("message", user, "a")).toEqual([(await backend.state(user, "a")).body]);
    expect(await said("held", user)).toMatch(
      /^SEQ .* TYPE AND DATA\n\d{16} {2}a .* order \{"snake_case":\{"camelCase":1\}\}\n/,
    );
    expect(await said("state", user)).toMatch(/user .*not connected\nheld +1 message, \d+ bytes, the oldest accepted/);
    expect(await restante.json("recall", user, "a")).toEqual([{ status: "recalled", sent: false }]);
    const late = await restante.run(["recall", user, "a"]);
    expect(late).toMatchObject({ code: 1, stderr: /\(already_ended\)/ });
    expect((await restante.run(["held", user])).stderr).toContain(`Nothing is held for ${user}.`);
  });

  test("[S3, S5] --wait ends with the ack; what nobody was there for is dropped, and ends with 1; data comes from stdin", async () => {
    const [{ token }] = await restante.json("token", "cli-wait", "--ttl", "5m", "--device", "phone");
    const page = await Connection.open(runtime.url, { token, ack: "each" });
    const sent = await restante.run(["send", "cli-wait", "t", "--data", "-", "--wait", "20", "--json"], {
      input: "[1, 2]",
    });
    expect(JSON.parse(sent.stdout)).toMatchObject({ status: "delivered", sent_to: 1 });
    expect(await page.receive(1)).toMatchObject([{ type: "t", data: [1, 2] }]);
    expect(await said("state", "cli-wait")).toMatch(/connected[\s\S]*CONNECTION[\s\S]*phone[\s\S]*DEVICE[\s\S]*phone/);
    await page.close();
    const dropped = await restante.run(["send", "cli-nobody", "t", "--ttl", "0", "--json"]);
    expect([dropped.code, JSON.parse(dropped.stdout).status]).toEqual([1, "dropped"]);
    const refused = await restante.run(["send", "cli-nobody", "t", "--fallback", "5m"]);
    expect(refused).toMatchObject({ code: 1, stdout: "", stderr: /WEBHOOK_URL.*\(not_configured\)/ });
  });

  test("[D7] dead letters are listed, sent again by seq and by reason, and thrown away", async () => {
    const user = "cli-dead";
    for (const n of [1, 2, 3]) await backend.send(user, { type: "t", data: n });
    await rejectAll(runtime.url, user, 3, "no such order");
    await eventually("dead", async () => (await backend.deadLetters(user)).body.dead_letters.length === 3);
    const letters = (await backend.deadLetters(user)).body.dead_letters;
    expect(await restante.json("dead-letters", user, "--reason", "rejected")).toEqual(letters);
    expect(await said("dead-letters", user)).toMatch(/rejected .* no such order .* t 1\n/);
    const [first] = letters;
    expect(await restante.json("requeue", user, String(first.seq))).toMatchObject([
      { requeued: [{ requeued_from: first.seq }], left: 0 },
    ]);
    expect(await said("requeue", user, "--reason", "expired")).toBe("requeued 0\n");
    const unasked = await restante.run(["discard", user, "--all"]);
    expect(unasked).toMatchObject({
      code: 2,
      stderr: /Throw away, for good, all dead letters, of cli-dead\.\n.*say --yes/,
    });
    expect(await said("discard", user, "--all", "--yes")).toBe("discarded 2\n");
    const gone = await restante.run(["discard", user, String(first.seq)]);
    expect(gone).toMatchObject({ code: 1, stderr: /\(unknown_dead_letter\)/ });
  });

  test("[N3, N6] tail shows what happens to a user, and the lists show the trail of each message", async () => {
    const user = "cli-watched";
    const tail = restante.start(["tail", user]);
    await tail.says(/state +not connected, 0 connections/);
    await backend.send(user, { type: "order", id: "w" });
    await tail.says(/accepted +order w seq \d+\n/);
    expect(await said("held", user)).toMatch(/\n {2}accepted .*\n$/);
    await rejectAll(runtime.url, user, 1, "no such order");
    await tail.says(/connected +default /);
    await tail.says(/sent +1 to default up to seq \d+/);
    await tail.says(/ended +rejected w seq \d+/);
    await tail.says(/state +not connected, 0 connections, 1 device, 0 held, 1 dead letter\n/);
    tail.interrupt();
    expect(await tail.ended).toMatchObject({ code: 130, stderr: "" });
    expect(await said("dead-letters", user)).toMatch(
      /\n {2}accepted .* → sent to default .* → rejected by default \(no such order\) .*\n$/,
    );
  });

  test("[U3, U4] tokens are revoked, and a user is erased once the name was said twice", async () => {
    const token = (await said("token", "cli-erased")).trim();
    const page = await Connection.open(runtime.url, { token });
    expect(await restante.json("revoke", "cli-erased")).toEqual([{ status: "revoked" }]);
    expect((await page.ended()).code).toBe(4403);
    await backend.send("cli-erased", { type: "t" });
    expect(await said("erase", "cli-erased", "--yes", "cli-erased")).toBe("cli-erased is erased.\n");
    expect((await backend.user("cli-erased")).body.held.count).toBe(0);
    await backend.send("cli-erased", { type: "t" });
    for (const [typed, code, held] of [
      ["cli-other", 2, 1],
      ["cli-erased", 0, 0],
    ] as const) {
      const asking = restante.onTerminal(["erase", "cli-erased"]);
      await asking.says(/Type the user's name:/);
      asking.type(`${typed}\r`);
      expect((await asking.ended).code).toBe(code);
      expect((await backend.user("cli-erased")).body.held.count).toBe(held);
    }
  });

  test("[N2, M] webhooks, readiness, alerts and numbers are those of the API", async () => {
    expect(await restante.json("webhooks", "cli-hooks")).toEqual([]);
    expect(await restante.json("webhooks", "cli-hooks", "--retry")).toEqual([{ retried: 0 }]);
    expect(await restante.json("webhooks", "cli-hooks", "--discard")).toEqual([{ discarded: 0 }]);
    expect(await restante.json("ready")).toMatchObject([{ status: "ready", duration_ms: expect.any(Number) }]);
    expect(await said("ready")).toMatch(/^ready {2}version .*\nSTEP[\s\S]*receive +ok/);
    expect(await restante.json("alerts")).toEqual((await backend.call("GET", "/v1/alerts")).body.alerts);
    const [numbers] = await restante.json("monitor", "--range", "6h");
    const same = (await backend.call("GET", "/v1/monitor", undefined, { query: { range: "6h" } })).body;
    expect(Object.keys(numbers)).toEqual(Object.keys(same));
    expect(Object.keys(numbers.total.messages)).toEqual(Object.keys(same.total.messages));
    expect(await said("monitor")).toMatch(/accepted to acked +p50 /);
  });

  test("what others wrote cannot move the cursor, in a table or in JSON", async () => {
    const evil = "\u001b[2J\u001b]0;x\u0007\u009b31m\u202e\r\n";
    await backend.send("cli-evil", { type: evil, data: { [evil]: evil }, id: "e" });
    const { stdout } = await restante.run(["held", "cli-evil"]);
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(stdout).toContain("\\u001b[2J");
    const asJson = await restante.run(["held", "cli-evil", "--json"]);
    expect(asJson.stdout).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ type: evil, data: { [evil]: evil } });
  });
});

describe("[N4, N5] a bad front-end release", () => {
  const USERS = 60;
  const names = Array.from({ length: USERS }, (_, n) => `cli-release-${n}`);
  /** Rejected by all of them, and seen so in the index. */
  const release = async () => {
    await backend.sendBatch(names.map((to) => ({ to, type: "order", data: { to } })));
    for (let at = 0; at < names.length; at += 10) {
      await Promise.all(names.slice(at, at + 10).map((user) => rejectAll(runtime.url, user, 1)));
    }
    await eventually("listed", async () => (await rejected()) === USERS, 30_000);
  };
  const rejected = async (): Promise<number> =>
    (await backend.call("GET", "/v1/attention", undefined, { query: { reason: "rejected", limit: "1" } })).body.reasons
      .rejected;

  test("whom it broke is one list, and one command sends again, with progress, to its end", async () => {
    await restante.run(["discard", "--all", "--yes"]);
    await eventually("nobody is listed", async () => (await rejected()) === 0);
    await release();
    const listed = await restante.json("attention", "--reason", "rejected");
    expect(listed.map(({ user }) => user).toSorted()).toEqual(names.toSorted());
    expect(Object.keys(listed[0])).toEqual(["user", "reasons", "since", "updated_at", "mailbox"]);
    const table = await restante.run(["attention"]);
    expect(table.stderr).toMatch(/60 users: 60 rejected/);
    expect(table.stdout.trimEnd().split("\n")).toHaveLength(USERS + 1);

    const look = await restante.run(["requeue", "--reason", "rejected", "--since", "10m", "--dry-run"]);
    expect(look).toMatchObject({
      code: 0,
      stdout: /^Send again what ended as rejected from [\d :-]+ until now, of all users\.\n.* 60 users/,
    });
    const unasked = await restante.run(["requeue", "--reason", "rejected", "--since", "10m"]);
    expect(unasked).toMatchObject({ code: 2, stdout: "", stderr: /Nobody can be asked here: say --yes/ });
    expect(await rejected()).toBe(USERS);

    const { code, stdout, stderr } = await restante.run([
      "requeue",
      "--reason",
      "rejected",
      "--since",
      "10m",
      "--ttl",
      "1h",
      "--yes",
      "--json",
    ]);
    expect(code).toBe(0);
    const job = JSON.parse(stdout);
    expect(job).toEqual((await backend.call("GET", `/v1/jobs/${job.id}`)).body);
    expect(job).toMatchObject({
      action: "requeue",
      status: "done",
      ttl: 3_600,
      dead_letters: { done: USERS, left: 0 },
    });
    // Without a terminal: lines, and nothing that moves a cursor.
    expect(stderr).toMatch(/^ *\d+% {2}\d+ of 60 users, \d+ dead letters? requeued\n/);
    expect(stderr).toMatch(/100% {2}60 of 60 users, 60 dead letters requeued\n$/);
    expect(stderr).not.toMatch(/[\r\u001b]/);
    expect((await restante.json("jobs"))[0]).toEqual(job);
    expect(await said("jobs")).toMatch(new RegExp(`${job.id} +requeue +done .* 60 of 60 +60 +rejected from`));
    expect((await restante.run(["jobs", job.id, "--follow"])).stdout).toMatch(
      /status +done\nrequeue +rejected from [\s\S]*requeued +60 dead letters\n/,
    );
    expect((await restante.run(["attention"])).stderr).toMatch(/Nobody needs a person/);
  }, 120_000);

  test("on a terminal it asks first, and draws a bar", async () => {
    await release();
    const no = restante.onTerminal(["discard", "--reason", "rejected"]);
    await no.says(/60 users\.[\s\S]*Go on\? \[y\/N\]/);
    no.type("n\r");
    expect(await no.ended).toMatchObject({ code: 1, stdout: /Nothing was done/ });
    expect(await rejected()).toBe(USERS);

    const yes = restante.onTerminal(["discard", "--reason", "rejected"]);
    await yes.says(/Go on\? \[y\/N\]/);
    yes.type("y\r");
    await yes.says(/\r\u001b\[K[█░]{24} +\d+% {2}\d+ of 60 users/);
    const ended = await yes.ended;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/█{24} 100% {2}60 of 60 users, 60 dead letters discarded/);
    await eventually("nobody is listed", async () => (await rejected()) === 0, 20_000);
  }, 120_000);
});

describe("[N5, N6] what is watched, at a server that does as the test says", { timeout: PROGRAMS_MS }, () => {
  const JOB = "6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11";
  const job = (done: number, status = "running") => ({
    id: JOB,
    action: "requeue",
    status,
    until: "2026-11-27T02:10:00.000Z",
    users: { total: 4, done, failed: status === "stopped" ? 1 : 0 },
    dead_letters: { done, left: 0 },
    started_at: "2026-11-27T02:10:00.000Z",
    updated_at: `2026-11-27T02:10:0${done}.000Z`,
  });

  test("[N5] Ctrl-C in a job's progress leaves it running, says how to watch it again, and ends with 130", async () => {
    let done = 1;
    const server = await liveServer((reply) => {
      reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(job(done)));
    });
    const there = new CommandLine(server.url);
    const piped = there.start(["jobs", JOB, "--follow"]);
    await piped.says(/25% {2}1 of 4 users/);
    piped.interrupt();
    expect(await piped.ended).toMatchObject({
      code: 130,
      stdout: "",
      stderr: /The job goes on\. To watch it again: restante jobs 6f1c1d8a-\S+ --follow\n$/,
    });
    const shown = there.onTerminal(["jobs", JOB, "--follow"]);
    await shown.says(/█{6}░{18} +25%/);
    done = 2;
    await shown.says(/█{12}░{12} +50%/);
    shown.type("\u0003");
    expect(await shown.ended).toMatchObject({ code: 130, stdout: /50%.*\r\nThe job goes on\./ });
    expect(server.requests.every(({ path }) => path === `/v1/jobs/${JOB}`)).toBe(true);
    server.stop();
  });

  test("[N5] a job that was stopped, or left somebody out, ends with 1", async () => {
    const server = await liveServer((reply) => {
      reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(job(3, "stopped")));
    });
    const { code, stdout } = await new CommandLine(server.url).run(["jobs", JOB, "--follow"]);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/status +stopped[\s\S]*1 user could not be reached/)]);
    server.stop();
  });

  test("[N6] tail shows what happens, comes back where the stream is lost, and says JSON as it came", async () => {
    const state = {
      type: "state",
      connected: true,
      connections: [],
      devices: [],
      held: { count: 2, bytes: 9 },
      dead_letters: 1,
      mailbox: "m",
    };
    const at = { timestamp: "2026-11-27T02:10:00.000Z" };
    const of = { connection_id: "c.1", device: "phone" };
    const frames = [
      { type: "accepted", ...at, seq: 7, id: "m\u001b[2J", message_type: "order", topic: "t" },
      { type: "sent", ...at, ...of, prev: 0, seq: 7, count: 1 },
      { type: "acked", ...at, ...of, seq: 7, checkpoint: 7 },
      { type: "ended", ...at, seq: 7, id: "m", status: "delivered" },
      { type: "disconnected", ...at, ...of, code: 1000 },
      { type: "skipped", count: 3 },
      { type: "brand_new", some_thing: 1 },
    ];
    const server = await liveServer((reply, index) => {
      stream(reply, state, ...(index === 0 ? [] : frames));
      if (index === 0) setTimeout(() => reply.destroy(), 50);
    });
    const there = new CommandLine(server.url);
    const asJson = there.start(["tail", "ada", "--json"]);
    await asJson.says(/brand_new/);
    asJson.interrupt();
    const { code, stdout } = await asJson.ended;
    expect(code).toBe(130);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([state, state, ...frames]);
    const shown = there.start(["tail", "ada"]);
    await shown.says(/brand_new/);
    shown.interrupt();
    const { stdout: text } = await shown.ended;
    expect(text).toMatch(/state {9}connected, 0 connections, 0 devices, 2 held, 1 dead letter\n/);
    expect(text).toMatch(/accepted {6}order m\\u001b\[2J seq 7 topic t\n/);
    expect(text).toMatch(/sent {10}1 to phone up to seq 7, c\.1\n/);
    expect(text).toMatch(/ended {9}delivered m seq 7\n/);
    expect(text).toMatch(/skipped {7}3 left out here/);
    server.stop();
  });

  test("colours are for terminals, and not where NO_COLOR is set", async () => {
    const operator = createOperator({ url: runtime.url, key: API_KEY });
    expect(await operator.jobs()).toEqual(expect.any(Array));
    const coloured = await restante.onTerminal(["ready"]).ended;
    expect(coloured.stdout).toContain("\u001b[32mready\u001b[0m");
    const plain = await restante.onTerminal(["ready"], { env: { NO_COLOR: "1" } }).ended;
    expect(plain.stdout).toContain("ready  version");
    expect(plain.stdout).not.toContain("\u001b");
  });
});
