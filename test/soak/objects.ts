/** What the operating system tells of the server: which users' Mailboxes are in memory, which sleep, what all of it takes (Linux). */
import { statSync } from "node:fs";
import { databasesOf, openHandles, residentBytes } from "../proofs/process-facts.ts";
import type { Runtime } from "../support/runtime.ts";

export type Measures = Record<"start" | "middle" | "end" | "most", number>;

export class Objects {
  readonly memoryMb: Measures = { start: 0, middle: 0, end: 0, most: 0 };
  readonly handles: Measures = { start: 0, middle: 0, end: 0, most: 0 };
  /** Mailboxes that were evicted while their user was connected, and those of them that woke in the same process. */
  hibernations = 0;
  wakes = 0;
  readonly #runtime: Runtime;
  readonly #isConnected: (user: string) => boolean;
  readonly #userOf = new Map<string, string>();
  #awake: ReadonlySet<string> = new Set();
  readonly #asleep = new Set<string>();
  #isUp = true;

  constructor(runtime: Runtime, isConnected: (user: string) => boolean) {
    this.#runtime = runtime;
    this.#isConnected = isConnected;
  }

  /** Learns which database is the user's: whichever is new, after the first call to their Mailbox and to no other. */
  meet(user: string): void {
    for (const path of databasesOf(this.#runtime.pid)) if (!this.#userOf.has(path)) this.#userOf.set(path, user);
  }

  /** Changes with each write of the user's Mailbox; undefined where the server is away. */
  stampOf(user: string): string | undefined {
    const path = [...this.#userOf].find(([, whose]) => whose === user)?.[0];
    if (path === undefined || !this.#isUp) return undefined;
    try {
      const { mtimeNs, size } = statSync(`${path}-wal`, { bigint: true });
      return `${mtimeNs} ${size}`;
    } catch {
      return undefined;
    }
  }

  /** What is evicted by a stop of the server does not sleep. */
  stopped(): void {
    this.#isUp = false;
    this.#awake = new Set();
    this.#asleep.clear();
  }

  restarted(): void {
    this.#isUp = true;
  }

  /** Looks who has fallen asleep, and who has woken. */
  sample(): void {
    if (!this.#isUp) return;
    const before = this.#awake;
    try {
      this.#awake = databasesOf(this.#runtime.pid);
    } catch {
      // Just being stopped.
      return;
    }
    for (const path of before) {
      const user = this.#userOf.get(path);
      if (this.#awake.has(path) || user === undefined || !this.#isConnected(user)) continue;
      this.hibernations += 1;
      this.#asleep.add(path);
    }
    for (const path of this.#asleep) if (this.#awake.has(path) && this.#asleep.delete(path)) this.wakes += 1;
    this.measure("end");
  }

  measure(when: keyof Measures): void {
    try {
      const { pid } = this.#runtime;
      this.memoryMb[when] = Math.round(residentBytes(pid) / 1_048_576);
      this.handles[when] = openHandles(pid);
    } catch {
      // Just being stopped: what was measured last stands.
      this.memoryMb[when] = this.memoryMb.end;
      this.handles[when] = this.handles.end;
    }
    this.memoryMb.most = Math.max(this.memoryMb.most, this.memoryMb[when]);
    this.handles.most = Math.max(this.handles.most, this.handles[when]);
  }
}
