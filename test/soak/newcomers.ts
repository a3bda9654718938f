/** Users who come for the first time while they are being sent to, get all of it, and leave: the race that all of this is about. */
import { eventually, instant } from "../proofs/clock.ts";
import { CARRIERS } from "../proofs/reception.ts";
import type { Backend } from "../support/backend.ts";
import type { Random } from "../support/random.ts";
import { Book } from "./book.ts";
import { InboxDevice } from "./inbox-device.ts";
import type { Loops } from "./loops.ts";
import type { Senders } from "./senders.ts";

/** Within these the first connect and every send begin, in milliseconds. */
const SPREAD_MS = 150;
/** A kill, a restart, and the longest wait of the SDK's backoff. */
const ARRIVAL_MS = 60_000;

export class Newcomers {
  readonly books: Book[] = [];
  readonly devices: InboxDevice[] = [];
  readonly violations: string[] = [];
  /** Those whose messages were all there. */
  served = 0;
  readonly #backend: Backend;
  readonly #senders: Senders;
  readonly #loops: Loops;
  readonly #run: string;

  constructor(backend: Backend, senders: Senders, loops: Loops, run: string) {
    this.#backend = backend;
    this.#senders = senders;
    this.#loops = loops;
    this.#run = run;
  }

  /** One after another. */
  add(random: Random, pauseMs: number): void {
    this.#loops.add(async () => {
      await this.#one(random);
      await this.#loops.pause(random.int(0, 2 * pauseMs));
    });
  }

  async #one(random: Random): Promise<void> {
    const book = new Book(`new-${this.books.length}`, this.#run);
    this.books.push(book);
    const beganAt = performance.now();
    const later = () => instant(beganAt + random.int(0, SPREAD_MS));
    const sending = Array.from({ length: random.int(1, 5) }, async () => {
      await later();
      await this.#senders.single(book, random.chance(0.3) ? "wait" : "single", random);
    });
    await later();
    const device = new InboxDevice(this.#backend.url, book, "first", random.pick(CARRIERS));
    this.devices.push(device);
    await Promise.all(sending);
    // What was short-lived may have ended before anybody came; and what went directly before a kill, and came again under another seq
    // (S3), the SDK has dropped by its id.
    const hasAll = () => book.accepted.every(({ seq, token }) => device.processedSeq >= seq || device.has(token));
    const isDone = async () => hasAll() && (await this.#backend.user(book.user)).body.held.count === 0;
    const isThere = () => isDone().catch(() => false);
    try {
      await eventually(`${book.user} has all of it`, isThere, ARRIVAL_MS);
      this.served += 1;
    } catch (error) {
      this.violations.push(`[C2] ${(error as Error).message}: at ${device.processedSeq} of ${book.lastSeq}`);
    }
    await device.stop();
  }
}
