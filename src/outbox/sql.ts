/** The small synchronous SQL port that the outbox stands on: SQLite inside a Durable Object, or `node:sqlite` in a simulation. */

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export interface Sql {
  /** Runs one statement and returns its rows, all of them. */
  exec<Row = SqlRow>(statement: string, ...bindings: readonly SqlValue[]): readonly Row[];
  /** Runs `body` so that all of its statements take effect, or, where it throws, none. */
  transaction<T>(body: () => T): T;
}

/** The one row of a statement that yields at most one. */
export const first = <Row>(rows: readonly Row[]): Row | undefined => rows[0];
