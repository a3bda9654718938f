/** The body of a response that is Server-Sent Events, written as they come. */

/** How such a response begins. */
export const EVENT_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // A proxy that gathers a response before it passes it on would hold all of it back.
  "x-accel-buffering": "no",
} as const;

interface ReaderEvents {
  /** Nobody reads any more. Once, and not where `end` came first. */
  readonly gone: () => void;
  /** The reader has taken all that was written, and waits for more. */
  readonly taken?: () => void;
}

const encoder = new TextEncoder();

export class EventBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #reader: ReaderEvents;
  #output: ReadableStreamDefaultController<Uint8Array> | undefined;

  /** `hungUp` says that the reader has hung up; some versions of the runtime cancel the body then, some do not. */
  constructor(hungUp: AbortSignal, reader: ReaderEvents) {
    this.#reader = reader;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (output) => {
          this.#output = output;
        },
        pull: () => reader.taken?.(),
        cancel: () => this.drop(),
      },
      // Nothing is asked for ahead: what is queued is what the reader has not taken.
      { highWaterMark: 0, size: (chunk) => chunk.byteLength },
    );
    hungUp.addEventListener("abort", () => this.drop());
  }

  get isOpen(): boolean {
    return this.#output !== undefined;
  }

  get unreadBytes(): number {
    return -(this.#output?.desiredSize ?? 0);
  }

  write(text: string): void {
    this.#output?.enqueue(encoder.encode(text));
  }

  /** After what is still to be read. */
  end(): void {
    this.#end((output) => output.close());
  }

  /** What is queued is let go. */
  drop(): void {
    if (this.#end((output) => output.error(new Error("The reader is gone.")))) this.#reader.gone();
  }

  /** False where it has ended already. */
  #end(endStream: (output: ReadableStreamDefaultController<Uint8Array>) => void): boolean {
    const output = this.#output;
    if (output === undefined) return false;
    this.#output = undefined;
    try {
      endStream(output);
    } catch {
      // The reader has ended it.
    }
    return true;
  }
}
