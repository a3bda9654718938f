import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { FaultyProxy } from "../proofs/faulty-proxy.ts";
import { Ledger, Senders } from "../proofs/kill-senders.ts";
import { Reader, type ReaderOptions } from "../proofs/reader.ts";
import { orderViolations } from "../proofs/sends.ts";
import { Backend } from "../support/backend.ts";
import { Random } from "../support/random.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

let runtime: Runtime;
let backend: Backend;
let readers: Reader[] = [];
beforeAll(async () => {
  runtime = await startRuntime({
    entry: fileURLToPath(new URL("../proofs/breakable-worker.mjs", import.meta.url)),
  });
  backend = new Backend(runtime.url);
});
afterEach(async () => {
  await Promise.all(readers.map((reader) => reader.stop()));
  readers = [];
});
afterAll(() => runtime?.stop());

const read = (user: string, device: string, options: Partial<ReaderOptions> = {}): Reader => {
  const random = new Random(readers.length + 1);
  const reader = new Reader({ url: runtime.url, user, device, remembers: false, random, ...options });
  readers.push(reader.start());
  return reader;
};

/** What each reader was sent is all that was accepted since it was first there, once and in order. */
const expectAll = async (ledger: Ledger, own: readonly Reader[]): Promise<void> => {
  expect(orderViolations(ledger.accepted)).toEqual([]);
  for (const reader of own) {
    await reader.reached(ledger.lastSeq);
    expect(reader.violations).toEqual([]);
    const missing = ledger.accepted.filter((m) => !reader.has(m.seq));
    expect(missing).toEqual([]);
    // Every accepted message, and those whose answer was lost: nothing else.
    const sent = new Set([...ledger.accepted.map((m) => m.token), ...ledger.unknown]);
    expect(reader.received.filter((m) => !sent.has(m.data.token))).toEqual([]);
  }
};

test("[C11, D1, D3, S13] after a deploy that drops all sockets everybody comes back, and gets what was sent meanwhile", async () => {
  const ledgers = [...Array(20).keys()].map((at) => new Ledger(`deploy-${at}`));
  for (const { user } of ledgers) {
    read(user, "phone", { remembers: true });
    read(user, "laptop");
    read(user, "tablet", { ackLagMs: 100 });
  }
  await Promise.all(readers.map((reader) => reader.connected()));
  const senders = new Senders(backend);
  for (let sender = 0; sender < 4; sender += 1) {
    const random = new Random(sender);
    senders.add(() => random.pick(ledgers), random, false);
  }
  for (let deploy = 1; deploy <= 3; deploy += 1) {
    await Promise.all(readers.map((reader) => reader.connected()));
    const before = ledgers.reduce((sum, ledger) => sum + ledger.accepted.length, 0);
    await runtime.kill();
    // Nobody is connected to a server that is not there.
    await expect.poll(() => readers.filter((reader) => reader.isConnected).length).toBe(0);
    await runtime.restart();
    await Promise.all(readers.map((reader) => reader.connected()));
    const enough = () => ledgers.reduce((sum, ledger) => sum + ledger.accepted.length, 0) > before + 20;
    await expect.poll(enough, { timeout: 10_000 }).toBe(true);
  }
  await senders.stop();
  expect(senders.violations).toEqual([]);
  for (const ledger of ledgers) {
    await expectAll(
      ledger,
      readers.filter((reader) => reader.user === ledger.user),
    );
  }
  // Each of them lost its socket three times.
  for (const reader of readers) expect(reader.cursors.length).toBeGreaterThanOrEqual(4);
});

test("[C11, D1, S13] a Mailbox that is reset loses its own sockets alone, and nothing else", async () => {
  const [hit, spared] = [new Ledger("reset-me"), new Ledger("spare-me")];
  const both = [read(hit.user, "phone"), read(spared.user, "phone")];
  await Promise.all(both.map((reader) => reader.connected()));
  const senders = new Senders(backend);
  const random = new Random(5);
  senders.add(() => random.pick([hit, spared]), random, false);
  for (let reset = 1; reset <= 5; reset += 1) {
    await fetch(`${runtime.url}/test/reset/${hit.user}`, { method: "POST" });
    await expect.poll(() => both[0]?.cursors.length, { timeout: 10_000 }).toBeGreaterThan(reset);
  }
  await senders.stop();
  expect(senders.violations).toEqual([]);
  await expectAll(hit, [both[0] as Reader]);
  await expectAll(spared, [both[1] as Reader]);
  expect(both[1]?.cursors).toHaveLength(1);
});

test("[C3, D3] a frame lost on an open socket is noticed by its prev, and what it held comes after a reconnect", async () => {
  let frames = 0;
  let lost = 0;
  // Every seventh frame of messages, whichever connection it is on.
  const proxy = await FaultyProxy.start(runtime.port, (text) => {
    if (!text.startsWith('{"type":"messages"')) return "pass";
    frames += 1;
    if (frames % 7 !== 0) return "pass";
    lost += 1;
    return "lose";
  });
  try {
    const ledger = new Ledger("lossy");
    const both = [
      read(ledger.user, "phone", { url: proxy.url, remembers: true }),
      read(ledger.user, "laptop", { url: proxy.url }),
    ];
    await Promise.all(both.map((reader) => reader.connected()));
    const senders = new Senders(backend);
    for (let n = 0; n < 100; n += 1) await senders.send(ledger, { token: `lossy-${n}`, id: `id-${n}` });
    // The last frame may be among the lost ones; only one more shows that.
    for (let n = 100; both.some((reader) => reader.processedSeq < ledger.lastSeq) && n < 200; n += 1) {
      await senders.send(ledger, { token: `lossy-${n}`, id: `id-${n}` }, { wait: 0.2 });
    }
    await expectAll(ledger, both);
    expect(lost).toBeGreaterThan(5);
    for (const reader of both) {
      expect(reader.holes).toBeGreaterThan(0);
      expect(reader.ends.filter((code) => code === 4000).length).toBe(reader.holes);
    }
  } finally {
    proxy.stop();
  }
});
