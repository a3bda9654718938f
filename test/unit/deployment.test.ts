/** What a deployment is made of, and that one release can work with what the one before or after it has left. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { type Attachment, Session } from "../../src/delivery/session.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { SCHEMA_VERSION } from "../../src/outbox/schema.ts";
import { DELIVERY_DEFAULTS } from "../../src/settings/delivery.ts";

const toml = readFileSync(new URL("../../wrangler.toml", import.meta.url), "utf8");
const valuesOf = (key: string) => [...toml.matchAll(new RegExp(`^${key} = "(.*)"$`, "gm"))].map((match) => match[1]);

describe("[O1] a deployment", () => {
  test("has every Durable Object class in its first migration, and each environment binds the same", () => {
    const classes = /new_sqlite_classes = \[(.*)\]/.exec(toml)?.[1]?.match(/\w+/g) ?? [];
    expect(valuesOf("tag")).toEqual(["v1"]);
    expect(classes).not.toEqual([]);
    const bound = valuesOf("class_name");
    expect(new Set(bound)).toEqual(new Set(classes));
    const environments = ["default", "staging", "production"];
    expect(bound).toHaveLength(classes.length * environments.length);
  });

  test("needs nothing made by hand but secrets: no id of a resource stands in it", () => {
    expect(toml).not.toMatch(/^(?:\[\[(?:env\.\w+\.)?(?:kv_namespaces|r2_buckets|d1_databases|queues|hyperdrive))/m);
    expect(toml).not.toMatch(/^(?:id|account_id|database_id|zone_id) =/m);
  });
});

describe("[O2] with the release after this one", () => {
  const now = 1_790_000_000_000;
  const open = (sql: NodeSql, sessions: readonly Session[] = []) =>
    new Delivery(new Outbox(sql, DELIVERY_DEFAULTS), DELIVERY_DEFAULTS, sessions, () => undefined, now);
  const attach = (delivery: Delivery) =>
    delivery.attach(
      {
        user: "ada",
        device: "phone",
        window: 256,
        tag: "tag",
        token: { issuedAt: now, expiresAt: now + 3_600_000 },
        ...{ addedLater: 1 },
      },
      "tag.1",
      now,
    );
  const send = (delivery: Delivery) =>
    delivery.send([{ call: 1, send: { messages: [{ type: "a", bytes: 20, ...{ addedLater: 1 } }] } }], now);

  test("a schema that it has added to still serves this one, after a rollback", () => {
    const sql = new NodeSql();
    attach(open(sql));
    sql.exec(`ALTER TABLE packs ADD COLUMN added_later TEXT`);
    sql.exec(`ALTER TABLE devices ADD COLUMN added_later INTEGER NOT NULL DEFAULT 0`);
    sql.exec(`CREATE TABLE added_later (seq INTEGER PRIMARY KEY)`);
    sql.exec(`INSERT INTO migrations (version) VALUES (?)`, SCHEMA_VERSION + 1);
    const delivery = open(sql);
    const [outcome] = send(delivery);
    expect(outcome?.replies[0]).toMatchObject({ ok: true, message: { status: "queued", devices: 1 } });
    expect(delivery.held(0, 10, now).items).toHaveLength(1);
    expect(delivery.erase(now)).toBeUndefined();
  });

  test("a schema is made once: the second start changes nothing", () => {
    const sql = new NodeSql();
    attach(open(sql));
    const tables = () => sql.exec(`SELECT name, sql FROM sqlite_master ORDER BY name`);
    const before = tables();
    open(sql);
    expect(tables()).toEqual(before);
    expect(sql.exec(`SELECT version FROM migrations`)).toHaveLength(SCHEMA_VERSION);
  });

  test("an attachment with a field that this one does not know is restored", () => {
    const sql = new NodeSql();
    const delivery = open(sql);
    attach(delivery);
    send(delivery);
    const { touched } = delivery.takeEffects();
    const attachment = { ...(touched[0]?.attachment() as Attachment), addedLater: 1 };
    const woken = open(sql, [Session.restore(attachment)]);
    expect(woken.user(now).connections).toMatchObject([{ connectionId: "tag.1", inFlight: 1 }]);
  });
});
