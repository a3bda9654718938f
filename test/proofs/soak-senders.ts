/** The soak's senders: one at a time, with and without ids, waiting, in batches, and over a publisher's socket. What has an id is sent until it is answered. */
import type { Backend, Reply } from "../support/backend.ts";
import { Publisher } from "../support/publisher.ts";
import type { Random } from "../support/random.ts";
import { instant } from "./clock.ts";
import { acceptedOf } from "./sends.ts";
import type { Book, Posted, Way } from "./soak-book.ts";

/** The runtime is never away for so long. */
const ANSWER_DEADLINE_MS = 20_000;
const SEND_AGAIN_MS = 30;

/** A message on its way: its entry in the book, and its wire form. */
interface Mail {
  readonly book: Book;
  readonly posted: Posted;
  readonly body: Readonly<Record<string, unknown>>;
}

export class SoakSenders {
  /** How often each answer came; `lost` = none did. */
  readonly answers = new Map<string, number>();
  readonly violations: string[] = [];
  sent = 0;
  accepted = 0;
  readonly #backend: Backend;
  readonly #loops: Promise<void>[] = [];
  #isOver = false;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Singles, waits and batches, to whom `pick` says. */
  addBackend(pick: () => Book, random: Random, pauseMs: number): void {
    this.#loop(async () => {
      const kind = random.next();
      if (kind < 0.08) await this.#batch(Array.from({ length: random.int(2, 40) }, pick), random);
      else if (kind < 0.35) await this.#single(pick(), "wait", random);
      else await this.#single(pick(), "single", random);
      await instant(performance.now() + random.int(0, 2 * pauseMs));
    });
  }

  /** A few at a time, and then nothing for as long as it takes to fall asleep. */
  addRare(book: Book, random: Random, pauseMs: readonly [number, number]): void {
    this.#loop(async () => {
      for (let n = random.int(1, 4); n > 0 && !this.#isOver; n -= 1)
        await this.#single(book, random.chance(0.5) ? "wait" : "single", random);
      const until = performance.now() + random.int(...pauseMs);
      while (!this.#isOver && performance.now() < until) await instant(performance.now() + 200);
    });
  }

  /** One socket, opened again after each loss; frames of many messages, and streams of deltas. */
  addPublisher(book: Book, random: Random, pauseMs: number): void {
    let socket: Publisher | undefined;
    let isOpen = false;
    const publish = async (mails: readonly Mail[]): Promise<readonly Reply[] | undefined> => {
      if (socket === undefined || !isOpen) {
        const opening = new Publisher(this.#backend.url, book.user);
        socket = opening;
        isOpen = await within(Promise.race([opening.next().then(() => true), opening.closed.then(() => false)]), false);
        if (!isOpen) return undefined;
        void opening.closed.then(() => {
          if (socket === opening) isOpen = false;
        });
      }
      const using = socket;
      const results = await within(
        Promise.race([using.publish(mails.map(({ body }) => body)), using.closed.then(() => undefined)]),
        undefined,
      );
      if (results === undefined) {
        isOpen = false;
        using.socket.terminate();
      }
      return results?.map((body) => ({ status: body.http_status, headers: new Headers(), body }));
    };
    this.#loop(async () => {
      const isStream = random.chance(0.4);
      const topic = `stream-${random.int(1, 1_000_000_000)}`;
      for (let frames = random.int(1, 10); frames > 0 && !this.#isOver; frames -= 1) {
        const mails = Array.from({ length: random.int(1, 20) }, () =>
          // A stream's deltas are sent again until they are there: none of them is missing in the text.
          this.#mail(book, isStream ? "stream" : "publisher", random, isStream ? { topic, append: true } : {}),
        );
        await this.#until(mails, publish);
        await instant(performance.now() + random.int(0, 2 * pauseMs));
      }
    });
    this.#loops.push(this.#ended.promise.then(() => socket?.socket.terminate()));
  }

  readonly #ended = Promise.withResolvers<void>();

  /** Ends when every message with an id is answered. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#ended.resolve();
    await Promise.all(this.#loops);
  }

  #loop(round: () => Promise<void>): void {
    const run = async () => {
      while (!this.#isOver) await round();
    };
    this.#loops.push(run());
  }

  #mail(book: Book, way: Way, random: Random, more: Readonly<Record<string, unknown>> = {}): Mail {
    const posted = book.post(way, way === "stream" || random.chance(0.6));
    this.sent += 1;
    const expires = way !== "stream" && random.chance(0.05);
    const large = book.user.startsWith("slow") && random.chance(0.3) ? random.int(4_000, 60_000) : 0;
    const data =
      way === "stream" ? `|${posted.token}` : { token: posted.token, padding: "x".repeat(large || random.int(0, 300)) };
    const body = {
      type: way === "stream" ? "delta" : "soak",
      data,
      ...(posted.id === undefined ? {} : { id: posted.id }),
      ...(expires ? { ttl: random.int(3, 15) / 10 } : {}),
      ...more,
    };
    return { book, posted, body };
  }

  #single(book: Book, way: "single" | "wait", random: Random): Promise<void> {
    const options = way === "wait" ? { wait: random.int(1, 20) / 10 } : {};
    return this.#until([this.#mail(book, way, random)], async ([mail]) => {
      const reply = await this.#backend.send(book.user, (mail as Mail).body, options).catch(() => undefined);
      return reply && [reply];
    });
  }

  #batch(books: readonly Book[], random: Random): Promise<void> {
    const mails = books.map((book) => this.#mail(book, "batch", random));
    return this.#until(mails, async (left) => {
      const messages = left.map(({ book, body }) => ({ to: book.user, ...body }));
      const reply = await this.#backend.sendBatch(messages).catch(() => undefined);
      if (reply === undefined || reply.status === 503) return undefined;
      if (reply.status !== 200) return left.map(() => reply);
      const results = reply.body.results as readonly { readonly http_status: number }[];
      return results.map((body) => ({ status: body.http_status, headers: reply.headers, body }));
    });
  }

  /** Sends until each is answered that has an id; what has none is sent once. `send` gives undefined where nothing is known. */
  async #until(
    mails: readonly Mail[],
    send: (left: readonly Mail[]) => Promise<readonly Reply[] | undefined>,
  ): Promise<void> {
    const deadline = performance.now() + ANSWER_DEADLINE_MS;
    let left = mails;
    for (let attempts = 1; left.length > 0; attempts += 1) {
      const replies = await send(left);
      const again = left.filter((mail, at) => !this.#settle(mail, replies?.[at], attempts));
      if (again.length > 0 && performance.now() > deadline) {
        for (const { posted, book } of again) {
          book.unknown.add(posted.token);
          this.violations.push(`[S13] ${posted.token} was never answered`);
        }
        return;
      }
      left = again;
      if (left.length > 0) await instant(performance.now() + SEND_AGAIN_MS);
    }
  }

  /** Enters what became of it; false where it is to be sent again. */
  #settle({ book, posted }: Mail, reply: Reply | undefined, attempts: number): boolean {
    const name = reply === undefined ? "lost" : [reply.status, reply.body?.code].filter(Boolean).join(" ");
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
    const { token, id, beganAt } = posted;
    const accepted = reply && acceptedOf({ token }, reply, beganAt, performance.now(), attempts);
    if (accepted !== undefined) {
      this.accepted += 1;
      book.accepted.push(accepted);
      return true;
    }
    if (reply === undefined || reply.status === 503) {
      if (id !== undefined) return false;
      book.unknown.add(token);
      return true;
    }
    book.refused.add(token);
    if (reply.status !== 429) this.violations.push(`[E2] ${token}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return true;
  }
}

/** What fails is as what gives nothing: the socket is gone. */
const within = async <T>(work: Promise<T>, otherwise: T): Promise<T> => {
  try {
    return await work;
  } catch {
    return otherwise;
  }
};
