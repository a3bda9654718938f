/** The soak's senders by HTTP: one at a time, with and without ids, waiting, and in batches. */
import type { Backend, Reply } from "../support/backend.ts";
import type { Random } from "../support/random.ts";
import type { Book } from "./book.ts";
import type { Loops } from "./loops.ts";
import type { Mail, Posting } from "./posting.ts";

/** So many requests are given up, after about as long as their answer takes: what becomes of them only the server knows (S13). */
const HANG_UP_SHARE = 0.03;
const HANG_UP_MS = [1, 8] as const;

export class Senders {
  /** Of those that waited for a user who was all there: how many were delivered, and how many of these without a write to the disk. */
  readonly waits = { delivered: 0, unwritten: 0 };
  /** Requests that were given up by their sender before the answer came. */
  hangUps = 0;
  readonly #backend: Backend;
  readonly #posting: Posting;
  readonly #loops: Loops;

  constructor(backend: Backend, posting: Posting, loops: Loops) {
    this.#backend = backend;
    this.#posting = posting;
    this.#loops = loops;
  }

  /** Singles, waits and batches, to whom `pick` says. */
  addBackend(pick: () => Book, random: Random, pauseMs: number): void {
    this.#loops.add(async () => {
      const kind = random.next();
      if (kind < 0.08) await this.batch(Array.from({ length: random.int(2, 40) }, pick), random);
      else if (kind < 0.35) await this.single(pick(), "wait", random);
      else await this.single(pick(), "single", random);
      await this.#loops.pause(random.int(0, 2 * pauseMs));
    });
  }

  /** A few at a time, and then nothing for as long as it takes to fall asleep. */
  addRare(book: Book, random: Random, pauseMs: readonly [number, number]): void {
    this.#loops.add(async () => {
      for (let n = random.int(1, 4); n > 0 && !this.#loops.isOver; n -= 1)
        await this.single(book, random.chance(0.5) ? "wait" : "single", random);
      await this.#loops.pause(random.int(...pauseMs));
    });
  }

  /** Nothing but waits, one after another; `stamp` tells a state of the user's database from the next. */
  addWaiting(book: Book, random: Random, stamp: () => string | undefined): void {
    this.#loops.add(async () => {
      const [count, before] = [book.accepted.length, stamp()];
      await this.single(book, "wait", random);
      const [accepted, after] = [book.accepted[count], stamp()];
      if (accepted?.status === "delivered") {
        this.waits.delivered += 1;
        if (before !== undefined && before === after) this.waits.unwritten += 1;
      }
      await this.#loops.pause(random.int(0, 60));
    });
  }

  /** After everything: whoever has it has all that came before. */
  last(book: Book, random: Random): Promise<void> {
    return this.#send(this.#posting.mail(book, "single", random, true), random, {});
  }

  single(book: Book, way: "single" | "wait", random: Random): Promise<void> {
    const options = way === "wait" ? { wait: random.int(1, 20) / 10 } : {};
    return this.#send(this.#posting.mail(book, way, random), random, options);
  }

  batch(books: readonly Book[], random: Random): Promise<void> {
    const mails = books.map((book) => this.#posting.mail(book, "batch", random));
    return this.#posting.until(mails, async (left) => {
      const messages = left.map(({ book, body }) => ({ to: book.user, ...body }));
      const reply = await this.#backend.sendBatch(messages).catch(() => undefined);
      if (reply === undefined || reply.status === 503) return undefined;
      if (reply.status !== 200) return left.map(() => reply);
      const results = reply.body.results as readonly { readonly http_status: number }[];
      return results.map((body): Reply => ({ status: body.http_status, headers: new Headers(), body }));
    });
  }

  #send(mail: Mail, random: Random, options: { readonly wait?: number }): Promise<void> {
    return this.#posting.until([mail], async () => {
      const hangsUp = random.chance(HANG_UP_SHARE);
      const signal = hangsUp ? AbortSignal.timeout(random.int(...HANG_UP_MS)) : undefined;
      try {
        return [await this.#backend.send(mail.book.user, mail.body, { ...options, ...(signal && { signal }) })];
      } catch {
        if (signal?.aborted) this.hangUps += 1;
        return undefined;
      }
    });
  }
}
