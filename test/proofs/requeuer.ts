/** Sends dead letters again (D7), and never the same twice for all it knows: where the answer is lost, it looks what is left. */
import type { Backend } from "../support/backend.ts";
import type { Random } from "../support/random.ts";

export interface RequeuedMessage {
  readonly id: string;
  readonly seq: number;
  readonly requeuedFrom: number;
}

export class Requeuer {
  /** By user: what it was told. */
  readonly requeued = new Map<string, RequeuedMessage[]>();
  readonly violations: string[] = [];
  /** Requests whose answer is still to come. */
  inFlight = 0;
  /** Requests whose answer was lost. */
  lost = 0;
  readonly #backend: Backend;
  readonly #random: Random;

  constructor(backend: Backend, random: Random) {
    this.#backend = backend;
    this.#random = random;
  }

  /** One request: all of a user's dead letters, those that expired, or one; for long, or to expire again. */
  async once(user: string): Promise<void> {
    const letters = await this.#backend.deadLetters(user, { limit: 1 }).catch(() => undefined);
    const first: unknown = letters?.body?.dead_letters?.[0]?.seq;
    if (letters?.status !== 200 || typeof first !== "number") return;
    const selector = this.#random.pick([{ all: true }, { reason: "expired" }, { seq: first }] as const);
    const body = { ttl: this.#random.chance(0.4) ? 0.5 : 3_600 };
    this.inFlight += 1;
    const reply = await this.#backend.requeue(user, selector, body).catch(() => undefined);
    this.inFlight -= 1;
    if (reply === undefined || reply.status === 503) {
      this.lost += 1;
      return;
    }
    // Someone else's request may have taken the one letter.
    if (reply.status === 404 && "seq" in selector) return;
    if (reply.status !== 200) {
      this.violations.push(`[D7] requeue: ${reply.status} ${JSON.stringify(reply.body)}`);
      return;
    }
    const known = this.requeued.get(user) ?? [];
    this.requeued.set(user, known);
    for (const m of reply.body.requeued) known.push({ id: m.id, seq: m.seq, requeuedFrom: m.requeued_from });
  }
}
