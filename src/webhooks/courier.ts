/**
 * Carries webhooks to their receiver, a few at a time, outside of any turn: what is awaited here holds nothing else up.
 *
 * What is under way is known in memory alone: where the object is lost meanwhile it is sent again, with the same id. So an alarm
 * must stand at `wakeAt` for as long as anything is under way.
 */
import type { Delivery, Outcome } from "./queue.ts";

const AT_ONCE = 4;
/** After the end of the longest attempt: by then it is recorded, or the object was lost. */
const SLACK_MS = 5_000;

interface CourierPorts {
  /** Those that are due, but for those under way. */
  readonly due: (limit: number, underWay: ReadonlySet<number>) => readonly Delivery[];
  /** One attempt. Never rejects. */
  readonly attempt: (delivery: Delivery) => Promise<Outcome>;
  /** Stores how it went. Never throws: false where it could not be stored, so that only an alarm tries again. */
  readonly record: (delivery: Delivery, outcome: Outcome) => boolean;
  readonly now: () => number;
  readonly timeoutMs: number;
}

export class Courier {
  readonly #ports: CourierPorts;
  readonly #underWay = new Set<number>();
  #wakeAt = 0;

  constructor(ports: CourierPorts) {
    this.#ports = ports;
  }

  /** When an alarm has to look after what is due at `dueAt`: not while it is under way. */
  wakeAt(dueAt: number | undefined): number | undefined {
    if (dueAt === undefined) return undefined;
    return this.#underWay.size === 0 ? dueAt : Math.max(dueAt, this.#wakeAt);
  }

  /** Starts what is due, as far as there is room for it; the rest follows as attempts end. */
  start(): void {
    const room = AT_ONCE - this.#underWay.size;
    if (room <= 0) return;
    for (const delivery of this.#ports.due(room, this.#underWay)) {
      this.#underWay.add(delivery.n);
      this.#wakeAt = this.#ports.now() + this.#ports.timeoutMs + SLACK_MS;
      void this.#carry(delivery);
    }
  }

  async #carry(delivery: Delivery): Promise<void> {
    const outcome = await this.#ports.attempt(delivery);
    this.#underWay.delete(delivery.n);
    if (this.#ports.record(delivery, outcome)) this.start();
  }
}
