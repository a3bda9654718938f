/** `restante` as it watches: a job, and what happens to a user; at a server that does as the test says. */
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { CommandLine } from "../support/command-line.ts";
import { liveServer, stream } from "../support/live-server.ts";

/** Each program takes a busy machine seconds to start. */
const PROGRAMS_MS = 90_000;

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

  test("[N6] tail says once that its stream is lost, however long that takes, and goes on when it is back", async () => {
    const state = {
      type: "state",
      connected: false,
      connections: [],
      devices: [],
      held: { count: 0 },
      dead_letters: 0,
    };
    const streams: ServerResponse[] = [];
    let isAway = false;
    const server = await liveServer((reply) => {
      if (isAway) {
        reply.destroy();
        return;
      }
      stream(reply, state);
      streams.push(reply);
    });
    const tail = new CommandLine(server.url).start(["tail", "ada", "--timeout", "0.3"]);
    for (const outage of [1, 2]) {
      await tail.says(new RegExp(`(state[\\s\\S]*){${outage}}`));
      isAway = true;
      const asked = server.requests.length;
      streams.at(-1)?.destroy();
      // Far more than the SDK tries by itself before it gives up.
      await eventually("tries", () => server.requests.length > asked + 12, 30_000);
      isAway = false;
    }
    await tail.says(/(state[\s\S]*){3}/);
    tail.interrupt();
    expect((await tail.ended).stderr.match(/The stream is lost; trying again\./g)).toHaveLength(2);
    server.stop();
  });
});
