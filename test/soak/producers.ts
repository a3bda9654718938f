/** The soak's producers (P): raw frames on a socket that is opened again after each loss, and streams of the SDK. */
import { createSender, SendError, type Sender } from "../../src/sender/sender.ts";
import type { Backend, Reply } from "../support/backend.ts";
import { API_KEY } from "../support/credentials.ts";
import { Publisher } from "../support/publisher.ts";
import type { Random } from "../support/random.ts";
import { type Book, deltaOf } from "./book.ts";
import type { Loops } from "./loops.ts";
import type { Mail, Posting } from "./posting.ts";

export class Producers {
  /** Frames that were replied to, sockets that were opened, streams that have ended well. */
  frames = 0;
  sockets = 0;
  streams = 0;
  readonly violations: string[] = [];
  readonly #backend: Backend;
  readonly #posting: Posting;
  readonly #loops: Loops;
  readonly #sender: Sender;
  readonly #open = new Set<Line>();

  constructor(backend: Backend, posting: Posting, loops: Loops) {
    this.#backend = backend;
    this.#posting = posting;
    this.#loops = loops;
    this.#sender = createSender({ url: backend.url, key: API_KEY });
  }

  /** Frames of many messages, and of the deltas of a stream. */
  addFrames(book: Book, random: Random, pauseMs: number): void {
    const line = new Line(this.#backend.url, book.user);
    this.#open.add(line);
    this.#loops.add(async () => {
      const topic = random.chance(0.4) ? topicOf(random) : undefined;
      for (let frames = random.int(1, 10); frames > 0 && !this.#loops.isOver; frames -= 1) {
        const mails = Array.from({ length: random.int(1, 20) }, () =>
          topic === undefined ? this.#posting.mail(book, "frame", random) : this.#posting.delta(book, topic),
        );
        await this.#posting.until(mails, (left) => line.publish(left));
        await this.#loops.pause(random.int(0, 2 * pauseMs));
      }
    });
  }

  /** Texts written piece by piece with `sender.stream`, as an agent does. */
  addStreams(book: Book, random: Random, pauseMs: number): void {
    this.#loops.add(async () => {
      const topic = topicOf(random);
      const stream = this.#sender.stream(book.user, { topic });
      const tokens: string[] = [];
      try {
        for (let pieces = random.int(1, 60); pieces > 0 && !this.#loops.isOver; pieces -= 1) {
          const { token } = this.#posting.enter(book, "stream", true, topic);
          tokens.push(token);
          await stream.write(deltaOf(token));
          if (random.chance(0.7)) await this.#loops.pause(random.int(0, 60));
        }
        this.#posting.inFlight += 1;
        await stream.end().finally(() => {
          this.#posting.inFlight -= 1;
        });
        for (const token of tokens) book.stored.add(token);
        this.#posting.accepted += tokens.length;
        this.streams += 1;
      } catch (error) {
        // Who is away until the end may be held no more for (S8): a stream that has lost a piece so is over.
        const isFull = error instanceof SendError && error.code === "outbox_full";
        if (!isFull) this.violations.push(`${book.user}: ${topic} has failed: ${error}`);
        for (const token of tokens) book.unknown.add(token);
      }
      await this.#loops.pause(random.int(0, 2 * pauseMs));
    });
  }

  /** After the loops have ended. */
  close(): void {
    for (const line of this.#open) {
      this.frames += line.frames;
      this.sockets += line.sockets;
      line.close();
    }
  }
}

/** No two streams have one. */
const topicOf = (random: Random): string => `stream-${random.int(1, 2 ** 40)}`;

/** One user's publisher's socket, whichever it is at the moment. */
class Line {
  frames = 0;
  sockets = 0;
  readonly #url: string;
  readonly #user: string;
  #socket: Publisher | undefined;

  constructor(url: string, user: string) {
    this.#url = url;
    this.#user = user;
  }

  /** Undefined where nothing is known: the socket could not be opened, or ended before the reply. */
  async publish(mails: readonly Mail[]): Promise<readonly Reply[] | undefined> {
    const socket = this.#socket ?? (await this.#opened());
    if (socket === undefined) return undefined;
    this.#socket = socket;
    const results = await orUndefined(
      Promise.race([socket.publish(mails.map(({ body }) => body)), socket.closed.then(() => undefined)]),
    );
    if (results === undefined) this.close();
    else this.frames += 1;
    return results?.map((body): Reply => ({ status: body.http_status, headers: new Headers(), body }));
  }

  close(): void {
    this.#socket?.socket.terminate();
    this.#socket = undefined;
  }

  async #opened(): Promise<Publisher | undefined> {
    const socket = new Publisher(this.#url, this.#user);
    const first = await orUndefined(Promise.race([socket.next(), socket.closed.then(() => undefined)]));
    if (first?.type === "publisher_established") {
      this.sockets += 1;
      void socket.closed.then(() => {
        if (this.#socket === socket) this.#socket = undefined;
      });
      return socket;
    }
    socket.socket.terminate();
    return undefined;
  }
}

/** What fails is as what gives nothing: the socket is gone. */
const orUndefined = async <T>(work: Promise<T>): Promise<T | undefined> => {
  try {
    return await work;
  } catch {
    return undefined;
  }
};
