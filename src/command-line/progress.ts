/** How far something is, on stderr: a bar that moves on a terminal, lines elsewhere. */
import type { Output, Surroundings } from "./surroundings.ts";

const BAR_COLUMNS = 24;
/** In a log, a line for each look would be too much. */
const LINE_EVERY_MS = 5_000;

export class Progress {
  readonly #output: Output;
  readonly #isTerminal: boolean;
  #isOpen = false;
  #last = "";
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor({ stderr, env }: Surroundings) {
    this.#output = stderr;
    this.#isTerminal = stderr.isTTY === true && env.TERM !== "dumb";
  }

  /** `part` from 0 to 1; `words` are the command's own. */
  show(part: number, words: string): void {
    const share = Math.min(1, Math.max(0, part));
    const text = `${String(Math.floor(share * 100)).padStart(3)}%  ${words}`;
    if (this.#isTerminal) {
      const full = Math.round(share * BAR_COLUMNS);
      const bar = "█".repeat(full) + "░".repeat(BAR_COLUMNS - full);
      // One line, and not more: what is longer than the terminal could not be taken back.
      const line = `${bar} ${text}`.slice(0, (this.#output.columns ?? 80) - 1);
      this.#output.write(`\r\u001b[K${line}`);
      this.#isOpen = true;
      return;
    }
    this.#last = text;
    if (performance.now() - this.#saidAt < LINE_EVERY_MS) return;
    this.#saidAt = performance.now();
    this.#say();
  }

  /** What is shown stays; what comes next begins a line. */
  end(): void {
    if (this.#isOpen) this.#output.write("\n");
    this.#isOpen = false;
    this.#say();
  }

  /** The last one is said in any case. */
  #say(): void {
    if (this.#last !== "") this.#output.write(`${this.#last}\n`);
    this.#last = "";
  }
}
