/** Messages on their way: what has an id is sent until it is answered, and every answer is entered in the user's book. */
import { instant } from "../proofs/clock.ts";
import { acceptedOf } from "../proofs/sends.ts";
import type { Reply } from "../support/backend.ts";
import type { Random } from "../support/random.ts";
import type { Book, Posted, Way } from "./book.ts";
import { deltaOf } from "./book.ts";

/** The runtime is never away for so long, nor for so many attempts: a machine that stands still makes only the time pass. */
const ANSWER_DEADLINE_MS = 20_000;
const ANSWER_ATTEMPTS = 100;
const SEND_AGAIN_MS = 30;

/** A message on its way: its entry in the book, and its wire form. */
export interface Mail {
  readonly book: Book;
  readonly posted: Posted;
  readonly body: Readonly<Record<string, unknown>>;
}

export class Posting {
  /** How many messages each way had, and how often each answer came; `lost` = none did. */
  readonly ways = new Map<Way, number>();
  readonly answers = new Map<string, number>();
  readonly violations: string[] = [];
  sent = 0;
  accepted = 0;
  /** Answered as a repeat of what had been stored before its reply was lost (S4). */
  replayed = 0;
  /** Sends without an answer, at the moment. */
  inFlight = 0;

  /** A message of the soak, to be sent; `lasting`: it is sure to be accepted, and lives long. */
  mail(book: Book, way: Exclude<Way, "delta" | "stream">, random: Random, lasting = false): Mail {
    const posted = this.enter(book, way, lasting || random.chance(0.6));
    const expires = !lasting && random.chance(0.05);
    const large = book.user.startsWith("slow") && random.chance(0.3) ? random.int(4_000, 60_000) : 0;
    const body = {
      type: "soak",
      data: { token: posted.token, padding: "x".repeat(large || random.int(0, 300)) },
      ...(posted.id === undefined ? {} : { id: posted.id }),
      ...(expires ? { ttl: random.int(3, 15) / 10 } : {}),
    };
    return { book, posted, body };
  }

  /** A delta of a stream. It always has an id: none may be missing in the text. */
  delta(book: Book, topic: string): Mail {
    const posted = this.enter(book, "delta", true, topic);
    const body = { type: "delta", data: deltaOf(posted.token), id: posted.id, topic, append: true };
    return { book, posted, body };
  }

  enter(book: Book, way: Way, withId: boolean, topic?: string): Posted {
    this.sent += 1;
    this.ways.set(way, (this.ways.get(way) ?? 0) + 1);
    return book.post(way, withId, topic);
  }

  /** Sends until each is answered that has an id; what has none is sent once. `send` gives undefined where nothing is known. */
  async until(
    mails: readonly Mail[],
    send: (left: readonly Mail[]) => Promise<readonly Reply[] | undefined>,
  ): Promise<void> {
    const deadline = performance.now() + ANSWER_DEADLINE_MS;
    let left = mails;
    for (let attempts = 1; left.length > 0; attempts += 1) {
      this.inFlight += left.length;
      const replies = await send(left);
      this.inFlight -= left.length;
      const again = left.filter((mail, at) => !this.#settle(mail, replies?.[at], attempts));
      if (again.length > 0 && performance.now() > deadline && attempts > ANSWER_ATTEMPTS) {
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
    const { token, id, beganAt } = posted;
    const accepted = reply && acceptedOf({ token }, reply, beganAt, performance.now(), attempts);
    const became = accepted?.status ?? reply?.body?.code;
    const name = reply === undefined ? "lost" : [reply.status, became].filter(Boolean).join(" ");
    this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
    if (accepted !== undefined) {
      this.accepted += 1;
      if (reply?.body.replayed === true || reply?.headers.has("idempotency-replayed")) this.replayed += 1;
      if (id !== undefined && accepted.id !== id)
        this.violations.push(`[S7] ${token} was sent as ${id}, and answered as ${accepted.id}`);
      book.accept(accepted);
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
