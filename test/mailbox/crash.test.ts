import { abortAllDurableObjects } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { Client } from "./ground/client.ts";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { User } from "./ground/user.ts";

/** As a deploy or a crash does: every object is lost with its memory, every socket closed, what is on the disk stays. */
const crash = (): Promise<void> => abortAllDurableObjects();

describe("[D1, D3] after a crash", () => {
  test("every held message is still there, and all come back to whoever attaches", async () => {
    const user = new User();
    const before = await user.connect({ window: 2 });
    const seqs = await user.sendAll("a", "b", "c", "d");
    await before.received(2);
    await before.acked(seqs[0]);
    await before.received(3);
    // One reply rests on the ack, so that it is on the disk (D9).
    await user.get();
    await crash();
    expect((await before.closed()).code).toBeGreaterThanOrEqual(1000);
    expect((await user.held()).body.messages.map((m) => m.type)).toEqual(["b", "c", "d"]);
    const after = await user.connect();
    await after.caughtUp();
    expect(after.established).toMatchObject({ resumed: true, cursor: seqs[0], pending: 3 });
    expect(after.messages.map((m) => m.seq)).toEqual(seqs.slice(1));
    expect(after.violations).toEqual([]);
  });

  test("[D9] an ack that was not on the disk is repeated, and no message is lost", async () => {
    const user = new User();
    const before = await user.connect();
    const seqs = await user.sendAll("a", "b");
    await before.received(2);
    await before.acked();
    await crash();
    const after = await user.connect();
    await after.caughtUp();
    expect(after.messages.map((m) => m.seq)).toEqual(seqs);
    // A client that kept its memory says so, and gets nothing twice.
    const again = await user.connect({ after: seqs[1] as number });
    await again.caughtUp();
    expect(again.messages).toEqual([]);
    expect((await user.state(`~${seqs[1]}`)).body.status).toBe("delivered");
  });

  test("[D10] no seq is used twice, and all that follow are higher, crash after crash", async () => {
    clock.freeze();
    const user = new User();
    const seqs: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      seqs.push(...(await user.sendAll("a", "b")));
      await crash();
    }
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect((await user.held()).body.messages.map((m) => m.seq)).toEqual(seqs);
  });

  test("[S13] a send without an id that waits at the crash ends as outcome_unknown", async () => {
    const user = new User();
    await user.leaveDevice();
    const client = await user.connect();
    const waiting = user.send({ type: "a" }, { wait: 10 });
    await client.received(1);
    await crash();
    expect(await waiting).toMatchObject({ status: 503, body: { code: "outcome_unknown", retry: "same_id" } });
    // It had happened, and is delivered once.
    const next = await user.connect();
    await next.caughtUp();
    expect(next.types).toEqual(["a"]);
  });

  test("[S13, S3] a send with an id that waits at the crash goes on waiting, and is one message", async () => {
    const user = new User();
    await user.leaveDevice();
    const client = await user.connect();
    const waiting = user.send({ type: "a", id: "mine" }, { wait: 10 });
    const [first] = await client.received(1);
    await user.crash();
    const next = await user.connect();
    await next.received(1);
    next.ack();
    const reply = await waiting;
    expect(reply).toMatchObject({ status: 200, body: { id: "mine", seq: first?.seq, status: "delivered" } });
    expect(next.messages.map((m) => m.seq)).toEqual([first?.seq]);
    expect(reply.headers.get("preference-applied")).toBe("wait=10");
  });

  test("[S5, S4] ttl 0 on its way at the crash: with an id it is tried again, and nobody gets two messages of it", async () => {
    const user = new User();
    const client = await user.connect();
    const waiting = user.send({ type: "now", id: "now", ttl: 0 }, { wait: 5 });
    await client.received(1);
    await user.crash();
    expect(await waiting).toMatchObject({ status: 200, body: { status: "dropped" } });
    expect((await user.held()).body.messages).toEqual([]);
  });

  test("[S10] a message that a lost connection may have been sent is recalled with `sent: true`", async () => {
    const user = new User();
    const client = await user.connect();
    await user.send({ type: "a", id: "a" });
    await client.received(1);
    await crash();
    await user.send({ type: "b", id: "b" });
    expect((await user.recall("a")).body).toEqual({ status: "recalled", sent: true });
    expect((await user.recall("b")).body).toEqual({ status: "recalled", sent: false });
  });

  test("[U3] a revoked token stays revoked", async () => {
    const user = new User();
    const token = await user.token();
    await user.revoke();
    await crash();
    const response = await user.upgrade({ token });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "token_revoked" });
  });
});

describe("[D10] seq", () => {
  test("the first is Unix milliseconds × 1,024, and they rise by one", async () => {
    clock.freeze();
    const user = new User();
    const seqs = await user.sendAll("a", "b", "c");
    expect(seqs).toEqual([0, 1, 2].map((n) => clock.now() * 1_024 + n));
  });

  test("rises over more than one reserved block in one call", async () => {
    clock.freeze();
    const user = new User();
    const sent = await user.sendPlain(Array.from({ length: 2_500 }, () => ({ type: "a", bytes: 16 })));
    const seqs = sent.map((s) => s.message.seq);
    expect(seqs.every((seq, at) => at === 0 || seq > (seqs[at - 1] as number))).toBe(true);
  });

  test("is higher after an erasure, even in the same millisecond and with a clock that steps back", async () => {
    clock.freeze();
    const user = new User();
    const [before] = await user.sendAll("a");
    await user.erase();
    clock.advance(-10 * SECOND_MS);
    const [after] = await user.sendAll("b");
    expect(after).toBeGreaterThan(before as number);
    await crash();
    clock.advance(-10 * SECOND_MS);
    const [last] = await user.sendAll("c");
    expect(last).toBeGreaterThan(after as number);
  });

  test("the Mailbox's clock never steps back, awake or not", async () => {
    clock.freeze();
    const user = new User();
    const first = await user.send({ type: "a" });
    clock.advance(-60 * SECOND_MS);
    const second = await user.send({ type: "b" });
    await user.evict();
    const third = await user.send({ type: "c" });
    const at = [first, second, third].map((reply) => Date.parse(reply.body.accepted_at));
    expect(at).toEqual([...at].sort((a, b) => a - b));
  });
});

describe("[C3] a frame that is lost on a socket that stays open", () => {
  test("shows in `prev`; after close 4000 and a reconnect all of it comes again, and nothing is lost", async () => {
    const user = new User();
    const client = await user.connect();
    const [a] = await user.sendAll("a");
    await client.received(1);
    await client.acked(a);
    // The client never sees the next frame.
    client.swallow(1);
    const [b] = await user.sendAll("b");
    const [c] = await user.sendAll("c");
    const shown = await client.nth("messages", 2);
    expect(shown).toMatchObject({ prev: b, messages: [{ seq: c }] });
    expect(client.violations).toEqual([expect.stringContaining("[C3] prev")]);
    expect((await user.state(`~${b}`)).body.status).toBe("queued");
    await client.close(4000);
    const next = await user.connect({ after: a as number });
    await next.caughtUp();
    expect(next.messages.map((m) => m.seq)).toEqual([b, c]);
    expect(next.violations).toEqual([]);
  });

  test("a gap that is lost shows as well", async () => {
    const user = new User();
    const client = await user.connect({ window: 1 });
    const [a] = await user.sendAll("a");
    const { body: b } = await user.send({ type: "b", ttl: 1 });
    await client.received(1);
    clock.advance(SECOND_MS);
    client.swallow(1);
    await client.acked(a);
    client.ack(b.seq);
    const [c] = await user.sendAll("c");
    expect(await client.nth("messages", 2)).toMatchObject({ prev: b.seq, messages: [{ seq: c }] });
    expect(client.violations).toHaveLength(1);
  });

  test("a client that was aborted has its un-acked frames again on the next connection", async () => {
    const user = new User();
    const response = await user.upgrade();
    expect(response.status).toBe(101);
    const [a] = await user.sendAll("a");
    const socket = response.webSocket;
    if (socket === null) throw new Error("No socket");
    const client = new Client(socket);
    await client.received(1);
    await crash();
    const next = await user.connect();
    expect((await next.received(1)).map((m) => m.seq)).toEqual([a]);
  });
});
