/**
 * A device that reads for good, as the SDK's does: connects, acks, comes back after every loss, drops what it has processed,
 * and resynchronises where a frame is missing. It keeps all it has seen, for whoever judges afterwards.
 */
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import type { Random } from "../support/random.ts";
import type { Frame, ReceivedMessage } from "../support/received.ts";
import { eventually, instant } from "./clock.ts";

export interface ReaderOptions {
  readonly url: string;
  readonly user: string;
  readonly device: string;
  /** Comes back with `after`, as a client with its memory; else from the device's cursor. */
  readonly remembers: boolean;
  readonly random: Random;
  /** Acks come so late at most. Default: as soon as the limit of frames a second allows. */
  readonly ackLagMs?: number;
  readonly window?: number;
}

/** Where messages ended without this device: `(prev, seq]`. */
export interface Gap {
  readonly prev: number;
  readonly seq: number;
  readonly count: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** When it came, in Unix milliseconds. */
  readonly at: number;
}

/** Where a confirmation's `cursor` was above all that this reader had: another tab of the device has it (C1, C5). */
export interface Passed {
  /** `(prev, seq]`. */
  readonly prev: number;
  readonly seq: number;
}

const ACK_EVERY_MS = 15;

export class Reader {
  readonly user: string;
  readonly device: string;
  /** Each message once, in the order of its first arrival; as it came last where it had been lost with its connection. */
  readonly received: ReceivedMessage[] = [];
  readonly gaps: Gap[] = [];
  readonly passed: Passed[] = [];
  readonly violations: string[] = [];
  /** The cursors of its confirmations. */
  readonly cursors: number[] = [];
  /** Why its connections ended: close codes, and `-1` where none came about. */
  readonly ends: number[] = [];
  /** Messages that came again. */
  repeated = 0;
  /** Frames found missing on an open socket. */
  holes = 0;
  readonly #options: ReaderOptions;
  /** When each first came, by `performance.now()`. */
  readonly #cameAt = new Map<number, number>();
  /** Where in `received` each seq stands. */
  readonly #placeOf = new Map<number, number>();
  /** What it has for good: a client without memory loses with its connection what it has not acked. */
  readonly #kept = new Set<number>();
  #ackedSeq = 0;
  #processedSeq = 0;
  #connection: Connection | undefined;
  #stopped = false;
  #awayUntil = 0;
  #acking: Connection | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.user = options.user;
    this.device = options.device;
  }

  start(): this {
    this.#stopped = false;
    this.#running = this.#run();
    return this;
  }

  /** The highest seq it has processed, and acked. */
  get processedSeq(): number {
    return this.#processedSeq;
  }
  get ackedSeq(): number {
    return this.#ackedSeq;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  has(seq: number): boolean {
    return this.#kept.has(seq);
  }

  /** When it first came, by `performance.now()`; undefined = never. */
  cameAt(seq: number): number | undefined {
    return this.#cameAt.get(seq);
  }

  connected(deadlineMs?: number): Promise<void> {
    return eventually(`${this.user}/${this.device} is connected`, () => this.isConnected, deadlineMs);
  }

  reached(seq: number, deadlineMs?: number): Promise<void> {
    return eventually(`${this.user}/${this.device} reaches ${seq}`, () => this.#processedSeq >= seq, deadlineMs);
  }

  /** Goes away for a while: says good-bye, or is cut off. */
  away(ms: number, cut: boolean): void {
    this.#awayUntil = performance.now() + ms;
    if (cut) this.#connection?.socket.terminate();
    else this.#connection?.socket.close();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#connection?.socket.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { url, user, device, remembers, window, random } = this.#options;
    const token = await mintLocally(user);
    while (!this.#stopped) {
      await instant(this.#awayUntil);
      const attempt = await Connection.attempt(url, {
        token,
        device,
        tolerant: true,
        onFrame: (frame, connection) => this.#take(frame, connection),
        ...(window === undefined ? {} : { window }),
        ...(remembers && this.#processedSeq > 0 ? { after: this.#processedSeq } : {}),
      }).catch(() => undefined);
      if (attempt?.outcome === "established") {
        const { connection } = attempt;
        this.#connection = connection;
        if (this.#stopped) connection.socket.close();
        const { code } = await connection.closed;
        this.#connection = undefined;
        this.ends.push(code);
        if (!remembers) this.#forget();
        // What an open socket's stream must keep, a hole apart, it must keep at every moment.
        this.violations.push(...connection.violations.filter((v) => !v.startsWith("[C3] prev")));
      } else if (attempt?.outcome === "refused" && attempt.status < 500) {
        this.violations.push(`[C11] refused: ${attempt.status} ${JSON.stringify(attempt.body)}`);
        return;
      } else this.ends.push(attempt?.outcome === "closed" ? attempt.code : -1);
      if (!this.#stopped) await instant(performance.now() + random.int(10, 60));
    }
  }

  #take(frame: Frame, connection: Connection): void {
    if (frame.type === "connection_established") this.#begin(frame.cursor);
    if (frame.type !== "messages" && frame.type !== "gap") return;
    // After a hole it neither processes nor acks: it has asked for all of it again.
    if (connection.socket.readyState !== connection.socket.OPEN) return;
    if (connection.violations.some((v) => v.startsWith("[C3] prev"))) {
      this.holes += 1;
      connection.socket.close(4000, "resync");
      return;
    }
    if (frame.type === "gap") {
      const { prev, seq, count, reasons } = frame;
      this.gaps.push({ prev, seq, count, reasons: { ...reasons }, at: Date.now() });
      this.#processedSeq = Math.max(this.#processedSeq, frame.seq);
    } else for (const message of frame.messages) this.#process(message);
    this.#ackLater(connection);
  }

  /** It starts at the cursor, whatever it had: below it nothing is its any more. */
  #begin(cursor: number): void {
    if (this.cursors.length > 0 && cursor > this.#processedSeq)
      this.passed.push({ prev: this.#processedSeq, seq: cursor });
    this.cursors.push(cursor);
    this.#processedSeq = Math.max(this.#processedSeq, cursor);
    this.#ackedSeq = Math.max(this.#ackedSeq, cursor);
  }

  #process(message: ReceivedMessage): void {
    const at = this.#placeOf.get(message.seq);
    const known = at === undefined ? undefined : this.received[at];
    if (at === undefined) {
      this.#placeOf.set(message.seq, this.received.length);
      this.received.push(message);
      this.#cameAt.set(message.seq, performance.now());
    } else if (known?.id !== message.id)
      this.violations.push(`[D10] ${message.seq} was ${known?.id}, and is ${message.id}`);
    // What it lost with its connection may come again with what stood before it, joined (C3).
    else if (!this.#kept.has(message.seq)) this.received[at] = message;
    if (this.#kept.has(message.seq)) {
      this.repeated += 1;
      return;
    }
    // Below what it has processed it can only be something it has seen, since nothing is passed over.
    if (message.seq < this.#processedSeq) {
      this.violations.push(`[D2] ${message.seq} comes for the first time after ${this.#processedSeq}`);
    }
    this.#kept.add(message.seq);
    this.#processedSeq = Math.max(this.#processedSeq, message.seq);
  }

  #forget(): void {
    for (const seq of this.#kept) if (seq > this.#ackedSeq) this.#kept.delete(seq);
    while ((this.gaps.at(-1)?.seq ?? 0) > this.#ackedSeq) this.gaps.pop();
    this.#processedSeq = this.#ackedSeq;
  }

  /** One ack for all that came meanwhile: a client has 100 frames a second. */
  #ackLater(connection: Connection): void {
    if (this.#acking === connection) return;
    this.#acking = connection;
    setTimeout(
      () => {
        this.#acking = undefined;
        if (connection.socket.readyState !== connection.socket.OPEN) return;
        const seq = Math.min(connection.lastSeq, this.#processedSeq);
        connection.ack(seq);
        this.#ackedSeq = Math.max(this.#ackedSeq, seq);
      },
      this.#options.random.int(ACK_EVERY_MS, Math.max(ACK_EVERY_MS, this.#options.ackLagMs ?? 0)),
    );
  }
}
