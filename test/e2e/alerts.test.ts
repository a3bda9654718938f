/**
 * Alerts from end to end (M3): faults planted in the real runtime, an evaluation a minute of a driven clock, and a receiver of webhooks
 * that verifies each.
 */
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Alert } from "../../src/protocol/alert.ts";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { type Answer, Receiver, SECRET } from "../support/receiver.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const entry = fileURLToPath(new URL("../proofs/watched-worker.mjs", import.meta.url));
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const realNow = Date.now;

/** Counts who calls it. */
class Heart {
  beats = 0;
  readonly #server: Server = createServer((_, response) => {
    this.beats += 1;
    response.writeHead(204).end();
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ping/restante`;
  }

  stop(): void {
    this.#server.close();
  }
}

let receiver: Receiver;
let runtime: Runtime;
let backend: Backend;
const heart = new Heart();
/** How far the clocks of the runtime and of this process are ahead: tokens and signatures hold by either. */
let aheadMs = 0;
let users = 0;

beforeAll(async () => {
  receiver = await Receiver.start();
  const vars = {
    ...{ ALERT_URL: receiver.url, ALERT_SECRET: SECRET, ALERT_RUNBOOK_URL: "https://ops.example.com/OPERATIONS.md" },
    ...{ HEARTBEAT_URL: await heart.start(), READY_STEP_MS: "300" },
  };
  runtime = await startRuntime({ entry, vars });
  backend = new Backend(runtime.url);
});
afterAll(async () => {
  await runtime.stop();
  await receiver.close();
  heart.stop();
});
beforeEach(() => {
  vi.spyOn(Date, "now").mockImplementation(() => realNow() + aheadMs);
});
afterEach(async () => {
  vi.restoreAllMocks();
});

const tell = async (what: string): Promise<number> =>
  Number(await (await fetch(`${runtime.url}/test/${what}`, { method: "POST" })).text());
const advance = async (ms: number): Promise<void> => {
  aheadMs += ms;
  await tell(`clock/${aheadMs}`);
};
const plant = (fault: string) => tell(`fault/${fault}`);

/** A scanner; and what the Worker has gathered is handed over with the first that comes after 10 s. */
const scan = async (times: number): Promise<void> => {
  const guesses = Array.from({ length: times }, async () => {
    const response = await fetch(`${runtime.url}/v1/socket`, { headers: { authorization: "Bearer guessed" } });
    expect(response.status).toBe(401);
    await response.body?.cancel();
  });
  await Promise.all(guesses);
};

const metric = async (name: string): Promise<number> => {
  const { body } = await backend.call("GET", "/metrics");
  return Number(new RegExp(`^restante_${name} (.+)$`, "m").exec(String(body))?.[1]);
};

/** Lets a minute pass: what was measured in it is reported, and the schedule runs. */
const minute = async (): Promise<void> => {
  await advance(MINUTE_MS - 15 * SECOND_MS);
  const refused = await metric("connection_refusals_total");
  await scan(1);
  await eventually("the Worker's report", async () => (await metric("connection_refusals_total")) > refused);
  await advance(15 * SECOND_MS);
  await tell("schedule");
};

/** Users whose messages arrive: one was sent before they came, one after. */
const visit = async (count: number): Promise<void> => {
  const visits = Array.from({ length: count }, async () => {
    users += 1;
    const user = `user-${users}`;
    await backend.send(user, { type: "before" });
    const connection = await Connection.open(runtime.url, { token: await mintLocally(user), ack: "each" });
    await backend.send(user, { type: "after" });
    await connection.receive(2);
    await connection.settle();
    await connection.close();
  });
  await Promise.all(visits);
};

/** As a browser does whose network goes away: after its request, before the answer. */
const cutHandshake = async (): Promise<Socket> => {
  users += 1;
  const token = await mintLocally(`user-${users}`);
  const socket = connect(runtime.port, "127.0.0.1");
  socket.on("error", () => {});
  const lines = [
    "GET /v1/socket HTTP/1.1",
    `host: 127.0.0.1:${runtime.port}`,
    ...["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"],
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    `authorization: Bearer ${token}`,
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  return socket;
};

const alerts = async (): Promise<readonly Alert[]> => (await backend.call("GET", "/v1/alerts")).body.alerts;
const firing = async () => (await alerts()).filter(({ status }) => status === "firing").map(({ rule }) => rule);

/** What the receiver was told of since, in order, each once. */
let heard = 0;
const news = async (expected: readonly string[]): Promise<readonly Alert[]> => {
  const idsOf = (all: Receiver["received"]) => [...new Set(all.map(({ id }) => id))];
  await receiver.until((all) => idsOf([...all]).length >= heard + expected.length);
  const ids = idsOf(receiver.received).slice(heard);
  heard += ids.length;
  const told = ids.map((id) => receiver.received.find((one) => one.id === id)?.body);
  expect(told.map((body) => `${body?.data.rule} ${body?.type}`)).toEqual(expected);
  expect(receiver.forged).toEqual([]);
  return told.map((body) => body?.data as unknown as Alert);
};

describe("[M3] nothing is told", () => {
  test("[M3] of a healthy hour in which a scanner guesses tokens; each good check calls HEARTBEAT_URL", {
    timeout: 120_000,
  }, async () => {
    for (let n = 0; n < 60; n += 1) {
      await Promise.all([visit(5), scan(20)]);
      await minute();
    }
    await eventually("each check's heartbeat", () => heart.beats === 60);
    const truth = {
      connection_attempts_total: 300,
      connection_refusals_total: 60 * 21,
      'messages_ended_total{outcome="delivered"}': 600,
    };
    // What came last the Worker hands over once its 10 s are over.
    for (const [name, count] of Object.entries(truth)) {
      await eventually(`${name} ${count}`, async () => (await metric(name)) === count, 15_000);
    }
    expect(await alerts()).toEqual([]);
    expect(receiver.received).toEqual([]);
  });
});

describe("[M3] each fault is told of within two minutes, once, and its end once", () => {
  type Fault = readonly [rule: string, during: () => Promise<void>, after: () => Promise<void>];
  const faults: readonly Fault[] = [
    [
      "connection_failures",
      async () => {
        await visit(25);
        const [asked, answered] = [await tell("handshakes/asked"), await tell("handshakes/answered")];
        await plant("handshake");
        const sockets = await Promise.all(Array.from({ length: 3 }, cutHandshake));
        await eventually("handshakes at their Mailboxes", async () => (await tell("handshakes/asked")) === asked + 3);
        for (const socket of sockets) socket.resetAndDestroy();
        await eventually("their Mailboxes' answers", async () => (await tell("handshakes/answered")) === answered + 3);
      },
      () => visit(25),
    ],
    [
      "mailbox_failures",
      async () => {
        await plant("mailbox");
        for (const _ of [1, 2, 3]) {
          users += 1;
          expect((await backend.send(`user-${users}`, { type: "a" })).body.code).toBe("outcome_unknown");
        }
      },
      () => visit(1),
    ],
    ["start_up_check", async () => void (await plant("start-up")), async () => {}],
    [
      "delivery_failures",
      async () => {
        await visit(15);
        users += 1;
        const user = `user-${users}`;
        const connection = await Connection.open(runtime.url, { token: await mintLocally(user) });
        await backend.send(user, { type: "no such type" });
        const [message] = await connection.receive(1);
        connection.send({ type: "reject", seq: message?.seq, reason: "no such type" });
        await connection.settle();
        await connection.close();
      },
      () => visit(15),
    ],
  ];
  test.each(faults)("[M3] %s", { timeout: 60_000 }, async (rule, during, after) => {
    expect(await firing()).toEqual([]);
    const beats = heart.beats;
    await during();
    await minute();
    // Where the minute has cut the fault in two.
    if ((await firing()).length === 0) await minute();
    expect(await firing()).toEqual([rule]);
    for (let n = 0; n < 4; n += 1) await minute();
    if (rule === "start_up_check") expect(heart.beats).toBe(beats);
    await plant("none");
    for (let n = 0; n < 7; n += 1) {
      await after();
      await minute();
    }
    expect(await firing()).toEqual([]);
    const [fired, resolved] = await news([`${rule} alert.firing`, `${rule} alert.resolved`]);
    expect(resolved?.id).toBe(fired?.id);
    expect(fired?.runbook).toBe(`https://ops.example.com/OPERATIONS.md#${rule.replaceAll("_", "-")}`);
    expect(fired?.mailboxes.every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
    expect(fired?.mailboxes.length).toBe(
      { connection_failures: 3, mailbox_failures: 3, delivery_failures: 1 }[rule] ?? 0,
    );
    expect((await alerts()).find((alert) => alert.rule === rule)).toEqual(resolved);
  });

  test("[M3] recovery_queue, once it has grown for 15 minutes, and no message was lost", {
    timeout: 60_000,
  }, async () => {
    const grow = async (times: number): Promise<void> => {
      for (let n = 0; n < times; n += 1) {
        const messages = Array.from({ length: 10 }, (_, at) => ({ to: "away", type: `b${at}` }));
        expect((await backend.sendBatch(messages)).body.results).toHaveLength(10);
        await minute();
      }
    };
    await grow(14);
    expect(await firing()).toEqual([]);
    await grow(2);
    expect(await firing()).toEqual(["recovery_queue"]);
    const connection = await Connection.open(runtime.url, { token: await mintLocally("away"), ack: { every: 20 } });
    await connection.receive(160);
    await connection.settle();
    await connection.close();
    await minute();
    await news(["recovery_queue alert.firing", "recovery_queue alert.resolved"]);
  });
});

describe("[M3] alerts outlive a crash", () => {
  test("[M3] one that fires stays firing; what was on its way comes again under the same id, and both are told of once", {
    timeout: 60_000,
  }, async () => {
    const crash = async (): Promise<void> => {
      await runtime.kill();
      await runtime.restart();
      await advance(0);
    };
    const hang: Answer = "hang";
    receiver.answer = () => hang;
    await plant("start-up");
    await minute();
    await receiver.until((all) => all.length > 0 && all.at(-1)?.body.type === "alert.firing");
    const lost = receiver.received.at(-1)?.id;
    await crash();
    receiver.answer = () => ({ status: 204 });
    await plant("start-up");
    expect(await firing()).toEqual(["start_up_check"]);
    const count = receiver.received.length;
    await minute();
    await receiver.until((all) => all.length > count);
    expect(receiver.received.at(-1)?.id).toBe(lost);
    await minute();
    await crash();
    await minute();
    await news(["start_up_check alert.firing", "start_up_check alert.resolved"]);
    await minute();
    expect(receiver.received.filter(({ id }) => id === lost)).toHaveLength(2);
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(heard);
  });
});
