import { afterAll, beforeAll, expect, test } from "vitest";
import { KeepAlive, post, type Reply } from "../bench/keep-alive.ts";
import { heldSend } from "../proofs/hang-up.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
});
afterAll(() => runtime?.stop());

const send = (user: string, message: object): string =>
  post(`/v1/users/${user}/messages`, { authorization: `Bearer ${API_KEY}` }, JSON.stringify(message));

/** Senders on connections of their own, each of which sends after the reply to its last. */
const sendAtOnce = async (
  senders: number,
  each: number,
  run: (sender: number, nth: number, request: (text: string) => Promise<Reply>) => Promise<void>,
): Promise<void> => {
  const connections = await Promise.all(Array.from({ length: senders }, () => KeepAlive.open(runtime.port)));
  await Promise.all(
    connections.map(async (connection, sender) => {
      for (let nth = 0; nth < each; nth += 1) await run(sender, nth, (text) => connection.request(text));
    }),
  );
  for (const connection of connections) connection.close();
};

// So many that V8 has optimised the code on the way: what goes wrong then with a promise of another request goes wrong only then.
test("[S1, S13] many who send to one user at once share calls, and each gets its own reply", async () => {
  for (let round = 0; round < 10; round += 1) {
    const user = `crowd-${round}`;
    const seqs = new Set<number>();
    await sendAtOnce(64, 80, async (sender, nth, request) => {
      const id = `${sender}-${nth}`;
      const reply = await request(send(user, { type: "t", id, data: { sender, nth } }));
      expect(reply, reply.body).toMatchObject({ status: 202 });
      const { seq, ...state } = JSON.parse(reply.body);
      expect(state).toMatchObject({ id, status: "queued" });
      seqs.add(seq);
    });
    expect(seqs.size).toBe(64 * 80);
    expect((await backend.user(user)).body.held.count).toBe(64 * 80);
  }
  expect(runtime.logs).not.toMatch(/hung|different request/);
}, 120_000);

test("[S4, E1] what is refused to one of them is refused to no other", async () => {
  const user = "mixed";
  await backend.send(user, { type: "t", id: "taken", data: "first" });
  await sendAtOnce(32, 20, async (sender, nth, request) => {
    const isRefused = (sender + nth) % 3 === 0;
    const message = isRefused ? { type: "t", id: "taken", data: "other" } : { type: "t", id: `${sender}-${nth}` };
    const reply = await request(send(user, message));
    if (isRefused) expect([reply.status, JSON.parse(reply.body).code]).toEqual([422, "id_reused"]);
    else expect([reply.status, JSON.parse(reply.body).id]).toEqual([202, message.id]);
  });
});

test("[S4] twins that share a call are one message", async () => {
  const user = "twins";
  const seqs: number[] = [];
  await sendAtOnce(32, 20, async (_, nth, request) => {
    const reply = await request(send(user, { type: "t", id: `${nth}`, data: nth }));
    expect(reply.status, reply.body).toBe(202);
    seqs.push(JSON.parse(reply.body).seq);
  });
  expect(seqs).toHaveLength(32 * 20);
  expect(new Set(seqs).size).toBe(20);
  expect((await backend.user(user)).body.held.count).toBe(20);
});

test("[S13] those who hang up leave none of the others without a reply", async () => {
  const user = "leaving";
  for (let round = 0; round < 10; round += 1) {
    const calls = Array.from({ length: 24 }, (_, at) =>
      heldSend(runtime.url, user, { type: "t", id: `gone-${round}-${at}` }),
    );
    const stayed = sendAtOnce(24, 10, async (sender, nth, request) => {
      const reply = await request(send(user, { type: "t", id: `stayed-${round}-${sender}-${nth}` }));
      expect(reply.status, reply.body).toBe(202);
    });
    for (const call of calls) call.hangUp();
    await stayed;
  }
  const { count } = (await backend.user(user)).body.held;
  expect(count).toBeGreaterThanOrEqual(2_400);
  expect(runtime.logs).not.toMatch(/hung|different request|Warning/);
});

test("[S4, S5] a twin of what is on its way, and never stored, holds nobody up", async () => {
  const user = "beside";
  const reader = await Connection.open(runtime.url, { token: await mintLocally(user) });
  await reader.caughtUp();
  const ephemeral = backend.send(user, { type: "t", id: "e", ttl: 0 }, { wait: 5 });
  await reader.next("messages");
  const beganAt = performance.now();
  await sendAtOnce(24, 1, async (sender, _, request) => {
    const reply = await request(send(user, { type: "t", id: sender === 9 ? "e" : `beside-${sender}` }));
    expect(reply.status, reply.body).toBe(202);
  });
  expect(performance.now() - beganAt).toBeLessThan(900);
  await reader.close();
  expect((await ephemeral).status).toBe(200);
});
