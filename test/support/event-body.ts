/** A response's body of Server-Sent Events, as it comes; whoever reads it can stand still, or hang up. */
import { type IncomingMessage, request } from "node:http";
import { EventLines } from "./event-lines.ts";
import { Signal } from "./signal.ts";

/** Asks on a connection of its own, whatever the answer is. */
export const answerTo = (target: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> =>
  new Promise((done, failed) => {
    request(target, { headers, agent: false }, done).on("error", failed).end();
  });

export abstract class EventBody {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  isOver = false;
  readonly #response: IncomingMessage;
  readonly #signal = new Signal();
  readonly #lines = new EventLines(
    (event, data) => this.dispatch(event, data),
    (line) => this.stranger(line),
  );

  protected constructor(response: IncomingMessage) {
    this.#response = response;
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.setEncoding("utf8");
    response.on("data", (text: string) => {
      this.took(text);
      this.#lines.take(text);
      this.#signal.tell();
    });
    const over = () => {
      this.isOver = true;
      this.#signal.tell();
    };
    response.on("end", over).on("close", over).on("error", over);
  }

  get comments(): number {
    return this.#lines.comments;
  }

  get retryMs(): number | undefined {
    return this.#lines.retryMs;
  }

  get lastId(): string {
    return this.#lines.lastId;
  }

  /** What `found` gives, now or after something came; fails at the deadline, and where the stream is over. */
  until<T>(what: string, found: () => T | undefined, deadlineMs?: number): Promise<T> {
    const over = () => (this.isOver ? "the stream is over" : undefined);
    const instead = () => `last: ${JSON.stringify(this.last()).slice(0, 500)}`;
    return this.#signal.until(found, { what, deadlineMs, over, instead });
  }

  /** Stops reading from TCP, so that the server's writes back up. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  /** Hangs up by a reset: the one way that workerd takes notice of at once. */
  hangUp(): void {
    this.#response.socket.resetAndDestroy();
  }

  protected took(_text: string): void {}

  protected abstract dispatch(event: string, data: string): void;

  /** A line that is no field. */
  protected abstract stranger(line: string): void;

  /** What came last, for whoever reads of a failure. */
  protected abstract last(): unknown;
}
