/** The SQL port over a Durable Object's own SQLite. */
import type { Sql, SqlValue } from "./outbox/sql.ts";

export class DurableSql implements Sql {
  readonly #storage: DurableObjectStorage;
  /** How many rows were written so far: what was not is not waited for. */
  rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  exec<Row>(statement: string, ...bindings: readonly SqlValue[]): readonly Row[] {
    const cursor = this.#storage.sql.exec(statement, ...bindings);
    const rows = cursor.toArray() as Row[];
    this.rowsWritten += cursor.rowsWritten;
    return rows;
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }
}
