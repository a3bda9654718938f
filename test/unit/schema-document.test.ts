/** Holds SCHEMA.md to the code: every table, column, index, fact and attachment field, what things cost, and its numbers. */
import { serialize } from "node:v8";
import { expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { Session } from "../../src/delivery/session.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { migrate, SCHEMA_VERSION, USER_TABLES } from "../../src/outbox/schema.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import type { AttachCall } from "../../src/protocol/mailbox-api.ts";
import type { NewMessage } from "../../src/protocol/message.ts";
import { DELIVERY_DEFAULTS, type DeliverySettings } from "../../src/settings/delivery.ts";
import { constant, count, missing, read, rows, strangeNumbers } from "./document.ts";

const page = read("outbox/SCHEMA.md");

/** A cell without its backquotes. */
const bare = (cell = ""): string => cell.replace(/^`(.*)`$/, "$1");
/** The first cells of a table, in a part of the page. */
const names = (part: string, first: string): readonly string[] => rows(part, first).map(([name]) => bare(name));

const migrated = (): NodeSql => {
  const sql = new NodeSql();
  migrate(sql);
  return sql;
};

test("SCHEMA.md lists each table and each of its columns once, in the tables' own order", () => {
  const sql = migrated();
  const tables = sql.exec<{ name: string }>(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`,
  );
  const columns = tables.map(({ name }): [string, readonly string[]] => [
    name,
    sql.exec<{ name: string }>(`PRAGMA table_info(${name})`).map((column) => column.name),
  ]);
  const listed = page
    .split(/^### /m)
    .slice(1)
    .map((part): [string, readonly string[]] => [/^`(\w+)`/.exec(part)?.[1] ?? "", names(part, "column")]);
  expect(listed.length).toBe(tables.length);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(columns));
});

test("[U4] erasing empties every table that SCHEMA.md lists but the migrations", () => {
  const listed = [...page.matchAll(/^### `(\w+)`$/gm)].map((match) => match[1] ?? "");
  expect(listed.filter((table) => table !== "migrations").toSorted()).toEqual([...USER_TABLES].toSorted());
});

test("every table has one key and no other index, as SCHEMA.md says", () => {
  expect(migrated().exec(`SELECT name FROM sqlite_master WHERE type = 'index'`)).toEqual([]);
});

test("SCHEMA.md lists each fact once", () => {
  const facts = [...read("outbox/facts.ts").matchAll(/^ {2}\| "(\w+)"/gm)].map((match) => match[1] ?? "");
  expect(facts.length).toBeGreaterThan(2);
  expect(names(page, "fact").toSorted()).toEqual(facts.toSorted());
});

test("[D1] SCHEMA.md lists each field of a socket's attachment once", () => {
  const start = {
    id: "t.1",
    device: "phone",
    window: 256,
    start: 0,
    target: 0,
    openedAt: 1,
    issuedAt: 1,
    expiresAt: 2,
  };
  const attachment = new Session(start).attachment();
  expect(names(page, "field")).toEqual(Object.keys(attachment));
  expect(page).toContain(`the version of this shape: ${attachment.v}.`);
});

test.each([
  ["of a publisher", "mailbox/publishers.ts"],
  ["of an operator", "mailbox/observer.ts"],
])("[D1] SCHEMA.md lists each field of the attachment %s once", (first, file) => {
  const [, fields = ""] = /interface Attachment \{\n([\s\S]*?)\n\}/.exec(read(file)) ?? [];
  const declared = [...fields.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
  expect(declared.length).toBeGreaterThan(2);
  expect(names(page, first)).toEqual(declared);
});

test("a full window takes about as much of an attachment as SCHEMA.md says", () => {
  const seq = 1_838_550_220_800_000;
  const session = new Session({
    ...{ id: `${"a".repeat(16)}.${crypto.randomUUID()}`, device: "d".repeat(64), window: LIMITS.windowMaxMessages },
    ...{ start: seq, target: seq, openedAt: seq / 1_024, issuedAt: seq / 1_024, expiresAt: seq / 1_024 },
  });
  // As many of the largest as fit, each far behind the one before.
  for (let i = 1; i <= LIMITS.windowMaxMessages; i += 1) session.push(seq + i * 1_000_000, 4_096, seq / 1_024);
  // The runtime writes attachments as V8 does.
  const bytes = serialize(session.attachment()).length;
  const [, max = "", aboutKb] =
    /at most ([\d,]+) bytes; a full window takes about (\d+) kB/.exec(page.replace(/\s+/g, " ")) ?? [];
  expect(bytes).toBeLessThan(Number(max.replace(",", "")));
  expect(Math.round(bytes / 1_000)).toBe(Number(aboutKb));
});

// ── Cost ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const AT = Date.UTC(2026, 10, 23);

/** A Mailbox's core that counts the rows it changes; index entries are not among them. */
const counting = (settings: DeliverySettings = DELIVERY_DEFAULTS) => {
  const sql = new NodeSql();
  const outbox = new Outbox(sql, settings);
  const delivery = new Delivery(outbox, settings, [], () => undefined, AT);
  const total = () => sql.exec<{ n: number }>(`SELECT total_changes() AS n`)[0]?.n ?? 0;
  let calls = 0;
  const core = {
    attach: (device: string) => {
      const token = { issuedAt: AT, expiresAt: AT + LIMITS.tokenTtlMaxMs };
      const call: AttachCall = { user: "ada", device, window: 256, token, tag: "t" };
      delivery.attach(call, device, AT);
    },
    detach: (device: string) => delivery.detach(device, 1006, AT),
    /** Gives back the seq. */
    send: (message: Partial<NewMessage> = {}): number => {
      calls += 1;
      const [outcome] = delivery.send(
        [{ call: calls, send: { user: "ada", messages: [{ type: "t", bytes: 12, ...message }] } }],
        AT,
      );
      const reply = outcome?.replies[0];
      if (reply?.ok !== true) throw new Error("It was refused.");
      return reply.message.seq;
    },
    sendAll: (count: number): number => {
      calls += 1;
      const messages = Array.from({ length: count }, () => ({ type: "t", bytes: 12 }));
      const [outcome] = delivery.send([{ call: calls, send: { messages } }], AT);
      const reply = outcome?.replies.at(-1);
      if (reply?.ok !== true) throw new Error("It was refused.");
      return reply.message.seq;
    },
    ack: (device: string, seq: number) => delivery.receive(device, `{"type":"ack","seq":${seq}}`, AT),
    /** Records acks, and does what is due. */
    tick: (now = AT) => {
      while (delivery.tick(now)) {
        // In steps.
      }
    },
    /** The receiver takes what is due. */
    take: () => {
      for (const due of outbox.webhooks.due(AT + 3_600_000, 10, new Set()))
        outbox.webhooks.record(due, { ok: true }, AT, 0);
    },
    changedBy: (work: () => void): number => {
      const before = total();
      work();
      return total() - before;
    },
  };
  core.attach("phone");
  // The block of seqs is reserved with the first message.
  core.ack("phone", core.send());
  core.tick();
  return core;
};

/** What SCHEMA.md says a thing costs. */
const cost = (what: string): number => {
  const [, said = ""] = rows(page, "what happens").find(([name]) => name === what) ?? [];
  return Number(/^\d+/.exec(said)?.[0]);
};

test("a message costs what SCHEMA.md says, sent and acked by the only device", () => {
  const core = counting();
  let seq = 0;
  expect(core.changedBy(() => (seq = core.send()))).toBe(cost("a message is sent"));
  const acked = () => {
    core.ack("phone", seq);
    core.tick();
  };
  expect(core.changedBy(acked)).toBe(cost("it is acked alone, by the only device"));
  expect(core.changedBy(() => void core.send({ id: "a", digest: "d" }))).toBe(cost("with an `id`"));
  expect(core.changedBy(() => core.sendAll(64))).toBe(cost("64 are sent in one commit"));
});

test("acks that are recorded together cost what SCHEMA.md says", () => {
  const core = counting();
  // Up to the end of a block of the journal.
  const blockful = () => {
    let seq = 0;
    for (let i = 1; i < constant("outbox/journal.ts", "BLOCK"); i += 1) seq = core.send();
    core.ack("phone", seq);
    core.tick();
  };
  blockful();
  const seq = core.sendAll(64);
  const acked = () => {
    core.ack("phone", seq);
    core.tick();
  };
  expect(core.changedBy(acked)).toBe(cost("64 are acked in one flush, by the only device"));
});

test("a second device, an attach and an end cost what SCHEMA.md says, and idleness nothing", () => {
  const core = counting();
  core.attach("laptop");
  const seq = core.send();
  const acked = () => {
    core.ack("laptop", seq);
    core.tick();
  };
  expect(core.changedBy(acked)).toBe(cost("one of two devices acks"));
  core.detach("laptop");
  const again = () => {
    core.attach("laptop");
    core.detach("laptop");
  };
  expect(core.changedBy(again)).toBe(cost("a device attaches again, and its connection ends"));
  expect(core.changedBy(core.tick)).toBe(cost("nothing, for however long"));
  // Messages wait for the phone that the laptop has acked on a connection: what is known of that goes with the last of them.
  core.ack("phone", seq);
  core.tick();
  core.attach("laptop");
  const last = core.sendAll(3);
  core.ack("laptop", last);
  core.tick();
  const end = cost("a device attaches again, and its connection ends") - 1;
  const more = cost("the same, where it was sent something that is still held");
  expect(core.changedBy(() => core.detach("laptop"))).toBe(end + more);
  core.ack("phone", last);
  const alone = cost("it is acked alone, by the only device");
  expect(core.changedBy(core.tick)).toBe(alone + more);
});

test("[S4] ids that are forgotten cost what SCHEMA.md says", () => {
  const core = counting();
  core.ack("phone", core.send({ id: "a", digest: "d" }));
  core.tick();
  core.detach("phone");
  // The block of the journal goes with it.
  expect(core.changedBy(() => core.tick(AT + LIMITS.receiptTtlMs + 1))).toBe(
    cost("a block of the journal is forgotten, with its ids"),
  );
});

test("[N1, N2] fallbacks and ends that the webhook is told of cost what SCHEMA.md says", () => {
  const core = counting({ ...DELIVERY_DEFAULTS, hasReceiver: true, webhookEvents: ["message.expired"] });
  expect(core.changedBy(() => core.ack("phone", core.send({ fallbackMs: 1_000 })))).toBe(cost("a message is sent"));
  core.tick();
  core.detach("phone");
  core.send({ fallbackMs: 1_000, ttlMs: 3_600_000 });
  const escalated = () => {
    core.tick(AT + 1_000);
    core.take();
  };
  expect(core.changedBy(escalated)).toBe(cost("it is not: it goes to the webhook"));
  // Its pack, the journal, a dead letter, and a loss for the device that is away.
  const expired = () => {
    core.tick(AT + 3_600_000);
    core.take();
  };
  expect(core.changedBy(expired)).toBe(4 + cost("an end is told to the webhook, where that is switched on"));
});

// ── Numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

test("every number in the sentences of SCHEMA.md is the code's", () => {
  const seqBlock = constant("outbox/sequence.ts", "BLOCK");
  const journalBlock = constant("outbox/journal.ts", "BLOCK");
  const flushedAt = count(constant("delivery/receiving.ts", "FLUSH_AFTER_ACKS"));
  const flushedAfter = DELIVERY_DEFAULTS.ackFlushMs / 1_000;
  const days = (ms: number) => ms / 86_400_000;
  const sentences = [
    `Unix milliseconds × ${count(constant("outbox/sequence.ts", "PER_MS"))}.`,
    `with every ${count(seqBlock)}th seq`,
    `Reserving seqs adds 1 in ${count(seqBlock)}.`,
    `at most ${LIMITS.devicesMax}, all of them in memory`,
    `Deleted ${days(LIMITS.deviceTtlMs)} days after it was last seen`,
    `Above ${count(constant("outbox/losses.ts", "ROWS_MAX"))} rows neighbours are merged`,
    `discard, ${days(LIMITS.deadLetterTtlMs)} days after the end, or as the oldest of more than ${count(LIMITS.deadLettersMax)}.`,
    `in blocks of up to ${journalBlock}, so`,
    `full at ${journalBlock} |`,
    `goes ${LIMITS.receiptTtlMs / 3_600_000} hours after its end, or when more than ${count(LIMITS.receiptsMin)} later ends are known`,
    "the first 32 hex digits of SHA-256",
    "the number of an entry, from 1 |",
    // Held by the tests above.
    `Acks are recorded ${flushedAfter} s after the first of them, or when there are ${flushedAt} of them: a message that comes alone costs 1 row`,
    `Moving the alarm is 1: while messages come and go, once in ${constant("delivery/delivery.ts", "TICK_WHILE_BUSY_MS") / 1_000} s.`,
    `the heads of up to ${constant("outbox/packs.ts", "PACKS_IN_MEMORY")} packs`,
    `Those are kept for ${constant("webhooks/queue.ts", "FAILED_TTL_DAYS")} days, and at most ${count(constant("webhooks/queue.ts", "FAILED_MAX"))} of them |`,
    "| 1 where it is a stream's delta",
    "the id's FNV-1a hash",
    `The newest ${LIMITS.trailConnectionsMax} are kept`,
    `Up to ${constant("delivery/answered.ts", "STRETCHES_MAX")} runs:`,
    "and may have at most 16,384 bytes; a full window takes about 5 kB",
    "the version of this shape: 1.",
    "| 1 once there was a device",
    "| 1 while a connection of it is open",
    "ended with 4408 on `strike_seq`",
    "in a row ended with 4408, whatever they failed on",
    "or answers 503 (S13)",
  ];
  expect(read("protocol/new-message.ts")).toContain(".slice(0, 32)");
  expect(SCHEMA_VERSION).toBeGreaterThanOrEqual(1);
  const prose = page.replace(/^\| what happens \|[\s\S]*?\n\n/m, "").replace(/\s+/g, " ");
  expect(missing(prose, sentences)).toEqual([]);
  expect(strangeNumbers(prose, sentences, /\b[SCDUAEMNO]\d+\b|\bRFC \d+|UTF-8|SHA-256/g)).toEqual([]);
});
