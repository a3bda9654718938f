/** O2: what the release before has stored is this one's, and what this one has stored is still good for that one after a rollback. */
import { expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { migrate, SCHEMA_VERSION } from "../../src/outbox/schema.ts";
import { rfc3339 } from "../../src/protocol/instant.ts";
import { DELIVERY_DEFAULTS, type DeliverySettings } from "../../src/settings/delivery.ts";

const AT = Date.UTC(2026, 10, 23);
const SEQ = AT * 1_024;
const SETTINGS: DeliverySettings = { ...DELIVERY_DEFAULTS, hasReceiver: true, webhookEvents: ["message.expired"] };

/** As schema 1 wrote them: these statements are that release's own. */
const writeAsFirst = (sql: NodeSql): void => {
  sql.exec(
    `INSERT INTO facts (name, value) VALUES ('next_seq', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    SEQ + 1_024,
  );
  const entry = (seq: number) =>
    `{"seq":${seq},"id":"~${seq}","type":"old","data":{"n":1},"timestamp":"2026-11-23T00:00:00.000Z"}`;
  const entries = `${entry(SEQ)},${entry(SEQ + 1)}`;
  const heads = `[0,${entry(SEQ).length},31,${AT},60000],[1,${entry(SEQ + 1).length},31,${AT},120000]`;
  sql.exec(
    `INSERT INTO packs (pack, last_seq, count, bytes, chars, expires_at, accepted_at, rejected, ids, topics, heads, entries)
     VALUES (?, ?, 2, 62, ?, ?, ?, 0, 0, 0, ?, ?)`,
    ...[SEQ, SEQ + 1, entries.length, AT + 60_000, AT, heads, entries],
  );
  sql.exec(
    `INSERT INTO devices (name, cursor, acked, sent, open, clean_from, first_seen_at, last_seen_at, strikes, strike_seq)
     VALUES ('phone', 0, 0, 0, 0, 0, ?, ?, 2, ?)`,
    ...[AT, AT, SEQ],
  );
  sql.exec(
    `INSERT INTO dead_letters (seq, id, reason, reject_reason, bytes, accepted_at, expires_at, ended_at, requeued_from, topic, append, type, data)
     VALUES (?, NULL, 'rejected', 'no', 31, ?, ?, ?, NULL, NULL, 0, 'old', NULL)`,
    ...[SEQ - 5, AT - 10, AT + 10, AT],
  );
};

const opened = (sql: NodeSql, now = AT) => {
  const outbox = new Outbox(sql, SETTINGS, "m");
  return { outbox, delivery: new Delivery(outbox, SETTINGS, [], () => undefined, now) };
};

test("[O2] a Mailbox of the first schema is brought to this one with all that it holds", () => {
  const sql = new NodeSql();
  migrate(sql, 1);
  writeAsFirst(sql);
  const { outbox, delivery } = opened(sql);
  expect(sql.exec(`SELECT version FROM migrations`)).toEqual(
    Array.from({ length: SCHEMA_VERSION }, (_, at) => ({ version: at + 1 })),
  );
  expect(delivery.held(0, 10, AT + 1).items.map(({ seq }) => seq)).toEqual([SEQ, SEQ + 1]);
  expect(delivery.deadLetters(0, 10, { all: true }, AT + 1).items).toMatchObject([
    {
      ...{ seq: SEQ - 5, rejectReason: "no" },
      // N3: as much as its row says.
      trail: JSON.stringify([
        { at: rfc3339(AT - 10), event: "accepted" },
        { at: rfc3339(AT), event: "rejected", reason: "no" },
      ]),
    },
  ]);
  expect(outbox.devices.get("phone")).toMatchObject({ strikes: 2, strikeSeq: SEQ });
  // Nobody has said yet whose it is: what it tells says as much as it knows.
  delivery.tick(AT + 60_000);
  const [told] = outbox.webhooks.due(AT + 60_000, 1, new Set());
  expect(JSON.parse(told?.body ?? "").data).toMatchObject({ seq: SEQ, type: "old", data: { n: 1 } });
  expect(JSON.parse(told?.body ?? "").data.user).toBeUndefined();
  // And stores it at the first call that does.
  outbox.own("ada");
  expect(opened(sql).outbox.owner).toBe("ada");
});

test("[O2] after a rollback the first release works on the tables of this one, and this one again with what it left", () => {
  const sql = new NodeSql();
  const { delivery } = opened(sql);
  const send = { user: "ada", messages: [{ type: "new", bytes: 14, fallbackMs: 5_000 }] };
  delivery.send([{ call: 1, send }], AT - 100_000);
  delivery.tick(AT - 90_000);
  writeAsFirst(sql);
  const { outbox, delivery: again } = opened(sql, AT + 1);
  expect(outbox.owner).toBe("ada");
  expect(again.held(0, 10, AT + 1).items.map(({ type }) => type)).toEqual(["new", "old", "old"]);
  expect(outbox.webhooks.due(AT, 10, new Set()).map(({ event }) => event)).toEqual(["message.fallback"]);
  while (again.tick(AT + 130_000)) {
    // In steps.
  }
  expect(again.user(AT + 130_000)).toMatchObject({ held: { count: 1 }, deadLetters: 3 });
});

/** As schema 2 did it: an erasure empties the tables that it knows. */
const TABLES_OF_SECOND = ["facts", "packs", "devices", "losses", "dead_letters", "journal", "webhooks"] as const;

test("[O2, N3, U4] the release without trails works on these tables, and what it leaves in them goes with what is due next", () => {
  const sql = new NodeSql();
  const { delivery } = opened(sql);
  const token = { issuedAt: AT, expiresAt: AT + 3_600_000 };
  delivery.send([{ call: 1, send: { user: "ada", messages: [{ type: "new", bytes: 14 }] } }], AT);
  delivery.attach({ user: "ada", device: "phone", window: 256, token, tag: "t" }, "c1", AT + 1);
  delivery.detach("c1", 1006, AT + 2);
  const trails = () => sql.exec(`SELECT connection_id, device FROM trails`);
  expect(trails()).toEqual([{ connection_id: "c1", device: "phone" }]);
  // A dead letter of its own says nothing of a trail.
  sql.exec(
    `INSERT INTO dead_letters (seq, id, reason, reject_reason, bytes, accepted_at, expires_at, ended_at, requeued_from, topic, append, type, data)
     VALUES (?, NULL, 'expired', NULL, 31, ?, ?, ?, ?, NULL, 0, 'old', NULL)`,
    ...[SEQ - 5, AT - 10, AT, AT, SEQ - 9],
  );
  expect(opened(sql).delivery.deadLetters(0, 10, { all: true }, AT + 3).items).toMatchObject([
    {
      trail: JSON.stringify([
        { at: rfc3339(AT - 10), event: "requeued", from: SEQ - 9 },
        { at: rfc3339(AT), event: "expired" },
      ]),
    },
  ]);
  for (const table of TABLES_OF_SECOND) sql.exec(`DELETE FROM ${table}`);
  const { outbox, delivery: again } = opened(sql, AT + 4);
  expect(trails()).toHaveLength(1);
  again.tick(AT + 4);
  expect(trails()).toEqual([]);
  expect(outbox.isBlank).toBe(true);
});
