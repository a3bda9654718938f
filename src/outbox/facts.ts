/** Single numbers that outlive the object, by name. */
import type { Sql } from "./sql.ts";

export type Fact =
  /** The first seq that no block has been reserved for (D10). */
  | "next_seq"
  /** Tokens issued until this instant, in Unix milliseconds, are over (U3). */
  | "revoked_at"
  /** The highest seq that a device, forgotten since, had acked (D5). */
  | "acked_seq"
  /** 1 once a device has been known: the next one is not the user's first (C4). */
  | "had_device"
  /** Why a person should look at this user, and since which version of that (N4). */
  | "attention"
  /** The same as the index of those users has it. */
  | "attention_told";

export class Facts {
  /** An expression of SQL that yields what the constructor takes. */
  static readonly STORED = `(SELECT json_group_array(json_array(name, value, text)) FROM facts)`;

  readonly #sql: Sql;
  readonly #values: Map<Fact, number>;
  /** Whose Mailbox it is; it stands beside `next_seq`, in a row that is written anyway. */
  #owner: string | undefined;

  constructor(sql: Sql, stored: readonly (readonly [Fact, number, string | null])[]) {
    this.#sql = sql;
    this.#values = new Map(stored.map(([name, value]) => [name, value]));
    this.#owner = stored.find(([name]) => name === "next_seq")?.[2] ?? undefined;
  }

  /** The user, as whoever sends or connects says it; undefined where nobody has yet. */
  get owner(): string | undefined {
    return this.#owner;
  }

  /** Stored with the first seq; at once where there are seqs that an older release has given out. */
  own(user: string): void {
    if (this.#owner === user) return;
    this.#owner = user;
    const nextSeq = this.#values.get("next_seq");
    if (nextSeq !== undefined) this.set("next_seq", nextSeq);
  }

  get(name: Fact): number | undefined {
    return this.#values.get(name);
  }

  set(name: Fact, value: number): void {
    this.#values.set(name, value);
    this.#sql.exec(
      `INSERT INTO facts (name, value, text) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET value = excluded.value, text = excluded.text`,
      name,
      value,
      name === "next_seq" ? (this.#owner ?? null) : null,
    );
  }

  forget(name: Fact): void {
    this.#values.delete(name);
    this.#sql.exec(`DELETE FROM facts WHERE name = ?`, name);
  }
}
