/** What a Mailbox writes, as the platform bills it: each cursor's own `rowsWritten`, and one for each alarm that is set. */
import type { User } from "./user.ts";

export interface Rows {
  readonly sql: number;
  readonly alarms: number;
  readonly total: number;
}

/** Counts from here until the Mailbox is evicted; `counted` says how much since the last call. */
export const countingRows = async (user: Pick<User, "inside">): Promise<{ counted(): Promise<Rows> }> => {
  const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  let alarms = 0;
  await user.inside((_, { storage }) => {
    const { sql } = storage;
    const { exec } = sql;
    const { setAlarm } = storage;
    sql.exec = ((...args: Parameters<typeof exec>) => {
      const cursor = exec.apply(sql, args);
      cursors.push(cursor);
      return cursor;
    }) as typeof exec;
    // A Mailbox deletes no alarm; who runs one in a test does.
    storage.setAlarm = (...args: Parameters<typeof setAlarm>) => {
      alarms += 1;
      return setAlarm.apply(storage, args);
    };
  });
  return {
    counted: () =>
      user.inside(() => {
        // A cursor knows the number once it is consumed, and the Mailbox consumes each at once.
        const sql = cursors.splice(0).reduce((sum, cursor) => sum + cursor.rowsWritten, 0);
        const rows = { sql, alarms, total: sql + alarms };
        alarms = 0;
        return rows;
      }),
  };
};
