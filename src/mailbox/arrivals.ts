/** Callers who wait for the user to connect (U1). In memory only: a wait ends with the object. */
import { LIMITS } from "../protocol/limits.ts";
import type { WaitId } from "../protocol/mailbox-api.ts";

export class Arrivals {
  readonly #waiting = new Map<WaitId, () => void>();

  /** Resolves once a connection is established, the time is over, or nobody waits any more; at once where too many wait (S3). */
  async wait(waitId: WaitId, forMs: number): Promise<void> {
    if (this.#waiting.size >= LIMITS.waitersMax) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, forMs);
      this.#waiting.set(waitId, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#waiting.delete(waitId);
  }

  letGo(waitId: WaitId): void {
    this.#waiting.get(waitId)?.();
  }

  settle(): void {
    for (const arrived of [...this.#waiting.values()]) arrived();
  }
}
