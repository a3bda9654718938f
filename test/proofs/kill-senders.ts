/** Senders that stop at nothing: each message is sent again until it is answered, where it has an id; else it may be lost. */
import { performance } from "node:perf_hooks";
import type { Backend, CallOptions, Reply } from "../support/backend.ts";
import type { Random } from "../support/random.ts";
import { instant } from "./clock.ts";
import { type Accepted, acceptedOf, bodyOf, type Sending } from "./sends.ts";

/** What all senders of one user know together. */
export class Ledger {
  readonly user: string;
  readonly accepted: Accepted[] = [];
  /** Sent without an id, and never answered: there once, or not at all. */
  readonly unknown: string[] = [];
  /** Tokens of messages that their sender waited for: one that went before it was stored is not remembered by a Mailbox that is killed. */
  readonly waited = new Set<string>();
  /** Requests whose answer is still to come. */
  inFlight = 0;

  constructor(user: string) {
    this.user = user;
  }

  get lastSeq(): number {
    return this.accepted.reduce((last, m) => Math.max(last, m.seq), 0);
  }
}

/** The runtime is never away for so long. */
const ANSWER_DEADLINE_MS = 10_000;

export class Senders {
  /** How often each status came; `lost` = the connection was reset, or nobody listened. */
  readonly answers = new Map<string, number>();
  readonly violations: string[] = [];
  readonly #backend: Backend;
  #count = 0;
  #stopped = false;
  #loops: Promise<void>[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** One more sender, who picks among the ledgers for every message; `expires` = some of them live for a second or less. */
  add(pick: () => Ledger, random: Random, expires = true): void {
    const loop = async () => {
      while (!this.#stopped) await this.#one(pick(), random, expires);
    };
    this.#loops.push(loop());
  }

  /** Ends when every message with an id is answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  #one(ledger: Ledger, random: Random, expires: boolean): Promise<void> {
    const token = this.#token(ledger);
    const ttl = expires && random.chance(0.12) ? random.int(3, 12) / 10 : undefined;
    return this.send(
      ledger,
      {
        token,
        ...(random.chance(0.7) ? { id: `id-${token}` } : {}),
        ...(ttl === undefined ? {} : { ttl }),
        padding: random.int(0, 400),
      },
      random.chance(0.1) ? { wait: random.int(1, 3) / 10 } : {},
    );
  }

  #token(ledger: Ledger): string {
    this.#count += 1;
    return `${ledger.user}-${this.#count}`;
  }

  /** Messages that are over at the same time. */
  async burst(ledger: Ledger, count: number, ttl: number): Promise<void> {
    const one = () => {
      const token = this.#token(ledger);
      return this.send(ledger, { token, id: `id-${token}`, ttl });
    };
    await Promise.all(Array.from({ length: count }, one));
  }

  async send(ledger: Ledger, sending: Sending, options: CallOptions = {}): Promise<void> {
    const beganAt = performance.now();
    if (options.wait !== undefined) ledger.waited.add(sending.token);
    for (let attempts = 1; ; attempts += 1) {
      ledger.inFlight += 1;
      const reply = await this.#backend.send(ledger.user, bodyOf(sending), options).catch(() => undefined);
      ledger.inFlight -= 1;
      this.#note(reply);
      const accepted = reply && acceptedOf(sending, reply, beganAt, performance.now(), attempts);
      if (accepted !== undefined) {
        ledger.accepted.push(accepted);
        return;
      }
      const isUnknown = reply === undefined || reply.status === 503;
      if (!isUnknown) {
        this.violations.push(`[E2] ${sending.token}: ${reply.status} ${JSON.stringify(reply.body)}`);
        return;
      }
      if (sending.id === undefined) {
        ledger.unknown.push(sending.token);
        return;
      }
      if (performance.now() - beganAt > ANSWER_DEADLINE_MS) {
        this.violations.push(
          `[S13] ${sending.token} was never answered; last ${reply?.status} ${JSON.stringify(reply?.body)}`,
        );
        return;
      }
      await instant(performance.now() + 20);
    }
  }

  #note(reply: Reply | undefined): void {
    const name =
      reply === undefined ? "lost" : reply.body?.code ? `${reply.status} ${reply.body.code}` : `${reply.status}`;
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
  }
}
