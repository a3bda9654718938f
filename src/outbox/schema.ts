/** The tables, by migration. SCHEMA.md says what each column holds, who writes it, and what a row costs. */
import { first, type Sql } from "./sql.ts";

/**
 * Each entry is run once, in order, in one transaction. A released entry never changes; the next release adds one, and the
 * release before it must still be able to work with the result (O2).
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE messages (
      seq INTEGER PRIMARY KEY,
      id TEXT,
      bytes INTEGER NOT NULL,
      accepted_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      delivered_at INTEGER,
      reject_reason TEXT,
      requeued_from INTEGER,
      topic TEXT,
      type TEXT NOT NULL,
      data TEXT,
      traceparent TEXT
    )`,
    `CREATE INDEX messages_topic ON messages (topic) WHERE topic IS NOT NULL`,
    `CREATE INDEX messages_rejected ON messages (seq) WHERE reject_reason IS NOT NULL`,
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
      type TEXT NOT NULL,
      data TEXT
    )`,
    `CREATE TABLE receipts (id TEXT PRIMARY KEY, seq INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE journal (
      block INTEGER PRIMARY KEY,
      min_seq INTEGER NOT NULL,
      max_seq INTEGER NOT NULL,
      count INTEGER NOT NULL,
      entered_at INTEGER NOT NULL,
      ends TEXT NOT NULL
    )`,
  ],
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The tables that hold something of the user's, all of them: what erasing empties (U4). */
export const USER_TABLES = ["facts", "messages", "devices", "losses", "dead_letters", "receipts", "journal"] as const;

/** Brings the tables to this release's schema. Cheap when there is nothing to do: one read. */
export const migrate = (sql: Sql): void => {
  const known = sql.exec(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'`).length > 0;
  const version = known
    ? (first(sql.exec<{ version: number }>(`SELECT MAX(version) AS version FROM migrations`))?.version ?? 0)
    : 0;
  // A newer release was here and this one was rolled back: its schema is compatible by O2.
  if (version >= SCHEMA_VERSION) return;
  sql.transaction(() => {
    if (!known) sql.exec(`CREATE TABLE migrations (version INTEGER PRIMARY KEY)`);
    MIGRATIONS.forEach((statements, index) => {
      if (index < version) return;
      for (const statement of statements) sql.exec(statement);
      sql.exec(`INSERT INTO migrations (version) VALUES (?)`, index + 1);
    });
  });
};
