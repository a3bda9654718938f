/**
 * A stream of text to one user, delta by delta (P, C3): gathered into frames, replied to in order, sent again where a reply is lost.
 *
 * Every delta has an id, so that a repeat makes no second one (S4). What a carrier loses goes back to the front of the queue, and
 * waits there for the next.
 */
import { utf8Bytes } from "../protocol/identifiers.ts";
import type { Outcome, SentReply } from "../protocol/replies.ts";
import type { SendFields } from "../protocol/sender-api.ts";
import type { Effort } from "./calls.ts";
import { mayRepeat, Patience } from "./patience.ts";
import { type Failure, failureOf, SendError } from "./send-error.ts";

/** What takes frames to the Mailbox for a while: a socket, or calls over a binding. */
export interface Carrier {
  /** How many frames may be without a reply. */
  readonly depth: number;
  send(messages: readonly SendFields[]): void;
  close(): void;
}

export interface Told {
  /** What became of the oldest frame without a reply, in the order of its messages. */
  readonly results: (results: readonly Outcome<SentReply>[]) => void;
  /** The carrier is no more: what has no reply is not known (S13). */
  readonly lost: (failure: Failure) => void;
}

/** Rejects with a `Failure`. */
export type OpenCarrier = (told: Told, signal: AbortSignal) => Promise<Carrier>;

export interface StreamOptions {
  /** Names the stream: its deltas are joined for a reader who comes back (C3). 1 to 128 printable ASCII characters. */
  readonly topic: string;
  /** The type of its messages: `delta` where it is left out. */
  readonly type?: string | undefined;
  /** Ends it with the code `aborted`. What has reached the server stays done. */
  readonly signal?: AbortSignal | undefined;
  /** How long one outage may last, in milliseconds, in place of the sender's own `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

export interface TextStream {
  /**
   * Takes a piece of text. Resolves at once, or, where 1,000 pieces or 1 MiB are on their way, as soon as there is room: who
   * awaits it never gets ahead of the Mailbox.
   * @throws SendError where the stream has failed; nothing of it goes on then.
   */
  write(text: string): Promise<void>;
  /** Resolves once all that was written is stored (S1). A stream that has ended takes no more. @throws SendError */
  end(): Promise<void>;
}

interface Delta {
  readonly fields: SendFields;
  readonly bytes: number;
}

const WINDOW_MESSAGES = 1_000;
const WINDOW_BYTES = 1_024 * 1_024;
/** A frame has at most 1 MiB and 1,000 messages (P3). */
const FRAME_BYTES = 512 * 1_024;
/** What a delta takes beside its text, generously. */
const AROUND_BYTES = 512;

export class DeltaStream implements TextStream {
  readonly #open: OpenCarrier;
  readonly #effort: Effort;
  readonly #options: StreamOptions;
  readonly #name = crypto.randomUUID();
  readonly #ending = new AbortController();
  #count = 0;
  /** Not sent yet, and sent without a reply, frame by frame; both in order. */
  #queue: Delta[] = [];
  #sent: Delta[][] = [];
  #bytes = 0;
  #carrier: Carrier | undefined;
  /** It is opening a carrier, or waits until it may. */
  #isOpening = false;
  #patience: Patience | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #isScheduled = false;
  #isOver = false;
  #error: SendError | undefined;
  /** Who waits for room, or for the end. */
  #waiting: (() => void)[] = [];

  constructor(open: OpenCarrier, effort: Effort, options: StreamOptions) {
    this.#open = open;
    this.#effort = effort;
    this.#options = options;
    const abort = () => this.#fail({ code: "aborted", detail: "The caller's signal ended it.", retry: "same_id" });
    if (options.signal?.aborted) abort();
    else options.signal?.addEventListener("abort", abort, { once: true, signal: this.#ending.signal });
  }

  async write(text: string): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#isOver) throw new TypeError("This stream has ended.");
    const { topic, type = "delta" } = this.#options;
    const fields = { type, data: text, topic, append: true, id: `${this.#name}-${this.#count}` } as const;
    this.#count += 1;
    // As JSON, where a control character takes six bytes.
    const bytes = utf8Bytes(JSON.stringify(text)) + AROUND_BYTES;
    this.#queue.push({ fields, bytes });
    this.#bytes += bytes;
    this.#schedule();
    await this.#until(() => this.#unreplied < WINDOW_MESSAGES && this.#bytes < WINDOW_BYTES);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#until(() => this.#unreplied === 0);
    this.#leave();
    // The caller's signal, which may live for long, lets go of it.
    this.#ending.abort();
  }

  get #unreplied(): number {
    return this.#queue.length + this.#sent.reduce((sum, frame) => sum + frame.length, 0);
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (this.#error === undefined && !isSo()) await new Promise<void>((go) => this.#waiting.push(go));
    if (this.#error !== undefined) throw this.#error;
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** What is written in one turn goes as one frame. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setTimeout(() => {
      this.#isScheduled = false;
      this.#pump();
    }, 0);
  }

  #pump(): void {
    if (this.#error !== undefined) return;
    if (this.#carrier === undefined) {
      if (this.#queue.length > 0) void this.#connect();
      return;
    }
    while (this.#queue.length > 0 && this.#sent.length < this.#carrier.depth) {
      const frame = this.#takeFrame();
      this.#sent.push(frame);
      this.#carrier.send(frame.map(({ fields }) => fields));
    }
    this.#watchReplies();
  }

  #takeFrame(): Delta[] {
    let bytes = 0;
    const tooMuch = this.#queue.findIndex((delta, at) => {
      bytes += delta.bytes;
      return at > 0 && (bytes > FRAME_BYTES || at >= WINDOW_MESSAGES);
    });
    return this.#queue.splice(0, tooMuch === -1 ? this.#queue.length : tooMuch);
  }

  /** A peer that is silent, with a socket that looks open, is as good as gone: what is written meanwhile gives it no more time. */
  #watchReplies(): void {
    if (this.#watch !== undefined || this.#sent.length === 0) return;
    const { attemptTimeoutMs } = this.#effort;
    const detail = `No reply came within ${attemptTimeoutMs} ms.`;
    this.#watch = setTimeout(() => this.#lose({ code: "timeout", detail, retry: "same_id" }), attemptTimeoutMs);
  }

  async #connect(): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    this.#patient().begin();
    let carrier: Carrier | undefined;
    let lostAtOnce: Failure | undefined;
    const opening = new AbortController();
    const stop = () => opening.abort();
    this.#ending.signal.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(stop, Math.min(this.#effort.attemptTimeoutMs, this.#patient().leftMs));
    const isCurrent = () => carrier !== undefined && carrier === this.#carrier;
    const told: Told = {
      results: (results) => isCurrent() && this.#take(results),
      lost: (failure) => {
        if (carrier === undefined) lostAtOnce = failure;
        else if (isCurrent()) this.#lose(failure);
      },
    };
    try {
      carrier = await this.#open(told, opening.signal);
      this.#carrier = carrier;
    } catch (failure) {
      return this.#again(failure as Failure);
    } finally {
      clearTimeout(timer);
    }
    this.#isOpening = false;
    if (this.#error !== undefined) return this.#leave();
    if (lostAtOnce !== undefined) return this.#lose(lostAtOnce);
    this.#pump();
  }

  #unwatch(): void {
    if (this.#watch !== undefined) clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  #take(results: readonly Outcome<SentReply>[]): void {
    this.#unwatch();
    const frame = this.#sent.shift() ?? [];
    const refused = results.findIndex((result) => "code" in result);
    const accepted = refused === -1 ? frame : frame.slice(0, refused);
    for (const { bytes } of accepted) this.#bytes -= bytes;
    if (accepted.length > 0) this.#patience = undefined;
    this.#wake();
    const refusal = results[refused];
    if (refusal === undefined || !("code" in refusal)) return this.#pump();
    // Order is kept: what stands behind it comes after it.
    this.#sent.unshift(frame.slice(refused));
    const failure = failureOf(refusal);
    if (mayRepeat(failure, "repeatable")) this.#lose(failure);
    else this.#fail(failure);
  }

  #lose(failure: Failure): void {
    this.#leave();
    this.#queue = [...this.#sent.flat(), ...this.#queue];
    this.#sent = [];
    // Where nothing waits, there is time until the next write.
    if (this.#queue.length > 0) void this.#again(failure);
  }

  async #again(failure: Failure): Promise<void> {
    this.#isOpening = true;
    const again = await this.#patient().again(failure, "repeatable");
    this.#isOpening = false;
    if (again) this.#pump();
    else this.#fail(failure);
  }

  /** One outage's: over with the first message that is taken. */
  #patient(): Patience {
    const { timeoutMs = this.#effort.timeoutMs } = this.#options;
    this.#patience ??= new Patience({ ...this.#effort, timeoutMs, signal: this.#ending.signal });
    return this.#patience;
  }

  #fail(failure: Failure): void {
    this.#error ??= new SendError(failure, { attempts: this.#patience?.attempts ?? 1 });
    this.#leave();
    this.#ending.abort();
    this.#wake();
  }

  #leave(): void {
    this.#unwatch();
    this.#carrier?.close();
    this.#carrier = undefined;
  }
}
