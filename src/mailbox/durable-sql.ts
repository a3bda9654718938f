/** The SQL port over a Durable Object's own SQLite. */
import type { Sql, SqlValue } from "../outbox/sql.ts";

export class DurableSql implements Sql {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  exec<Row>(statement: string, ...bindings: readonly SqlValue[]): readonly Row[] {
    return this.#storage.sql.exec(statement, ...bindings).toArray() as Row[];
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }
}
