/** The Mailbox's one alarm. It is only ever moved earlier: each move is a row written. */
import { LIMITS } from "../protocol/limits.ts";

/** A Mailbox that was only looked at is deleted after so long: no token lives longer that its place may have been chosen for (S12). */
export const BLANK_MS = LIMITS.tokenTtlMaxMs;
/** After a turn that failed in it: long enough not to spin, short enough for what is due (D8). */
const RETRY_MS = 5_000;

export class Alarm {
  readonly #storage: DurableObjectStorage;
  /** Where it is set, in Unix milliseconds; null = nowhere; 0 while it runs: what is due is being done then. */
  #at: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get isRunning(): boolean {
    return this.#at === 0;
  }

  /** Null is found, too, while an alarm is being delivered. Each turn arms: what is due and has no alarm gets one then. */
  async find(): Promise<void> {
    this.#at = await this.#storage.getAlarm();
  }

  arm(dueAt: number | undefined): void {
    if (dueAt === undefined || (this.#at !== null && this.#at <= dueAt)) return;
    this.#at = dueAt;
    void this.#storage.setAlarm(dueAt);
  }

  begin(): void {
    this.#at = 0;
  }

  end(): void {
    this.#at = null;
  }

  /** One that keeps throwing is dropped by the platform: it is set again instead. */
  async retry(): Promise<void> {
    this.#at = Date.now() + RETRY_MS;
    await this.#storage.setAlarm(this.#at);
  }
}
