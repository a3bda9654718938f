/** What the operating system says of the running workerd (Linux). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** Resident memory, in bytes. */
export const residentBytes = (pid: number): number => {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kib === undefined) throw new Error(`No VmRSS of ${pid}.`);
  return Number(kib) * 1024;
};

/**
 * How many Mailboxes are in memory: each has its database open, and workerd closes it when it evicts the object. An object
 * that is evicted while its sockets stay open hibernates; nothing has to be asked of it to know, which would wake it.
 */
export const mailboxesInMemory = (pid: number): number =>
  [...databasesOf(pid)].filter((path) => path.includes("-Mailbox/")).length;

/** Their databases, by path. */
export const databasesOf = (pid: number): ReadonlySet<string> => {
  const databases = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (/\/[0-9a-f]{64}\.sqlite$/.test(path)) databases.add(path);
    } catch {
      // Closed meanwhile.
    }
  }
  return databases;
};

/** Open files, sockets and the like. */
export const openHandles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
