/** `restante`, the program, at the real service. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOperator } from "../../src/sender/sender.ts";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { CommandLine } from "../support/command-line.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY } from "../support/credentials.ts";
import { rejectAll } from "../support/reject-all.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

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

describe("[A1] keys, and terminals", { timeout: PROGRAMS_MS }, () => {
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
