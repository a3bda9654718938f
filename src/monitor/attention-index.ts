/** A share of the index of users who need a person (N4): a row for each, whatever they have. Its Monitor has nothing else. */
import type { Sql } from "../outbox/sql.ts";
import { ATTENTION_REASONS, type Attention, type AttentionReport, bitOf } from "../protocol/attention.ts";
import type { AttentionQuery, AttentionShare } from "../protocol/monitor-api.ts";

/** One who has left is remembered for so long: a report that was late must not bring them back. */
const GONE_MS = 86_400_000;
const GONE_AT_ONCE = 100;

const COLUMNS = `mailbox, user, reasons, since, updated_at AS updatedAt`;

export class AttentionIndex {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS attention (
      mailbox TEXT PRIMARY KEY,
      user TEXT NOT NULL,
      version INTEGER NOT NULL,
      reasons INTEGER NOT NULL,
      since INTEGER NOT NULL,
      updated_at INTEGER NOT NULL
    ) WITHOUT ROWID`);
  }

  /** The latest version wins. Who comes back after having left is new. */
  attend({ mailbox, user, version, reasons }: AttentionReport): void {
    this.#sql.transaction(() => {
      this.#sql.exec(
        `INSERT INTO attention (mailbox, user, version, reasons, since, updated_at) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (mailbox) DO UPDATE SET user = excluded.user, version = excluded.version, reasons = excluded.reasons,
           since = CASE WHEN reasons = 0 THEN excluded.since ELSE since END, updated_at = excluded.updated_at
         WHERE excluded.version > version`,
        ...[mailbox, reasons === 0 ? "" : user, version, reasons, version, version],
      );
      if (reasons !== 0) return;
      this.#sql.exec(
        `DELETE FROM attention WHERE mailbox IN
           (SELECT mailbox FROM attention WHERE reasons = 0 AND updated_at < ? LIMIT ?)`,
        version - GONE_MS,
        GONE_AT_ONCE,
      );
    });
  }

  list({ reasons, limit, after }: AttentionQuery): AttentionShare {
    const { since, mailbox } = after ?? { since: 0, mailbox: "" };
    const users = this.#sql.exec<Attention>(
      `SELECT ${COLUMNS} FROM attention WHERE reasons & ? <> 0 AND (since, mailbox) > (?, ?) ORDER BY since, mailbox LIMIT ?`,
      ...[reasons, since, mailbox, limit],
    );
    const bits = ATTENTION_REASONS.map(bitOf);
    const sums = bits.map((bit) => `COALESCE(SUM(reasons & ${bit} <> 0), 0)`).join(", ");
    const [row] = this.#sql.exec<{ counts: string }>(
      `SELECT json_array(COALESCE(SUM(reasons & ? <> 0), 0), ${sums}) AS counts FROM attention`,
      reasons,
    );
    const [total = 0, ...counts] = JSON.parse(row?.counts ?? "[]") as number[];
    return { users, total, byReason: bits.map((bit, at) => [bit, counts[at] ?? 0]) };
  }

  names(reasons: number, after: string, limit: number): readonly string[] {
    return this.#sql
      .exec<{ mailbox: string }>(
        `SELECT mailbox FROM attention WHERE reasons & ? <> 0 AND mailbox > ? ORDER BY mailbox LIMIT ?`,
        ...[reasons, after, limit],
      )
      .map(({ mailbox }) => mailbox);
  }
}
