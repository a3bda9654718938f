/** The tables, by migration. SCHEMA.md says what each column holds, who writes it, and what a row costs. */
import { WEBHOOKS_TABLE } from "../webhooks/queue.ts";
import { first, type Sql } from "./sql.ts";
import { TRAILS_TABLE } from "./trails.ts";

/**
 * Each entry is run once, in order, in one transaction. A released entry never changes; the next release adds one, and the
 * release before it must still be able to work with the result (O2).
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE packs (
      pack INTEGER PRIMARY KEY,
      last_seq INTEGER NOT NULL,
      count INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      chars INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      accepted_at INTEGER NOT NULL,
      rejected INTEGER NOT NULL,
      ids INTEGER NOT NULL,
      topics INTEGER NOT NULL,
      heads TEXT NOT NULL,
      entries TEXT NOT NULL
    )`,
    `CREATE TABLE devices (
      name TEXT PRIMARY KEY,
      cursor INTEGER NOT NULL,
      acked INTEGER NOT NULL,
      sent INTEGER NOT NULL,
      open INTEGER NOT NULL,
      clean_from INTEGER NOT NULL,
      first_seen_at INTEGER NOT NULL,
      last_seen_at INTEGER NOT NULL,
      strikes INTEGER NOT NULL,
      strike_seq INTEGER NOT NULL
    ) WITHOUT ROWID`,
    `CREATE TABLE losses (
      seq INTEGER PRIMARY KEY,
      first_seq INTEGER NOT NULL,
      lost_at INTEGER NOT NULL,
      expired INTEGER NOT NULL,
      overtaken INTEGER NOT NULL,
      undeliverable INTEGER NOT NULL
    )`,
    `CREATE TABLE dead_letters (
      seq INTEGER PRIMARY KEY,
      id TEXT,
      reason TEXT NOT NULL,
      reject_reason TEXT,
      bytes INTEGER NOT NULL,
      accepted_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      ended_at INTEGER NOT NULL,
      requeued_from INTEGER,
      topic TEXT,
      append INTEGER NOT NULL,
      type TEXT NOT NULL,
      data TEXT
    )`,
    `CREATE TABLE journal (
      block INTEGER PRIMARY KEY,
      min_seq INTEGER NOT NULL,
      max_seq INTEGER NOT NULL,
      count INTEGER NOT NULL,
      entered_at INTEGER NOT NULL,
      ids TEXT NOT NULL,
      ends TEXT NOT NULL
    )`,
  ],
  [
    `ALTER TABLE facts ADD COLUMN text TEXT`,
    `ALTER TABLE packs ADD COLUMN fallback_at INTEGER`,
    `ALTER TABLE devices ADD COLUMN timeouts INTEGER NOT NULL DEFAULT 0`,
    WEBHOOKS_TABLE,
  ],
  [TRAILS_TABLE, `ALTER TABLE dead_letters ADD COLUMN trail TEXT`],
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The tables that hold something of the user's, all of them: what erasing empties (U4). */
export const USER_TABLES = [
  "facts",
  "packs",
  "devices",
  "losses",
  "dead_letters",
  "journal",
  "webhooks",
  "trails",
] as const;

/** Brings the tables to this release's schema; or, for who asks what older data becomes, only to an older one's. */
export const migrate = (sql: Sql, to = SCHEMA_VERSION): void => {
  sql.transaction(() => {
    sql.exec(`CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)`);
    const version = first(
      sql.exec<{ version: number | null }>(`SELECT MAX(version) AS version FROM migrations`),
    )?.version;
    MIGRATIONS.slice(version ?? 0, to).forEach((statements, index) => {
      for (const statement of statements) sql.exec(statement);
      sql.exec(`INSERT INTO migrations (version) VALUES (?)`, (version ?? 0) + index + 1);
    });
  });
};
