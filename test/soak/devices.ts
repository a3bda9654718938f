/** The devices of the soak, as whoever judges sees them; and readers that speak the protocol by themselves. */
import type { Gap, Passed } from "../proofs/reader.ts";
import { Reader, type ReaderOptions } from "../proofs/reader.ts";
import { tokensOf } from "./book.ts";

export interface Processed {
  readonly token: string;
  readonly seq: number;
  /** True where it came joined to others, whose seqs it does not say. */
  readonly isJoined: boolean;
  /** By `performance.now()`. */
  readonly at: number;
}

export interface Device {
  readonly user: string;
  /** Several of one name are tabs of one device. */
  readonly name: string;
  readonly what: string;
  readonly isConnected: boolean;
  /** How often it was connected. */
  readonly connections: number;
  readonly processedSeq: number;
  /** In the order of its coming. */
  readonly processed: readonly Processed[];
  readonly gaps: readonly Gap[];
  readonly passed: readonly Passed[];
  readonly violations: readonly string[];
  /** Messages that came again, and were dropped. */
  readonly repeated: number;
  /** Above this seq everything is its. */
  readonly from: number;
  /** For an impatient end: it tries now. */
  hurry(): void;
  stop(): Promise<void>;
}

/** A reader that is written for the proofs. */
export class ReaderDevice implements Device {
  readonly user: string;
  readonly name: string;
  readonly what: string;
  readonly #reader: Reader;

  constructor(options: ReaderOptions) {
    this.user = options.user;
    this.name = options.device;
    this.what = options.remembers ? "reader with memory" : "reader without memory";
    this.#reader = new Reader(options).start();
  }

  get isConnected(): boolean {
    return this.#reader.isConnected;
  }
  get connections(): number {
    return this.#reader.cursors.length;
  }
  get processedSeq(): number {
    return this.#reader.processedSeq;
  }
  get from(): number {
    return this.#reader.cursors[0] ?? 0;
  }
  get processed(): readonly Processed[] {
    const reader = this.#reader;
    return reader.received.flatMap(({ seq, data }) => {
      if (!reader.has(seq)) return [];
      const tokens = tokensOf(data);
      const at = reader.cameAt(seq) ?? Number.POSITIVE_INFINITY;
      return tokens.map((token) => ({ token, seq, isJoined: tokens.length > 1, at }));
    });
  }
  get gaps(): readonly Gap[] {
    return this.#reader.gaps;
  }
  get passed(): readonly Passed[] {
    return this.#reader.passed;
  }
  get violations(): readonly string[] {
    return this.#reader.violations;
  }
  get repeated(): number {
    return this.#reader.repeated;
  }

  away(ms: number, cut: boolean): void {
    this.#reader.away(ms, cut);
  }
  /** After a `stop`. */
  resume(): void {
    this.#reader.start();
  }
  hurry(): void {}
  stop(): Promise<void> {
    return this.#reader.stop();
  }
}
