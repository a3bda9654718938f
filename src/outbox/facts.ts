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
  | "had_device";

export class Facts {
  /** An expression of SQL that yields what the constructor takes. */
  static readonly STORED = `(SELECT json_group_array(json_array(name, value)) FROM facts)`;

  readonly #sql: Sql;
  readonly #values: Map<Fact, number>;

  constructor(sql: Sql, stored: readonly (readonly [Fact, number])[]) {
    this.#sql = sql;
    this.#values = new Map(stored);
  }

  get(name: Fact): number | undefined {
    return this.#values.get(name);
  }

  set(name: Fact, value: number): void {
    this.#values.set(name, value);
    this.#sql.exec(
      `INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      name,
      value,
    );
  }

  forget(name: Fact): void {
    this.#values.delete(name);
    this.#sql.exec(`DELETE FROM facts WHERE name = ?`, name);
  }
}
