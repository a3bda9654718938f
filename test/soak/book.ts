/** What was sent to one user, message by message, and what its senders were told: against it every device is judged. */
import type { Accepted } from "../proofs/sends.ts";

/** How a message was sent. */
export type Way = "single" | "wait" | "batch" | "frame" | "delta" | "stream";

export interface Posted {
  readonly token: string;
  readonly way: Way;
  readonly id: string | undefined;
  /** Of a stream's deltas: which stream. They are read in the order in which they were posted. */
  readonly topic: string | undefined;
  /** By `performance.now()`. */
  readonly beganAt: number;
}

export class Book {
  readonly user: string;
  /** In the order of posting. */
  readonly posted = new Map<string, Posted>();
  readonly accepted: Accepted[] = [];
  /** Told that they are stored, but not where: `sender.stream` keeps its receipts to itself. */
  readonly stored = new Set<string>();
  /** No reply, and no id to ask with: there once, or not at all. */
  readonly unknown = new Set<string>();
  /** Told that it was not taken. */
  readonly refused = new Set<string>();
  readonly #run: string;
  #count = 0;
  #lastSeq = 0;

  constructor(user: string, run: string) {
    this.user = user;
    this.#run = run;
  }

  /** Enters a message that is about to be sent; `withId`: it is sent again until it is answered. */
  post(way: Way, withId: boolean, topic?: string): Posted {
    this.#count += 1;
    const token = `${this.user}-${this.#count}`;
    const id = withId ? `${this.#run}-${token}` : undefined;
    const posted = { token, way, id, topic, beganAt: performance.now() };
    this.posted.set(token, posted);
    return posted;
  }

  accept(accepted: Accepted): void {
    this.accepted.push(accepted);
    this.#lastSeq = Math.max(this.#lastSeq, accepted.seq);
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }
}

/** A delta is its token, and what ends it: several may come joined. */
export const deltaOf = (token: string): string => `${token}|`;

/** The tokens in a message's data: several where deltas of a stream were joined. */
export const tokensOf = (data: unknown): readonly string[] => {
  if (typeof data === "string") return data.split("|").filter((token) => token !== "");
  return [(data as { readonly token: string }).token];
};
